#include "face_plain.hh"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/join_string.hh"

using namespace mds::firstboot;

namespace {

struct Talk {
    explicit Talk(std::string typed, bool login_word = false) {
        FILE* in = fmemopen(typed.data(), typed.size(), "r");
        char* text = nullptr;
        size_t size = 0;
        FILE* out = open_memstream(&text, &size);
        HostFacts host{"tokyo-mds-01.acme.example", {{"10.2.0.11", "ens18"}}};
        Dialog dialog(answers, host);
        end = PlainFace(in, out, login_word, [&](const std::string& file) {
                  kept = file;
                  return std::string("Kept.");
              }).run(dialog);
        fclose(in);
        fclose(out);
        said.assign(text, size);
        free(text);
    }
    Answers answers;
    PlainFace::End end{};
    std::string said, kept;
};

}  // namespace

TEST(PlainFace, AsksASecondarySevenThings) {
    Talk talk("\n\n\n\n2\norange-boat-77\norange-boat-77\n\nyes\n");
    EXPECT_EQ(talk.end, PlainFace::End::apply);
    EXPECT_EQ(talk.answers.get("role"), "secondary");
    EXPECT_EQ(talk.answers.get("address"), "10.2.0.11");
    EXPECT_EQ(talk.answers.get("host_name"), "tokyo-mds-01.acme.example");
    EXPECT_EQ(talk.answers.get("activation_key"), "orange-boat-77");
    EXPECT_NE(talk.said.find("Step 4 of 5: trust."), std::string::npos) << talk.said;
    EXPECT_NE(talk.said.find("Role: Secondary Multi-Domain Server."), std::string::npos);
}

TEST(PlainFace, AsksAPrimaryTenThings) {
    Talk talk("\n\n\n\n1\nacme-msp\nanna\norange-boat-77\norange-boat-77\n\n2\nyes\n");
    EXPECT_EQ(talk.end, PlainFace::End::apply) << talk.said;
    EXPECT_EQ(talk.answers.get("deployment"), "acme-msp");
    EXPECT_EQ(talk.answers.get("gui_clients"), "any");
    EXPECT_EQ(talk.answers.get("password"), "orange-boat-77");
}

TEST(PlainFace, SecretsAreTypedTwiceAndNeverShown) {
    Talk talk("\n\n\n\n2\nshort\norange-boat-77\norange-boat-78\norange-boat-79\norange-boat-79\n\nyes\n");
    EXPECT_EQ(talk.answers.get("activation_key"), "orange-boat-79");
    EXPECT_EQ(talk.said.find("orange-boat"), std::string::npos);
    EXPECT_NE(talk.said.find("The two differ."), std::string::npos);
    EXPECT_NE(talk.said.find("Not accepted: an activation key needs 8"), std::string::npos);
}

TEST(PlainFace, GoesBackAndLeaves) {
    Talk back("a.example\n\n\n\n2\n<\n3\norange-boat-77\norange-boat-77\n<\norange-boat-88\n"
              "orange-boat-88\n\nyes\n");
    EXPECT_EQ(back.end, PlainFace::End::apply) << back.said;
    EXPECT_EQ(back.answers.get("role"), "log-server");
    EXPECT_EQ(back.answers.get("activation_key"), "orange-boat-88");
    EXPECT_EQ(Talk("\n\nq\n").end, PlainFace::End::leave);
    EXPECT_EQ(Talk("\n\n").end, PlainFace::End::leave) << "the end of input leaves";
    EXPECT_EQ(Talk("\nlogin\n", true).end, PlainFace::End::leave);
}

TEST(PlainFace, RefusesWhatIsWrongAndHelps) {
    Talk talk("a_b\n?\na.example\n10.9.9.9\n\n\n\n7\n2\norange-boat-77\norange-boat-77\n\nyes\n");
    EXPECT_EQ(talk.end, PlainFace::End::apply) << talk.said;
    EXPECT_NE(talk.said.find("\"a_b\" is not a host name"), std::string::npos);
    EXPECT_NE(talk.said.find("10.9.9.9 is not an address of this host"), std::string::npos);
    EXPECT_NE(talk.said.find("Letters, digits"), std::string::npos);
    EXPECT_NE(talk.said.find("Type 1, 2 or 3."), std::string::npos);
}

TEST(PlainFace, WritesNoControlCharacters) {
    Talk talk("\x1b[31mx\n?\na.example\n\n\n\n2\norange-boat-77\norange-boat-77\n\nyes\n");
    for (unsigned char c : talk.said) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c != 0x7f)) << int(c);
}

TEST(PlainFace, TheSummaryNamesSourcesAndWritesTheAnswers) {
    Talk talk("tokyo.acme.example\n\n\n\n2\norange-boat-77\norange-boat-77\n\nd\nyes\n");
    EXPECT_EQ(talk.end, PlainFace::End::apply) << talk.said;
    for (const char* line : {"host name           tokyo.acme.example              (answer)\n",
                             "address             10.2.0.11                       (found on this host)\n",
                             "trust               ***                             (answer)\n", "Kept.\n",
                             "Ports    443 (management API)"}) {
        EXPECT_NE(talk.said.find(line), std::string::npos) << line << talk.said;
    }
    EXPECT_EQ(talk.kept.find("orange-boat"), std::string::npos);
    Answers again;
    again.read_ini("kept", talk.kept, true);
    EXPECT_TRUE(again.problems().empty());
    EXPECT_EQ(again.get("role"), "secondary");
}

TEST(PlainFace, AJoinStringIsNotTypedTwice) {
    mds::JoinString join = mds::JoinString::make("tokyo-mds-01", "10.2.0.11", 3600'000);
    Talk talk("\n\n\n\n2\n" + join.text() + "\n\nyes\n");
    EXPECT_EQ(talk.end, PlainFace::End::apply) << talk.said;
    EXPECT_EQ(talk.answers.get("activation_key"), join.text());
    join.name = "paris";
    Talk other("\n\n\n\n2\n" + join.text() + "\n");
    EXPECT_NE(other.said.find("Not accepted: the join string is for paris, this server is tokyo-mds-01."),
              std::string::npos) << other.said;
}
