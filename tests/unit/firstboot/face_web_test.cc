#include "face_web.hh"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/text.hh"

using namespace mds;
using namespace mds::firstboot;

namespace {

constexpr char k_password[] = "correct-horse-battery-9";

class Web : public testing::Test {
  protected:
    Web() {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
        code_.renew();
    }
    ~Web() override { std::filesystem::remove_all(folder_); }

    WebFace::Around around() {
        return {folder_,
                folder_ + "/draft",
                folder_ + "/done",
                "tty1",
                [this](Answers& answers) { answers.read_ini("f", given_, true); },
                [] { return HostFacts{"london.acme.example", {{"10.1.0.11", "lo"}, {"10.9.0.1", "lo", false}}}; },
                [](const HostFacts&, const Question&, const std::string& text, const Answers&) {
                    return text == "10.9.0.1" ? Finding{"another machine has 10.9.0.1", "", "RF-01"} : Finding{};
                },
                [](const HostFacts&, Answers&, const Answers*) {},
                [this](const Answers& answers, const HostFacts&) { applied_ = answers; }};
    }
    json::object ask(const std::string& what, json::object more = {}) {
        more["do"] = what;
        more["from"] = "10.1.0.1";
        if (!more.contains("session")) more["session"] = session_;
        if (!more.contains("form")) more["form"] = form_;
        json::object reply = face_.answer(more, now_ms_);
        EXPECT_EQ(json::text(reply).find(k_password), std::string::npos);
        if (reply.contains("session")) session_ = json::get_string(reply, "session");
        if (reply.contains("form")) form_ = json::get_string(reply, "form");
        return reply;
    }
    json::object claim() { return ask("claim", {{"code", code_.code()}}); }
    json::object send(json::object fields) { return ask("answer", {{"fields", std::move(fields)}}); }
    static std::string page(const json::object& reply) { return json::get_string(reply, "page"); }
    static json::object field(const json::object& reply, const std::string& id) {
        for (const json::value& one : json::get_array(reply, "fields")) {
            if (json::get_string(one.as_object(), "id") == id) return one.as_object();
        }
        return {};
    }
    json::object primary() {
        return {{"host_name", "london.acme.example"}, {"address", "10.1.0.11"}, {"time_zone", "Etc/UTC"},
                {"time_servers", "system"}, {"deployment", "acme"}, {"administrator", "anna"},
                {"password", k_password}, {"password-again", k_password}, {"gui_clients", "any"},
                {"recovery", "decline"}};
    }

    std::string folder_ = testing::TempDir() + "face-web-test", given_, session_, form_;
    ClaimCode code_{folder_ + "/claim"};
    int64_t now_ms_ = 1000;
    std::optional<Answers> applied_;
    WebFace face_{code_, around()};
};

}  // namespace

TEST_F(Web, T_24_WithoutTheCodeNothingIsAskedAndNothingDone) {
    for (const char* act : {"look", "answer", "back", "leave", "apply", "", "reset"}) {
        json::object reply = ask(act, {{"fields", primary()}});
        EXPECT_EQ(page(reply), "claim") << act;
        EXPECT_FALSE(reply.contains("form"));
    }
    EXPECT_EQ(page(ask("look", {{"session", std::string(43, 'A')}})), "claim");
    EXPECT_EQ(code_.tries_left(), 5);
    EXPECT_FALSE(applied_);
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/setup.turn"));
}

TEST_F(Web, T_24_AfterFiveWrongCodesThePageSaysThatOnlyTheConsoleIsLeft) {
    for (int left = 4; left > 0; --left) {
        json::object reply = ask("claim", {{"code", "0000-0000-0000"}});
        EXPECT_EQ(page(reply), "claim");
        EXPECT_EQ(json::get_int(reply, "tries"), left);
    }
    EXPECT_EQ(page(ask("claim", {{"code", "0000-0000-0000"}})), "closed");
    EXPECT_EQ(page(claim()), "closed");
    EXPECT_EQ(session_, "");
    code_.renew();
    EXPECT_EQ(page(claim()), "questions");
}

TEST_F(Web, APrimaryIsAskedForItsRoleThenTheRestThenForTheWord) {
    json::object reply = claim();
    ASSERT_EQ(page(reply), "questions");
    EXPECT_EQ(json::get_array(reply, "fields").size(), 1u);
    EXPECT_EQ(json::get_array(field(reply, "role"), "choices").size(), 3u);
    reply = send({{"role", "primary"}});
    EXPECT_EQ(json::get_array(reply, "fields").size(), 9u);
    EXPECT_EQ(json::get_string(field(reply, "host_name"), "value"), "london.acme.example");
    EXPECT_EQ(json::get_string(field(reply, "password"), "value"), "");
    reply = send(primary());
    ASSERT_EQ(page(reply), "plan") << json::text(reply);
    EXPECT_NE(json::text(reply).find("Primary Multi-Domain Server"), std::string::npos);
    EXPECT_FALSE(applied_);
    EXPECT_EQ(page(ask("apply")), "applying");
    ASSERT_TRUE(applied_);
    EXPECT_EQ(applied_->get("password"), k_password);
    EXPECT_EQ(page(ask("answer")), "applying");
    face_.ended(true);
    std::ofstream(folder_ + "/done") << "{}";
    EXPECT_EQ(page(ask("look")), "done");
}

TEST_F(Web, EverythingThatIsWrongIsToldAtItsFieldAtOnce) {
    claim();
    send({{"role", "primary"}});
    json::object fields = primary();
    fields["host_name"] = "<b>";
    fields["address"] = "10.9.0.1";
    fields["password-again"] = "other";
    fields["gui_clients"] = "10.1.0.300";
    json::object reply = send(fields);
    ASSERT_EQ(page(reply), "questions");
    EXPECT_NE(json::get_string(field(reply, "host_name"), "problem").find("is not a host name"), std::string::npos);
    EXPECT_EQ(json::get_string(field(reply, "host_name"), "value"), "<b>");
    EXPECT_NE(json::get_string(field(reply, "address"), "problem").find("another machine"), std::string::npos);
    EXPECT_EQ(json::get_string(field(reply, "password"), "problem"), Dialog::k_differ);
    EXPECT_NE(json::get_string(field(reply, "gui_clients"), "problem"), "");
    EXPECT_EQ(json::get_string(field(reply, "deployment"), "problem"), "");
    // A password that was right once need not be typed again.
    fields = primary();
    fields["gui_clients"] = "nobody";
    reply = send(fields);
    EXPECT_TRUE(json::get_bool(field(reply, "password"), "kept"));
    fields = primary();
    fields["password"] = fields["password-again"] = "";
    EXPECT_EQ(page(send(fields)), "plan");
}

TEST_F(Web, ASecretThatWasRefusedIsKeptNowhere) {
    claim();
    send({{"role", "secondary"}});
    json::object fields = {{"host_name", "tokyo"}, {"address", "10.1.0.11"}, {"time_zone", "Etc/UTC"},
                           {"time_servers", "system"}, {"activation_key", "password"},
                           {"activation_key-again", "password"}, {"primary", "none"}};
    json::object reply = send(fields);
    EXPECT_FALSE(json::get_bool(field(reply, "activation_key"), "kept"));
    EXPECT_NE(json::get_string(field(reply, "activation_key"), "problem").find("most common"), std::string::npos);
    fields["activation_key"] = fields["activation_key-again"] = "";
    EXPECT_EQ(page(send(fields)), "questions");
    fields["activation_key"] = fields["activation_key-again"] = "QX7M-2KDR-9PAW-41TV";
    EXPECT_EQ(page(send(fields)), "plan");
}

TEST_F(Web, AFormNeedsTheTokenOfItsSession) {
    claim();
    std::string right = form_;
    EXPECT_EQ(page(ask("answer", {{"form", ""}, {"fields", json::object{{"role", "primary"}}}})), "questions");
    EXPECT_EQ(json::get_array(ask("look"), "fields").size(), 1u);
    form_ = right;
    EXPECT_EQ(json::get_array(send({{"role", "primary"}}), "fields").size(), 9u);
}

TEST_F(Web, TheLastBrowserThatGaveTheCodeHasTheSession) {
    claim();
    std::string first = session_, first_form = form_;
    claim();
    EXPECT_NE(session_, first);
    EXPECT_EQ(page(ask("answer", {{"session", first}, {"form", first_form}})), "claim");
    EXPECT_EQ(page(ask("look")), "questions");
    // And with a new code none has.
    code_.renew();
    EXPECT_EQ(page(ask("look")), "claim");
}

TEST_F(Web, ConsolesAndBrowsersTakeTurns) {
    Turn console(folder_, "tty1");
    claim();
    ASSERT_TRUE(console.take());
    json::object reply = send({{"role", "primary"}});
    EXPECT_EQ(page(reply), "busy");
    EXPECT_EQ(json::get_string(reply, "problem"), "First-time setup is being answered on tty1.");
    console.give_back();
    EXPECT_EQ(page(send({{"role", "primary"}})), "questions");
    EXPECT_FALSE(console.take());
    EXPECT_EQ(console.other(), "a browser at 10.1.0.1");
    // One that is silent has no turn, but its session.
    face_.look_at_clock(now_ms_ + 14 * 60'000);
    EXPECT_FALSE(console.take());
    face_.look_at_clock(now_ms_ + 16 * 60'000);
    EXPECT_TRUE(console.take());
    EXPECT_EQ(page(ask("look")), "busy");
    console.give_back();
    EXPECT_EQ(json::get_array(ask("look"), "fields").size(), 9u);
    EXPECT_EQ(page(ask("leave")), "left");
    EXPECT_TRUE(console.take());
}

TEST_F(Web, WhoLeavesFindsHisAnswersAgainButNoSecret) {
    claim();
    send({{"role", "primary"}});
    json::object fields = primary();
    fields["deployment"] = "other-name";
    send(fields);
    ask("leave");
    EXPECT_EQ(read_file(folder_ + "/draft").find(k_password), std::string::npos);
    EXPECT_EQ(page(ask("look")), "claim");
    json::object reply = claim();
    EXPECT_EQ(json::get_string(field(reply, "role"), "value"), "primary");
    reply = send({{"role", "primary"}});
    EXPECT_EQ(json::get_string(field(reply, "deployment"), "value"), "other-name");
    EXPECT_FALSE(json::get_bool(field(reply, "password"), "kept"));
}

TEST_F(Web, TheWordsOfARecoveryKeyAreAPageOfTheirOwn) {
    claim();
    send({{"role", "primary"}});
    json::object fields = primary();
    fields["recovery"] = "create";
    json::object reply = send(fields);
    json::object words = field(reply, "recovery_words");
    ASSERT_EQ(json::get_array(words, "shown").size(), 4u);
    reply = send({{"recovery_words", "not these three"}});
    EXPECT_NE(json::get_string(field(reply, "recovery_words"), "problem").find("not the three words"), std::string::npos);
    EXPECT_EQ(page(ask("apply")), "questions");
    EXPECT_FALSE(applied_);
}

TEST_F(Web, WhatFilesAnswerIsNotAskedAndWhatIsWrongInThemIsSaid) {
    given_ = "[Server]\nRole=log-server\nHostName=logs\nTypo=1\n";
    json::object reply = claim();
    ASSERT_EQ(page(reply), "questions");
    EXPECT_TRUE(field(reply, "role").empty());
    EXPECT_TRUE(field(reply, "host_name").empty());
    EXPECT_FALSE(field(reply, "activation_key").empty());
    ASSERT_EQ(json::get_array(reply, "given").size(), 1u);
    EXPECT_NE(json::text(reply).find("f line 4"), std::string::npos);
    reply = send({{"address", "10.1.0.11"}, {"time_zone", "Etc/UTC"}, {"time_servers", "system"},
                  {"activation_key", "QX7M-2KDR-9PAW-41TV"}, {"activation_key-again", "QX7M-2KDR-9PAW-41TV"},
                  {"primary", "none"}});
    EXPECT_EQ(page(reply), "plan");
    EXPECT_EQ(page(ask("apply")), "plan");
    EXPECT_FALSE(applied_);
}

TEST_F(Web, AfterAFailureItCanBeTriedAgain) {
    claim();
    send({{"role", "primary"}});
    send(primary());
    ask("apply");
    face_.ended(false);
    applied_.reset();
    EXPECT_EQ(page(ask("look")), "plan");
    EXPECT_EQ(page(ask("apply")), "applying");
    EXPECT_TRUE(applied_);
}

TEST_F(Web, WhatIsNoRequestIsAnsweredToo) {
    claim();
    for (json::object odd : {json::object{}, json::object{{"do", 7}, {"session", json::array{}}},
                             json::object{{"do", "claim"}, {"code", json::object{}}, {"from", "\x1b[2J"}}}) {
        EXPECT_NE(page(face_.answer(odd, now_ms_)), "");
    }
    json::object reply = send({{"role", json::array{}}});
    EXPECT_EQ(page(reply), "questions");
    reply = send({{"role", std::string(100'000, 'x')}});
    EXPECT_LT(json::text(reply).size(), 10'000u);
}
