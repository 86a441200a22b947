// Recovered sessions: parked publishes given back to their authors (replication.md 7).
#include "base/clock.hh"
#include "log/log.hh"
#include "rig.hh"
#include "store/verify.hh"
#include "store/codec.hh"

namespace mds::mgmt {
namespace {

class Recover : public Rig {
  protected:
    /// Publishes the session, takes the revision back and returns it as a returned Active parks it.
    Parked::Publish publish_and_take_back(const std::string& sid) {
        publish(sid);
        uint64_t rev = db->position().rev;
        Parked::Publish parked{db->tail(rev - 1).at(0), "acme-1"};
        db->undo_to(rev - 1);
        workspace->content_changed();
        return parked;
    }
    std::string recovered_uid() {
        for (const SessionInfo& s : workspace->sessions()) {
            if (s.recovered) return s.uid.text();
        }
        return "";
    }
    size_t recovered_count() {
        size_t count = 0;
        for (const SessionInfo& s : workspace->sessions()) count += s.recovered;
        return count;
    }
    void take_up(const std::string& sid) {
        good(sid, "switch-session", R"({"uid":")" + recovered_uid() + "\"}");
    }
    /// What somebody else publishes meanwhile.
    void others(const std::string& command, const std::string& body) {
        Reply reply = workspace->execute_as({"bob", "mdsctl", "", ""}, command, body);
        ASSERT_EQ(reply.status, 200) << reply.body;
    }
    std::string comments_of(const std::string& host) {
        auto object = db->find("network", host);
        return object ? json::get_string(json::parse_object(object->doc), "comments") : "(gone)";
    }
};

TEST_F(Recover, CA_10_AnUntouchedChangeStandsAndIsPublishedByItsAuthor) {
    std::string sid = login({{"session-name", "open port"}});
    add_host(sid, "web", "10.0.0.1");
    publish(sid);
    good(sid, "set-host", R"({"name":"web","comments":"mine"})");
    good(sid, "set-session", R"({"new-name":"open port","description":"for billing"})");
    Parked::Publish parked = publish_and_take_back(sid);
    EXPECT_EQ(comments_of("web"), "");
    workspace->recover(parked);

    json::object shown = good(sid, "show-session", R"({"uid":")" + recovered_uid() + "\"}");
    EXPECT_EQ(shown.at("state"), "open");
    EXPECT_EQ(shown.at("connected"), false);
    EXPECT_EQ(shown.at("user-name"), "ops");
    EXPECT_EQ(shown.at("changes"), 1);
    EXPECT_EQ(shown.at("description"), "for billing");
    EXPECT_EQ(json::get_string(shown, "name"),
              "recovered: open port (revision " + std::to_string(parked.record.rev) +
                  " of acme-1, " + rfc3339(parked.record.time_ms) + ")");
    const json::object& from = shown.at("recovered").as_object();
    EXPECT_EQ(from.at("server"), "acme-1");
    EXPECT_EQ(from.at("term"), json::value(parked.record.term_id.text()));
    EXPECT_EQ(from.at("revision"), json::value(parked.record.rev));

    // Private: nobody sees the change, its author not before he goes on with the session.
    EXPECT_EQ(good(sid, "show-host", R"({"name":"web"})").at("comments"), "");
    take_up(sid);
    EXPECT_EQ(good(sid, "show-host", R"({"name":"web"})").at("comments"), "mine");
    EXPECT_EQ(good(sid, "show-validations").at("warnings-total"), 0);
    publish(sid);
    EXPECT_EQ(comments_of("web"), "mine");
    EXPECT_EQ(recovered_count(), 0u);
    EXPECT_EQ(good(sid, "show-session").at("changes"), 0);
    EXPECT_FALSE(good(sid, "show-session").contains("recovered"));
}

TEST_F(Recover, NoDoublesAlsoAfterPublishDiscardAndRestart) {
    std::string sid = login();
    add_host(sid, "web", "10.0.0.1");
    Parked::Publish parked = publish_and_take_back(sid);
    workspace->recover(parked);
    workspace->recover(parked);
    reopen();
    workspace->recover(parked);
    EXPECT_EQ(recovered_count(), 1u);
    sid = login();
    take_up(sid);
    publish(sid);
    workspace->recover(parked);
    EXPECT_EQ(recovered_count(), 0u);

    add_host(sid, "db", "10.0.0.2");
    Parked::Publish second = publish_and_take_back(sid);
    workspace->recover(second);
    std::string uid = recovered_uid();
    good(sid, "disconnect", R"({"uid":")" + uid + R"(","discard":true})");
    EXPECT_EQ(recovered_count(), 0u);
    workspace->recover(second);
    EXPECT_EQ(recovered_count(), 0u);
    reopen();
    workspace->recover(second);
    EXPECT_EQ(recovered_count(), 0u);
    // Who gave it up is recorded.
    json::object gone = good(login(), "show-session", R"({"uid":")" + uid + "\"}");
    EXPECT_EQ(gone.at("state"), "discarded");
    EXPECT_EQ(gone.at("discarded-by"), "ops");
    SQLite::Statement trail(work->db(),
                            "SELECT message FROM audit WHERE operation='Discard recovered session'");
    ASSERT_TRUE(trail.executeStep());
    EXPECT_EQ(trail.getColumn(0).getString(), "1 changes, by ops");
}

TEST_F(Recover, BothSidesTouchedIsMarkedWithBothValuesAndStopsPublish) {
    std::string sid = login();
    add_host(sid, "web", "10.0.0.1");
    add_host(sid, "free", "10.0.0.2");
    publish(sid);
    good(sid, "set-host", R"({"name":"web","comments":"mine"})");
    good(sid, "set-host", R"({"name":"free","comments":"mine too"})");
    workspace->recover(publish_and_take_back(sid));
    others("set-host", R"({"name":"web","comments":"theirs"})");
    take_up(sid);
    json::object validations = good(sid, "show-validations");
    ASSERT_EQ(validations.at("warnings-total"), 1);
    const json::object& mark = validations.at("warnings").as_array().at(0).as_object();
    std::string message = json::get_string(mark, "message");
    for (const char* word : {"host 'web'", "'mine'", "'theirs'", "of 'bob'"}) {
        EXPECT_NE(message.find(word), std::string::npos) << message;
    }
    const json::object& field =
        mark.at("conflict").as_object().at("fields").as_array().at(0).as_object();
    EXPECT_EQ(field.at("field"), "comments");
    EXPECT_EQ(field.at("mine"), "mine");
    EXPECT_EQ(field.at("theirs"), "theirs");
    Answer refused = ask(sid, "publish");
    EXPECT_EQ(refused.code(), "err_validation_failed");
    EXPECT_NE(refused.warning().find("host 'web'"), std::string::npos);
    EXPECT_EQ(comments_of("free"), "");
    EXPECT_EQ(comments_of("web"), "theirs");
}

TEST_F(Recover, EditingTheObjectResolvesItsMark) {
    std::string sid = login();
    add_host(sid, "web", "10.0.0.1");
    publish(sid);
    good(sid, "set-host", R"({"name":"web","comments":"mine"})");
    workspace->recover(publish_and_take_back(sid));
    others("set-host", R"({"name":"web","comments":"theirs"})");
    take_up(sid);
    // The same value again is a choice too.
    good(sid, "set-host", R"({"name":"web","comments":"mine"})");
    EXPECT_EQ(good(sid, "show-validations").at("warnings-total"), 0);
    // From now on the object is locked as any that is edited.
    EXPECT_EQ(workspace->execute_as({}, "set-host", R"({"name":"web","comments":"x"})").status,
              409);
    publish(sid);
    EXPECT_EQ(comments_of("web"), "mine");
}

TEST_F(Recover, DiscardingTheObjectOrIgnoringWarningsResolvesItToo) {
    std::string sid = login();
    add_host(sid, "web", "10.0.0.1");
    add_host(sid, "db", "10.0.0.2");
    publish(sid);
    good(sid, "set-host", R"({"name":"web","comments":"mine"})");
    good(sid, "set-host", R"({"name":"db","comments":"mine"})");
    workspace->recover(publish_and_take_back(sid));
    others("set-host", R"({"name":"web","comments":"theirs"})");
    others("set-host", R"({"name":"db","comments":"theirs"})");
    take_up(sid);
    EXPECT_EQ(ask(sid, "discard", R"({"objects":["nobody"]})").status, 404);
    EXPECT_EQ(good(sid, "discard", R"({"objects":["web"]})").at("number-of-discarded-changes"), 1);
    EXPECT_EQ(good(sid, "show-validations").at("warnings-total"), 1);
    EXPECT_EQ(ask(sid, "publish").status, 400);
    good(sid, "publish", R"({"ignore-warnings":true})");
    EXPECT_EQ(comments_of("web"), "theirs");
    EXPECT_EQ(comments_of("db"), "mine");
    EXPECT_TRUE(store::verify(db->file()).good());
}

TEST_F(Recover, NameTakenTargetDeletedAndReferenceGoneAreMarked) {
    std::string sid = login();
    add_host(sid, "old", "10.0.0.1");
    add_host(sid, "used", "10.0.0.2");
    publish(sid);
    add_host(sid, "web", "10.0.0.3");
    good(sid, "set-host", R"({"name":"old","comments":"mine"})");
    good(sid, "add-group", R"({"name":"g","members":["used"]})");
    workspace->recover(publish_and_take_back(sid));
    others("add-host", R"({"name":"WEB","ip-address":"10.0.0.9"})");
    others("delete-host", R"({"name":"old"})");
    others("delete-host", R"({"name":"used"})");
    take_up(sid);
    json::object v = good(sid, "show-validations");
    EXPECT_EQ(v.at("warnings-total"), 1) << json::text(v);
    EXPECT_NE(json::text(v.at("warnings")).find("host 'old' was deleted since"), std::string::npos);
    EXPECT_EQ(v.at("errors-total"), 2) << json::text(v);
    EXPECT_NE(json::text(v.at("errors")).find("host 'web' cannot have this name"),
              std::string::npos);
    EXPECT_NE(json::text(v.at("errors")).find("group 'g' refers to the deleted object"),
              std::string::npos);
    // Warnings can be passed, errors cannot.
    EXPECT_EQ(ask(sid, "publish", R"({"ignore-warnings":true})").status, 400);
    EXPECT_EQ(comments_of("old"), "(gone)");
    good(sid, "set-host", R"({"name":"web","new-name":"web2"})");
    good(sid, "delete-group", R"({"name":"g"})");
    good(sid, "publish", R"({"ignore-warnings":true})");
    EXPECT_EQ(comments_of("old"), "mine");
    EXPECT_TRUE(db->find("network", "web2").has_value());
    EXPECT_TRUE(store::verify(db->file()).good());
}

TEST_F(Recover, SeparatePublishesStaySeparateAndFitOnEachOtherInOrder) {
    std::string sid = login();
    add_host(sid, "web", "10.0.0.1");
    publish(sid);
    uint64_t fork = db->position().rev;
    good(sid, "set-host", R"({"name":"web","comments":"first"})");
    publish(sid);
    good(sid, "set-host", R"({"name":"web","comments":"second"})");
    add_host(sid, "new", "10.0.0.2");
    publish(sid);
    auto tail = db->tail(fork);
    db->undo_to(fork);
    workspace->content_changed();
    for (const auto& r : tail) workspace->recover({r, "acme-1"});
    ASSERT_EQ(recovered_count(), 2u);
    std::vector<std::string> names;
    for (const SessionInfo& s : workspace->sessions()) {
        if (s.recovered) names.push_back(s.uid.text());
    }
    auto revision = [&](const std::string& uid) {
        json::object shown = good(sid, "show-session", R"({"uid":")" + uid + "\"}");
        return shown.at("recovered").as_object().at("revision").to_number<uint64_t>();
    };
    if (revision(names[0]) > revision(names[1])) std::swap(names[0], names[1]);
    // The second is made from the first: it fits when the first is published, not before.
    good(sid, "switch-session", R"({"uid":")" + names[1] + "\"}");
    EXPECT_EQ(good(sid, "show-validations").at("warnings-total"), 1);
    good(sid, "switch-session", R"({"uid":")" + names[0] + "\"}");
    publish(sid);
    good(sid, "switch-session", R"({"uid":")" + names[1] + "\"}");
    EXPECT_EQ(good(sid, "show-validations").at("warnings-total"), 0);
    publish(sid);
    EXPECT_EQ(comments_of("web"), "second");
    EXPECT_TRUE(db->find("network", "new").has_value());
}

TEST_F(Recover, ItsContentIsForItsAuthorAndWhoMayManageSessions) {
    std::string anna = login({{"user", "anna"}});
    add_host(anna, "secret", "10.0.0.1");
    workspace->recover(publish_and_take_back(anna));
    std::string uid = recovered_uid(), by_uid = R"({"uid":")" + uid + "\"}";
    std::string eve = login({{"user", "eve"}});
    EXPECT_EQ(ask(eve, "show-host", R"({"name":"secret"})").status, 404);
    EXPECT_EQ(ask(eve, "switch-session", by_uid).status, 400);
    EXPECT_EQ(ask(eve, "take-over-session", by_uid).status, 403);
    EXPECT_EQ(ask(eve, "publish", by_uid).status, 403);
    EXPECT_EQ(ask(eve, "discard", by_uid).status, 403);
    EXPECT_EQ(json::text(good(eve, "show-session", by_uid)).find("secret"), std::string::npos);
    EXPECT_EQ(json::text(good(eve, "show-sessions", R"({"details-level":"full"})")).find("secret"),
              std::string::npos);
    // The administrator may be gone: whoever manages sessions takes it over.
    std::string chief =
        login({{"user", "chief"},
               {"permissions", json::object{{"read-write", true}, {"manage-sessions", true}}}});
    good(chief, "take-over-session", by_uid);
    EXPECT_EQ(ask(chief, "show-host", R"({"name":"secret"})").status, 200);
    publish(chief);
    EXPECT_TRUE(db->find("network", "secret").has_value());
}

TEST_F(Recover, ALoginThatGoesOnWithTheLastSessionDoesNotTakeARecoveredOne) {
    std::string sid = login();
    add_host(sid, "web", "10.0.0.1");
    workspace->recover(publish_and_take_back(sid));
    add_host(sid, "mine", "10.0.0.2");
    good(sid, "logout");
    std::string again = login({{"continue-last-session", true}});
    EXPECT_EQ(ask(again, "show-host", R"({"name":"mine"})").status, 200);
    EXPECT_EQ(ask(again, "show-host", R"({"name":"web"})").status, 404);
}

TEST_F(Recover, AnUntouchedOneFollowsTheActive) {
    std::string sid = login();
    add_host(sid, "web", "10.0.0.1");
    Parked::Publish parked = publish_and_take_back(sid);
    workspace->recover(parked);
    Parked rows(*work);
    EXPECT_EQ(rows.waiting(), 0u);
    workspace->release_recovered();
    EXPECT_EQ(recovered_count(), 0u);
    ASSERT_EQ(rows.waiting(), 1u);
    const std::vector<Parked::Told> told = rows.told(5);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].rev, parked.record.rev);
    EXPECT_EQ(told[0].author, parked.record.author);
    EXPECT_EQ(told[0].origin, "acme-1");
    EXPECT_EQ(told[0].time_ms, parked.record.time_ms);
    EXPECT_TRUE(rows.told(0).empty());
    auto next = rows.next();
    EXPECT_EQ(next->record.hash, parked.record.hash);
    EXPECT_EQ(next->record.undo, parked.record.undo);
    EXPECT_EQ(next->origin, "acme-1");
    // One that somebody works in stays, as any private session.
    workspace->recover(*next);
    EXPECT_EQ(rows.waiting(), 0u);
    take_up(sid);
    good(sid, "set-host", R"({"name":"web","comments":"edited"})");
    good(sid, "logout");
    workspace->release_recovered();
    EXPECT_EQ(recovered_count(), 1u);
    EXPECT_EQ(rows.waiting(), 0u);
}

TEST_F(Recover, MA_3_MA_4_AnOverwriteEndsTheWorkHereAndLosesNoRecoveredSession) {
    std::string anna = login({{"user", "anna"}});
    add_host(anna, "back", "10.0.0.3");
    workspace->recover(publish_and_take_back(anna));
    add_host(anna, "a1", "10.0.0.1");
    std::string base = add_host(anna, "a2", "10.0.0.2");
    std::string idle = login({{"user", "eve"}});
    Uid task = workspace->create_task("Set Active", "acme-1", "anna");
    json::object cost = workspace->end_work("acme-1 was overwritten by anna.");
    std::map<std::string, int64_t> changes;
    for (const json::value& v : cost.at("sessions").as_array()) {
        const json::object& s = v.as_object();
        if (!json::get_bool(s, "recovered")) {
            changes[json::get_string(s, "user")] += json::get_int(s, "changes");
        }
    }
    EXPECT_EQ(changes, (std::map<std::string, int64_t>{{"anna", 2}, {"eve", 0}}));
    EXPECT_EQ(json::text(cost.at("tasks")), R"(["Set Active"])");
    // No name of an object is in what travels.
    EXPECT_EQ(json::text(cost).find("a1"), std::string::npos);
    EXPECT_EQ(workspace->task(task)->status, "failed");
    EXPECT_NE(workspace->task(task)->comments.find("ended by synchronization"), std::string::npos);
    Answer dead = ask(anna, "show-hosts");
    EXPECT_EQ(dead.status, 401);
    EXPECT_NE(dead.message().find("was overwritten by anna"), std::string::npos);
    EXPECT_EQ(ask(idle, "show-hosts").status, 401);
    EXPECT_TRUE(workspace->sessions().empty());
    EXPECT_EQ(Parked(*work).waiting(), 1u);
    reopen();
    EXPECT_TRUE(workspace->sessions().empty());
}

TEST_F(Recover, ALargePublishIsRecoveredWhole) {
    std::string sid = login();
    constexpr int k_count = 3000;
    for (int i = 0; i < k_count; ++i) {
        add_host(sid, "h" + std::to_string(i),
                 "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1));
    }
    Parked::Publish parked = publish_and_take_back(sid);
    store::Hash wanted = parked.record.digest;
    workspace->recover(parked);
    reopen();
    sid = login();
    take_up(sid);
    EXPECT_EQ(good(sid, "show-session").at("changes"), k_count);
    EXPECT_EQ(good(sid, "show-hosts").at("total"), k_count);
    publish(sid);
    EXPECT_EQ(db->position().digest, wanted);
}

}  // namespace
}  // namespace mds::mgmt
