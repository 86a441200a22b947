#include "rig.hh"

namespace mds::mgmt {
namespace {

class Lists : public Rig {
  protected:
    std::vector<std::string> names(const json::object& reply) {
        std::vector<std::string> out;
        for (const auto& v : json::get_array(reply, "objects")) {
            out.push_back(json::get_string(v.as_object(), "name"));
        }
        return out;
    }
    using Names = std::vector<std::string>;
};

TEST_F(Lists, PublicAndOwnChangesAreMergedInOrderOfNames) {
    std::string sid = login();
    add_host(sid, "b", "10.0.0.2");
    add_host(sid, "D", "10.0.0.4");
    add_host(sid, "f", "10.0.0.6");
    publish(sid);
    add_host(sid, "A", "10.0.0.1");
    add_host(sid, "c", "10.0.0.3");
    good(sid, "set-host", R"({"name":"f","new-name":"a0"})");
    good(sid, "delete-host", R"({"name":"b"})");
    EXPECT_EQ(names(good(sid, "show-hosts")), (Names{"A", "a0", "c", "D"}));
    EXPECT_EQ(names(good(sid, "show-hosts", R"({"order":[{"DESC":"name"}]})")),
              (Names{"D", "c", "a0", "A"}));
    json::object page = good(sid, "show-hosts", R"({"limit":2,"offset":1})");
    EXPECT_EQ(names(page), (Names{"a0", "c"}));
    EXPECT_EQ(page.at("from"), 2);
    EXPECT_EQ(page.at("to"), 3);
    EXPECT_EQ(page.at("total"), 4);
    std::string other = login({{"user", "eve"}});
    EXPECT_EQ(names(good(other, "show-hosts")), (Names{"b", "D", "f"}));
    EXPECT_EQ(names(good(other, "show-hosts", R"({"offset":2})")), (Names{"f"}));
}

TEST_F(Lists, Trap_6_APageBeyondTheEndReachesTotal) {
    std::string sid = login();
    json::object empty = good(sid, "show-hosts");
    EXPECT_EQ(empty.at("objects"), json::array{});
    EXPECT_EQ(empty.at("from"), 0);
    EXPECT_EQ(empty.at("to"), 0);
    EXPECT_EQ(empty.at("total"), 0);
    add_host(sid, "a", "10.0.0.1");
    add_host(sid, "b", "10.0.0.2");
    for (int round = 0; round < 2; ++round) {
        for (const char* body : {R"({"offset":2})", R"({"offset":50})"}) {
            json::object beyond = good(sid, "show-hosts", body);
            EXPECT_EQ(beyond.at("from"), 0);
            EXPECT_EQ(beyond.at("to"), 2);
            EXPECT_EQ(beyond.at("total"), 2);
        }
        publish(sid);
    }
}

TEST_F(Lists, UidLevelIsPlainStrings) {
    std::string sid = login();
    std::string uid = add_host(sid, "a", "10.0.0.1");
    EXPECT_EQ(good(sid, "show-hosts", R"({"details-level":"uid"})").at("objects"),
              (json::array{uid}));
    json::object full = good(sid, "show-hosts", R"({"details-level":"full"})");
    EXPECT_TRUE(full.at("objects").as_array()[0].as_object().contains("meta-info"));
}

TEST_F(Lists, Trap_10_LimitZero) {
    std::string sid = login();
    add_host(sid, "a", "10.0.0.1");
    json::object reply = good(sid, "show-hosts", R"({"limit":0})");
    EXPECT_EQ(reply.at("total"), 1);
    EXPECT_EQ(reply.at("objects"), json::array{});
}

TEST_F(Lists, PagesJoinToTheWholeList) {
    std::string sid = login();
    for (int i = 0; i < 60; ++i) {
        good(sid, "add-tag", R"({"name":"t)" + std::to_string(i) + "\"}");
    }
    publish(sid);
    for (int i = 60; i < 120; ++i) {
        good(sid, "add-tag", R"({"name":"t)" + std::to_string(i) + "\"}");
    }
    Names all = names(good(sid, "show-tags", R"({"limit":500})")), joined;
    ASSERT_EQ(all.size(), 120u);
    for (int64_t to = 0, total = 1; to != total;) {
        json::object page =
            good(sid, "show-tags", R"({"limit":7,"offset":)" + std::to_string(to) + "}");
        for (auto& name : names(page)) joined.push_back(name);
        to = page.at("to").as_int64();
        total = page.at("total").as_int64();
    }
    EXPECT_EQ(joined, all);
}

TEST_F(Lists, ServicesShowPredefinedOnesToo) {
    std::string sid = login();
    good(sid, "add-service-tcp", R"({"name":"aaa","port":1})");
    json::object page = good(sid, "show-services-tcp", R"({"limit":500})");
    Names all = names(page);
    EXPECT_EQ(all.front(), "aaa");
    EXPECT_NE(std::find(all.begin(), all.end(), "https"), all.end());
    EXPECT_EQ(static_cast<size_t>(page.at("total").as_int64()), all.size());
}

TEST_F(Lists, Filter) {
    std::string sid = login();
    add_host(sid, "web-alpha", "10.1.0.1");
    add_host(sid, "web-beta", "10.1.0.2");
    good(sid, "add-host", R"({"name":"db","ip-address":"10.2.0.1","comments":"Alpha site"})");
    good(sid, "add-network", R"({"name":"net","subnet":"10.1.0.0","mask-length":16})");
    for (int round = 0; round < 2; ++round) {
        auto find = [&](const std::string& filter, const char* extra = "") {
            return names(good(sid, "show-objects", R"({"filter":")" + filter + "\"" + extra + "}"));
        };
        EXPECT_EQ(find("alpha"), (Names{"db", "web-alpha"}));
        EXPECT_EQ(find("web alpha"), (Names{"web-alpha"}));
        EXPECT_EQ(find("db OR beta"), (Names{"db", "web-beta"}));
        EXPECT_EQ(find("lpha"), (Names{}));
        EXPECT_EQ(find("10.1.0.1"), (Names{"net", "web-alpha"}));
        EXPECT_EQ(find("10.1.9.9", R"(,"ip-only":true)"), (Names{"net"}));
        EXPECT_EQ(names(good(sid, "show-hosts", R"({"filter":"web"})")),
                  (Names{"web-alpha", "web-beta"}));
        publish(sid);
    }
}

TEST_F(Lists, ShowObjectsByUidsAndType) {
    std::string sid = login();
    std::string uid = add_host(sid, "a", "10.0.0.1");
    EXPECT_EQ(names(good(sid, "show-objects", R"({"uids":[")" + uid + "\"]}")), (Names{"a"}));
    EXPECT_EQ(names(good(sid, "show-objects", R"({"type":"host"})")), (Names{"a"}));
    EXPECT_EQ(good(sid, "show-objects", R"({"type":"network"})").at("total"), 0);
}

}  // namespace
}  // namespace mds::mgmt
