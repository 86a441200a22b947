#include "dialog.hh"

#include <gtest/gtest.h>

using namespace mds::firstboot;

namespace {

const HostFacts k_host{"tokyo-mds-01.acme.example",
                       {{"10.2.0.11", "ens18"}, {"10.9.0.1", "ens19", false}}};

std::string ids(const std::vector<Dialog::Screen>& screens) {
    std::string text;
    for (const Dialog::Screen& screen : screens) {
        text += text.empty() ? "" : " ";
        for (const Question* question : screen) {
            text += (question == screen[0] ? "" : "+") + std::string(question->id);
        }
    }
    return text;
}

}  // namespace

TEST(Dialog, HasSevenScreensForAPrimaryAndFiveForTheOthers) {
    Answers answers;
    Dialog dialog(answers, k_host);
    EXPECT_EQ(ids(dialog.screens()), "host_name address role");
    EXPECT_EQ(dialog.progress(0), "step 1 of 5 to 7");
    dialog.store(*find_question("role"), "primary");
    EXPECT_EQ(ids(dialog.screens()),
              "host_name address role deployment administrator+password gui_clients");
    EXPECT_EQ(dialog.progress(6), "step 7 of 7");
    for (const char* role : {"secondary", "log-server"}) {
        dialog.store(*find_question("role"), role);
        EXPECT_EQ(ids(dialog.screens()), "host_name address role activation_key");
        EXPECT_EQ(dialog.progress(0), "step 1 of 5");
    }
}

TEST(Dialog, DoesNotAskWhatFilesHaveAnsweredInAnyForm) {
    Answers answers;
    answers.read_ini("f",
                     "[Server]\nRole=primary\nHostName=a\n[Administrator]\nName=anna\n"
                     "PasswordFile=/root/x\n",
                     true);
    EXPECT_EQ(ids(Dialog(answers, k_host).screens()), "address deployment gui_clients");
    Answers other;
    other.read_ini("f", "[Administrator]\nName=anna\n", true);
    Dialog half(other, k_host);
    half.store(*find_question("role"), "primary");
    EXPECT_EQ(ids(half.screens()), "host_name address role deployment password gui_clients");
}

TEST(Dialog, SuggestsWhatWasAnsweredBeforeButNothingThatIsWrongNow) {
    Answers earlier, answers;
    earlier.read_ini("d", "[Server]\nHostName=before.example\nAddress=10.7.7.7\nRole=log-server\n",
                     true);
    Dialog dialog(answers, k_host, earlier);
    EXPECT_EQ(dialog.suggestion(*find_question("host_name")), "before.example");
    EXPECT_EQ(dialog.suggestion(*find_question("address")), "10.2.0.11") << "that address is gone";
    EXPECT_EQ(dialog.suggestion(*find_question("role")), "log-server");
}

TEST(Dialog, OffersTheAddressesWithTheirLinks) {
    Answers answers;
    std::vector<Dialog::Choice> choices =
        Dialog(answers, k_host).choices(*find_question("address"));
    ASSERT_EQ(choices.size(), 2u);
    EXPECT_EQ(choices[0].name, "10.2.0.11 on ens18");
    EXPECT_EQ(choices[1].name, "10.9.0.1 on ens19, no link");
}

TEST(Dialog, AnotherRoleForgetsWhatOnlyTheFirstNeeded) {
    Answers answers;
    answers.set("Deployment.Name=from-a-file", "--set");
    Dialog dialog(answers, k_host);
    dialog.store(*find_question("role"), "primary");
    dialog.store(*find_question("administrator"), "anna");
    dialog.store(*find_question("role"), "secondary");
    EXPECT_FALSE(answers.has("administrator"));
    EXPECT_TRUE(answers.has("deployment")) << "what files say stays, and is told as not used";
}

TEST(Dialog, ShowsNoControlCharactersAndNoSecrets) {
    Answers answers;
    answers.read_ini("f", "[Server]\nRole=primary\n[Deployment]\nName=a\x1b[31mb\n", true);
    Dialog dialog(answers, k_host);
    dialog.store(*find_question("password"), "orange-boat-77");
    for (const std::string& line : dialog.summary()) {
        EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
        EXPECT_EQ(line.find("orange"), std::string::npos) << line;
    }
    EXPECT_EQ(dialog.file().find("orange"), std::string::npos);
}
