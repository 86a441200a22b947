#include <chrono>
#include <cstdio>

#include "rig.hh"

namespace mds::mgmt {
namespace {

class Speed : public Rig {
  protected:
    template <class F>
    double ms(F f) {
        auto start = std::chrono::steady_clock::now();
        f();
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count();
    }
    void import(const std::string& sid, const std::string& prefix, int count) {
        for (int i = 0; i < count; ++i) {
            add_host(sid, prefix + std::to_string(i),
                     "10." + std::to_string(prefix.size()) + "." + std::to_string(i / 250 % 250) +
                         "." + std::to_string(i % 250 + 1));
        }
    }
};

/// Prints numbers instead of judging them: run with --gtest_also_run_disabled_tests.
TEST_F(Speed, DISABLED_ImportListsEquals) {
    std::string sid = login();
    std::printf("10000 adds: %.0f ms\n", ms([&] { import(sid, "h", 10000); }));
    std::printf("page of 500, full, in the overlay: %.1f ms\n",
                ms([&] { good(sid, "show-hosts", R"({"limit":500,"details-level":"full"})"); }));
    std::printf("publish of 10000: %.0f ms\n", ms([&] { publish(sid); }));
    std::printf("page of 500, full: %.1f ms\n", ms([&] {
                    good(sid, "show-hosts",
                         R"({"limit":500,"offset":5000,"details-level":"full"})");
                }));
    std::printf("page of 500, standard: %.1f ms\n",
                ms([&] { good(sid, "show-hosts", R"({"limit":500,"offset":5000})"); }));
    std::printf("filter over 10000: %.1f ms\n",
                ms([&] { good(sid, "show-objects", R"({"filter":"h77"})"); }));
    std::printf("1000 equals: %.1f ms\n", ms([&] {
                    for (int i = 0; i < 1000; ++i) {
                        ask(sid, "equals",
                            R"({"type":"host","params":{"name":"h)" + std::to_string(i) +
                                R"(","ip-address":"10.1.0.1"}})");
                    }
                }));
    std::printf("1000 adds beside 10000: %.1f ms\n", ms([&] { import(sid, "hh", 1000); }));
    std::printf("500 sets: %.1f ms\n", ms([&] {
                    for (int i = 0; i < 500; ++i) {
                        good(sid, "set-host",
                             R"({"name":"h)" + std::to_string(i) + R"(","comments":"x"})");
                    }
                }));
    std::printf("page of 500, full, mixed: %.1f ms\n",
                ms([&] { good(sid, "show-hosts", R"({"limit":500,"details-level":"full"})"); }));
    good(sid, "add-group", R"({"name":"g"})");
    std::printf("10000 adds with a group: %.1f ms\n", ms([&] {
                    for (int i = 0; i < 10000; ++i) {
                        good(sid, "add-host",
                             R"({"name":"m)" + std::to_string(i) + R"(","ip-address":"10.9.)" +
                                 std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) +
                                 R"(","groups":["g"]})");
                    }
                }));
    std::printf("publish: %.0f ms\n", ms([&] { publish(sid); }));
}

/// A rulebase of 100,000 rules: what one edit and one page cost in it.
TEST_F(Speed, DISABLED_Rulebase) {
    std::string sid = login();
    good(sid, "add-access-layer", R"({"name":"L"})");
    auto add = [&](int i, const std::string& position) {
        good(sid, "add-access-rule",
             R"({"layer":"L","service":["http","https"],"name":"r)" + std::to_string(i) +
                 R"(","position":)" + position + "}");
    };
    for (int at : {10000, 100000}) {
        int before = at == 10000 ? 0 : 10000;
        std::printf("%d adds above the cleanup rule: %.0f ms\n", at - before, ms([&] {
                        for (int i = before; i < at; ++i) add(i, R"({"above":"Cleanup rule"})");
                    }));
        std::printf("publish: %.0f ms\n", ms([&] { publish(sid); }));
        std::printf("first look at the index: %.0f ms\n", ms([&] {
                        good(sid, "show-access-rulebase", R"({"name":"L","limit":1})");
                    }));
        std::printf("with %d rules, 100 adds in the middle: %.1f ms\n", at, ms([&] {
                        for (int i = 0; i < 100; ++i) add(at * 2 + i, std::to_string(at / 2));
                    }));
        std::printf("100 moves: %.1f ms\n", ms([&] {
                        for (int i = 0; i < 100; ++i) {
                            good(sid, "set-access-rule",
                                 R"({"layer":"L","rule-number":)" + std::to_string(i * 7 + 1) +
                                     R"(,"new-position":)" + std::to_string(at - i) + "}");
                        }
                    }));
        std::printf("publish of these: %.1f ms\n", ms([&] { publish(sid); }));
        for (int offset : {0, at / 2, at - 500}) {
            std::printf("page of 500 from %d: %.1f ms\n", offset, ms([&] {
                            good(sid, "show-access-rulebase",
                                 R"({"name":"L","limit":500,"offset":)" + std::to_string(offset) +
                                     "}");
                        }));
        }
    }
}

}  // namespace
}  // namespace mds::mgmt
