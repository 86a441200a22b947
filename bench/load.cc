// load TARGET [ARGUMENTS] -- WORK [NUMBERS]: one measurement, printed as RESULT lines.
//   load https HOST PORT USER PASSWORD DOMAIN -- adds 16 500 w1-
//   load postgres "host=... sslmode=require" -- read 2000 f- 100000
// Work: adds SESSIONS EACH PREFIX BASE; fill PREFIX FIRST COUNT BASE; publish COUNT PREFIX BASE;
//       BASE: number of the first address, so that no two objects share one; read TIMES PREFIX OF;
//       page TIMES OFFSET; search TIMES WORD; tables; reads SESSIONS EACH PREFIX OF;
//       beside COUNT PREFIX BASE READ-PREFIX OF: reads while COUNT changes are published;
//       rules COUNT PREFIX; middle COUNT PREFIX PLACE; rule_page TIMES OFFSET;
//       rule_search TIMES WORD; visit TIMES
// Of replication, `load WRITER ... @ READER ... -- WORK`: a target "plain" is PostgreSQL with one
// INSERT as the whole publish.
//       visible CHANGES TIMES PREFIX BASE: publishes until they are answered, and until the reader
//       has the last object; sustained SECONDS PREFIX BASE: publishes of one object after the other,
//       counted when the reader has the last; refused PREFIX BASE SECONDS: publishes of one object
//       on whoever of both takes them, and the longest time in which nobody did
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <thread>

#include "target.hh"

namespace {

using namespace mds::bench;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

void result(const std::string& name, double value, const char* unit) {
    std::printf("RESULT %s %.3f %s\n", name.c_str(), value, unit);
    std::fflush(stdout);
}

void percentiles(const std::string& name, size_t times, const std::function<void(size_t)>& one) {
    std::vector<double> all;
    for (size_t i = 0; i < times; ++i) {
        auto begin = Clock::now();
        one(i);
        all.push_back(seconds_since(begin) * 1000);
    }
    std::sort(all.begin(), all.end());
    result(name + "_p50", all[all.size() / 2], "ms");
    result(name + "_p99", all[all.size() * 99 / 100], "ms");
}

struct Arguments {
    std::vector<std::string> target, other, work;
    uint64_t number(size_t i) const { return std::strtoull(work.at(i).c_str(), nullptr, 10); }
    std::unique_ptr<Session> session(bool prepare = false) const { return open(target, prepare); }
    std::unique_ptr<Session> reader() const { return open(other, false); }
    static std::unique_ptr<Session> open(const std::vector<std::string>& at, bool prepare) {
        if (at.empty()) throw std::runtime_error("load WRITER ... @ READER ... -- WORK");
        std::vector<std::string> rest(at.begin() + 1, at.end());
        if (at[0] == "https") return https_session(rest);
        if (at[0] == "postgres") return postgres_session(rest.at(0), prepare);
        if (at[0] == "plain") return postgres_session(rest.at(0), prepare, true);
        throw std::runtime_error("unknown target " + at[0]);
    }
};

void adds(const Arguments& a) {
    size_t sessions = a.number(1), each = a.number(2);
    std::vector<std::unique_ptr<Session>> all;
    for (size_t i = 0; i < sessions; ++i) all.push_back(a.session());
    std::vector<std::thread> threads;
    auto begin = Clock::now();
    for (size_t s = 0; s < sessions; ++s) {
        threads.emplace_back([&, s] {
            for (size_t i = 0; i < each; ++i) {
                all[s]->add(a.work.at(3) + std::to_string(s) + "-" + std::to_string(i),
                            address_of(a.number(4) + s * each + i));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    result("adds_" + a.work[1] + "_sessions",
           static_cast<double>(sessions * each) / seconds_since(begin), "1/s");
    for (auto& session : all) session->publish();
}

void fill(const Arguments& a) {
    auto session = a.session();
    uint64_t first = a.number(2), end = first + a.number(3);
    double adding = 0, publishing = 0;
    while (first < end) {
        uint64_t until = std::min(end, first + 100'000);
        auto begin = Clock::now();
        for (; first < until; first += 10'000) {
            session->add_many(a.work[1], first, std::min<uint64_t>(10'000, until - first),
                              a.number(4));
        }
        adding += seconds_since(begin);
        begin = Clock::now();
        session->publish();
        publishing += seconds_since(begin);
    }
    result("fill_" + a.work[3] + "_batches", adding, "s");
    result("fill_" + a.work[3] + "_publishes_of_100000", publishing, "s");
}

void publish(const Arguments& a) {
    auto session = a.session();
    uint64_t count = a.number(1);
    size_t times = count == 1 ? 100 : count <= 100 ? 20 : 1;
    std::vector<double> all;
    for (size_t t = 0; t < times; ++t) {
        std::string prefix = a.work.at(2) + std::to_string(t) + "-";
        for (uint64_t i = 0; i < count; i += 10'000) {
            session->add_many(prefix, i, std::min<uint64_t>(10'000, count - i),
                              a.number(3) + t * count);
        }
        auto begin = Clock::now();
        session->publish();
        all.push_back(seconds_since(begin) * 1000);
    }
    std::sort(all.begin(), all.end());
    result("publish_" + a.work[1] + "_p50", all[all.size() / 2], "ms");
}

void reads(const Arguments& a) {
    size_t sessions = a.number(1), each = a.number(2), of = a.number(4);
    std::vector<std::unique_ptr<Session>> all;
    for (size_t i = 0; i < sessions; ++i) all.push_back(a.session());
    std::vector<std::thread> threads;
    auto begin = Clock::now();
    for (size_t s = 0; s < sessions; ++s) {
        threads.emplace_back([&, s] {
            for (size_t i = 0; i < each; ++i) {
                all[s]->read(a.work[3] + std::to_string((s * each + i) * 7919 % of));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    result("reads_" + a.work[1] + "_sessions",
           static_cast<double>(sessions * each) / seconds_since(begin), "1/s");
}

/// Reads of one session, every millisecond, while another one publishes.
void beside(const Arguments& a) {
    auto session = a.session(), reader = a.session();
    uint64_t count = a.number(1), of = a.number(5);
    for (uint64_t i = 0; i < count; i += 10'000) {
        session->add_many(a.work.at(2), i, std::min<uint64_t>(10'000, count - i), a.number(3));
    }
    reader->read(a.work.at(4) + "0");
    std::atomic<bool> ended = false;
    std::vector<double> all;
    std::thread reading([&] {
        for (size_t i = 0; !ended; ++i) {
            auto begin = Clock::now();
            reader->read(a.work.at(4) + std::to_string(i * 7919 % of));
            all.push_back(seconds_since(begin) * 1000);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    auto begin = Clock::now();
    session->publish();
    double took = seconds_since(begin) * 1000;
    ended = true;
    reading.join();
    std::sort(all.begin(), all.end());
    result("publish_" + a.work[1] + "_beside_reads", took, "ms");
    result("read_beside_publish_p50", all[all.size() / 2], "ms");
    result("read_beside_publish_p99", all[all.size() * 99 / 100], "ms");
    result("read_beside_publish_max", all.back(), "ms");
}

void rules(const Arguments& a, uint64_t place) {
    auto session = a.session();
    uint64_t count = a.number(1);
    std::vector<double> all, publishes;
    for (uint64_t i = 0; i < count;) {
        for (uint64_t until = std::min(count, i + 10'000); i < until; ++i) {
            auto begin = Clock::now();
            session->add_rule(a.work.at(2) + std::to_string(i), place);
            all.push_back(seconds_since(begin) * 1000);
        }
        auto begin = Clock::now();
        session->publish();
        publishes.push_back(seconds_since(begin) * 1000);
    }
    std::sort(all.begin(), all.end());
    std::sort(publishes.begin(), publishes.end());
    std::string name = place ? "rule_add_in_the_middle" : "rule_add_at_the_end";
    result(name + "_p50", all[all.size() / 2], "ms");
    result(name + "_p99", all[all.size() * 99 / 100], "ms");
    result("rule_publish_" + std::to_string(std::min<uint64_t>(count, 10'000)),
           publishes[publishes.size() / 2], "ms");
}

void wait_visible(Session& reader, const std::string& name) {
    while (!reader.has(name)) {
    }
}

void visible(const Arguments& a) {
    auto writer = a.session(), reader = a.reader();
    uint64_t count = a.number(1), base = a.number(4);
    std::vector<double> ok, seen;
    for (uint64_t t = 0; t < a.number(2); ++t) {
        std::string prefix = a.work.at(3) + std::to_string(t) + "-";
        uint64_t first = base + t * count;
        if (count == 1) writer->add(prefix + "0", address_of(first));
        for (uint64_t i = 0; count > 1 && i < count; i += 10'000) {
            writer->add_many(prefix, i, std::min<uint64_t>(10'000, count - i), first);
        }
        auto begin = Clock::now();
        writer->publish();
        ok.push_back(seconds_since(begin) * 1000);
        wait_visible(*reader, prefix + std::to_string(count - 1));
        seen.push_back(seconds_since(begin) * 1000);
    }
    std::sort(ok.begin(), ok.end());
    std::sort(seen.begin(), seen.end());
    result("publish_" + a.work[1] + "_ok_p50", ok[ok.size() / 2], "ms");
    result("publish_" + a.work[1] + "_visible_p50", seen[seen.size() / 2], "ms");
    result("publish_" + a.work[1] + "_visible_p99", seen[seen.size() * 99 / 100], "ms");
}

void sustained(const Arguments& a) {
    auto writer = a.session(), reader = a.reader();
    auto limit = static_cast<double>(a.number(1));
    uint64_t count = 0;
    auto begin = Clock::now();
    for (; seconds_since(begin) < limit; ++count) {
        writer->add(a.work.at(2) + std::to_string(count), address_of(a.number(3) + count));
        writer->publish();
    }
    wait_visible(*reader, a.work[2] + std::to_string(count - 1));
    result("sustained_publishes", static_cast<double>(count) / seconds_since(begin), "1/s");
}

/// Nothing is lost: what was refused is published again, at the other one if need be.
void refused(const Arguments& a) {
    auto until = static_cast<double>(a.number(3));
    auto begin = Clock::now(), last = begin;
    double longest = 0;
    uint64_t count = 0;
    bool at_first = true, again = true;
    std::unique_ptr<Session> session;
    while (seconds_since(begin) < until) {
        try {
            if (again) session = Arguments::open(at_first ? a.target : a.other, false);
            again = false;
            session->add(a.work.at(1) + std::to_string(count), address_of(a.number(2) + count));
            session->publish();
            longest = std::max(longest, seconds_since(last));
            last = Clock::now();
            ++count;
        } catch (const std::exception&) {
            session.reset();
            at_first = !at_first;
            again = true;
        }
    }
    result("publishes", static_cast<double>(count), "publishes");
    result("longest_without_a_publish", longest * 1000, "ms");
}

void visits(const Arguments& a) {
    size_t times = a.number(1);
    if (a.target[0] == "postgres") {
        percentiles("connect", times, [&](size_t) { postgres_visit(a.target.at(1)); });
        percentiles("connect_again", times, [&](size_t) { postgres_visit(a.target.at(1)); });
        return;
    }
    std::vector<std::string> rest(a.target.begin() + 1, a.target.end());
    percentiles("connect", times, [&](size_t) { https_visit(rest, false); });
    https_visit(rest, true);
    percentiles("connect_again", times, [&](size_t) { https_visit(rest, true); });
}

void work(const Arguments& a) {
    const std::string& what = a.work.at(0);
    if (what == "adds") return adds(a);
    if (what == "fill") return fill(a);
    if (what == "publish") return publish(a);
    if (what == "reads") return reads(a);
    if (what == "beside") return beside(a);
    if (what == "rules") return rules(a, 0);
    if (what == "middle") return rules(a, a.number(3));
    if (what == "visit") return visits(a);
    if (what == "visible") return visible(a);
    if (what == "sustained") return sustained(a);
    if (what == "refused") return refused(a);
    if (what == "tables") return void(a.session(true));
    auto session = a.session();
    uint64_t times = a.number(1);
    if (what == "read") {
        uint64_t of = a.number(3);
        percentiles("read_one", times, [&](size_t i) {
            if (session->read(a.work[2] + std::to_string(i * 7919 % of)) == 0) {
                throw std::runtime_error("nothing was read");
            }
        });
    } else if (what == "page") {
        uint64_t offset = a.number(2);
        percentiles("page_500_at_" + a.work[2], times, [&](size_t) {
            if (session->page(offset) < 1000) throw std::runtime_error("an empty page");
        });
    } else if (what == "rule_page") {
        uint64_t offset = a.number(2);
        percentiles("rule_page_500_at_" + a.work[2], times, [&](size_t) {
            if (session->rule_page(offset) < 1000) throw std::runtime_error("an empty page");
        });
    } else if (what == "rule_search") {
        percentiles("rule_search", times, [&](size_t) { session->rule_search(a.work[2]); });
    } else if (what == "search") {
        uint64_t found = 0;
        percentiles("search_" + a.work.at(3), times,
                    [&](size_t) { found = session->search(a.work[2]); });
        result("search_" + a.work[3] + "_found", static_cast<double>(found), "objects");
    } else {
        throw std::runtime_error("unknown work " + what);
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a connection that is lost is told as such
    Arguments a;
    std::vector<std::string>* part = &a.target;
    for (int i = 1; i < argc; ++i) {
        if (std::string(argv[i]) == "--") {
            part = &a.work;
        } else if (std::string(argv[i]) == "@") {
            part = &a.other;
        } else {
            part->emplace_back(argv[i]);
        }
    }
    try {
        if (a.target.empty() || a.work.empty()) throw std::runtime_error("load TARGET ... -- WORK");
        work(a);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "load: %s\n", e.what());
        return 1;
    }
    return 0;
}
