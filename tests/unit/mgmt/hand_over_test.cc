// Sessions on a server that is no longer the Active, handed over to the one that is (multi-domain-ha.md CA-3).
#include "mgmt/parked.hh"
#include "rig.hh"
#include "store/codec.hh"

namespace mds::mgmt {
namespace {

class HandOver : public Rig {
  protected:
    /// What the Active publishes while this server is a Standby.
    void published_there(const std::string& host, const std::string& comments) {
        auto object = db->find("network", host);
        json::object document = json::parse_object(object->doc);
        document["comments"] = comments;
        store::PublicDb::PublishRequest request;
        request.session = Uid::make();
        request.author = "bob";
        request.changes = {{store::Change::Op::put, object->uid, object->type, object->scope, object->name,
                            json::canonical(document)}};
        db->publish(std::move(request), nullptr);
        workspace->content_changed();
    }
    std::string session_uid(const std::string& sid) { return json::get_string(good(sid, "show-session"), "uid"); }
    Answer hand_over(const std::string& sid, const std::string& uid) {
        return ask(sid, "hand-over-session", R"({"uid":")" + uid + "\"}");
    }
    std::optional<Parked::Publish> waiting() { return Parked(*work).next(); }
    /// As the Active: takes what waits, and its author goes on with it.
    json::object taken(const std::string& sid) {
        standby = false;
        workspace->recover(*waiting());
        for (const SessionInfo& s : workspace->sessions()) {
            if (s.recovered) return good(sid, "switch-session", R"({"uid":")" + s.uid.text() + "\"}");
        }
        ADD_FAILURE() << "nothing was recovered";
        return {};
    }
    std::string comments_of(const std::string& host) {
        auto object = db->find("network", host);
        return object ? json::get_string(json::parse_object(object->doc), "comments") : "(gone)";
    }
};

TEST_F(HandOver, CA_3_EverythingItHoldsArrivesAndItsAuthorPublishesIt) {
    std::string sid = login();
    add_host(sid, "web", "10.0.0.1");
    add_host(sid, "old", "10.0.0.2");
    publish(sid);
    good(sid, "set-session", R"({"new-name":"open port","description":"for billing"})");
    good(sid, "set-host", R"({"name":"web","comments":"mine"})");
    good(sid, "delete-host", R"({"name":"old"})");
    std::string fresh = add_host(sid, "new", "10.0.0.3");
    good(sid, "add-group", R"({"name":"both","members":["web","new"]})");
    standby = true;
    std::string uid = session_uid(sid);
    Answer answer = hand_over(sid, uid);
    ASSERT_EQ(answer.status, 200) << json::text(answer.body);
    EXPECT_EQ(answer.body.at("number-of-changes"), 4);

    // Here nothing is left of it, and whoever is connected goes on in a new session.
    EXPECT_EQ(good(sid, "show-session").at("changes"), 0);
    EXPECT_NE(session_uid(sid), uid);
    EXPECT_EQ(ask(sid, "show-host", R"({"name":"new"})").status, 404);
    EXPECT_EQ(hand_over(sid, uid).status, 404) << "it is gone";
    reopen();
    ASSERT_TRUE(waiting()) << "it is on the disk";
    EXPECT_EQ(waiting()->record.author, "ops");

    standby = false;
    sid = login();
    json::object shown = taken(sid);
    EXPECT_EQ(json::get_string(shown, "name").rfind("handed over: open port (acme-1, ", 0), 0u) << json::text(shown);
    EXPECT_EQ(shown.at("changes"), 4);
    EXPECT_EQ(shown.at("description"), "for billing");
    EXPECT_EQ(good(sid, "show-validations").at("warnings-total"), 0);
    publish(sid);
    EXPECT_EQ(comments_of("web"), "mine");
    EXPECT_EQ(comments_of("old"), "(gone)");
    EXPECT_EQ(json::get_string(good(sid, "show-host", R"({"name":"new"})"), "uid"), fresh);
    EXPECT_EQ(json::get_array(good(sid, "show-group", R"({"name":"both"})"), "members").size(), 2u);
}

TEST_F(HandOver, CA_3_WhatTheActiveHasPublishedSinceIsMarkedNotOverwritten) {
    std::string sid = login();
    add_host(sid, "web", "10.0.0.1");
    add_host(sid, "db", "10.0.0.2");
    publish(sid);
    good(sid, "set-host", R"({"name":"web","comments":"mine"})");
    good(sid, "set-host", R"({"name":"db","comments":"mine too"})");
    standby = true;
    published_there("web", "theirs");
    published_there("web", "theirs again");
    ASSERT_EQ(hand_over(sid, session_uid(sid)).status, 200);
    taken(sid);
    json::object validations = good(sid, "show-validations");
    ASSERT_EQ(validations.at("warnings-total"), 1) << json::text(validations);
    std::string message = json::get_string(validations.at("warnings").as_array().at(0).as_object(), "message");
    for (const char* word : {"host 'web'", "'mine'", "'theirs again'"}) {
        EXPECT_NE(message.find(word), std::string::npos) << message;
    }
    EXPECT_EQ(ask(sid, "publish").status, 400);
    EXPECT_EQ(comments_of("web"), "theirs again");
}

TEST_F(HandOver, OneThatWasRecoveredBeforeGoesOnWithWhatItsAuthorSaw) {
    std::string sid = login();
    add_host(sid, "web", "10.0.0.1");
    publish(sid);
    good(sid, "set-host", R"({"name":"web","comments":"mine"})");
    standby = true;
    ASSERT_EQ(hand_over(sid, session_uid(sid)).status, 200);
    taken(sid);
    good(sid, "set-host", R"({"name":"web","color":"red"})");
    standby = true;
    published_there("web", "theirs");
    ASSERT_EQ(hand_over(sid, session_uid(sid)).status, 200);
    ASSERT_TRUE(waiting());
    taken(sid);
    EXPECT_EQ(good(sid, "show-validations").at("warnings-total"), 1);
    EXPECT_EQ(good(sid, "show-host", R"({"name":"web"})").at("color"), "red");
}

TEST_F(HandOver, IsRefusedOnTheActiveWithoutChangesAndOfOthers) {
    std::string sid = login();
    std::string uid = session_uid(sid);
    standby = true;
    EXPECT_EQ(hand_over(sid, uid).code(), "err_ha_invalid_operation");
    standby = false;
    add_host(sid, "web", "10.0.0.1");
    Answer active = hand_over(sid, uid);
    EXPECT_EQ(active.status, 400);
    EXPECT_NE(active.message().find("is the Active"), std::string::npos) << active.message();
    standby = true;
    std::string eve = login({{"user", "eve"}, {"permissions", json::object{{"read-write", true}, {"sessions", "own"}}}});
    EXPECT_EQ(hand_over(eve, uid).status, 403);
    EXPECT_EQ(hand_over(eve, Uid::make().text()).status, 404);
    EXPECT_EQ(good(sid, "show-session").at("changes"), 1) << "nothing was lost";
}

}  // namespace
}  // namespace mds::mgmt
