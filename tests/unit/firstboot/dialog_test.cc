#include "dialog.hh"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "base/text.hh"

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
    EXPECT_EQ(ids(dialog.screens()), "host_name+address time_zone+time_servers role");
    EXPECT_EQ(dialog.progress(0), "step 1 of 5 to 7");
    dialog.store(*find_question("role"), "primary");
    EXPECT_EQ(ids(dialog.screens()),
              "host_name+address time_zone+time_servers role deployment administrator+password+gui_clients recovery");
    EXPECT_EQ(dialog.progress(6), "step 7 of 7");
    // The words are no step of their own.
    dialog.store(*find_question("recovery"), "create");
    EXPECT_EQ(ids({dialog.screens().back()}), "recovery_words");
    EXPECT_EQ(dialog.progress(5), "step 6 of 7");
    EXPECT_EQ(dialog.progress(6), "step 6 of 7");
    EXPECT_EQ(dialog.progress(7), "step 7 of 7");
    for (const char* role : {"secondary", "log-server"}) {
        dialog.store(*find_question("role"), role);
        EXPECT_EQ(ids(dialog.screens()), "host_name+address time_zone+time_servers role activation_key+primary");
        EXPECT_EQ(dialog.progress(0), "step 1 of 5");
    }
}

TEST(Dialog, DoesNotAskWhatFilesHaveAnsweredInAnyForm) {
    Answers answers;
    answers.read_ini("f",
                     "[Server]\nRole=primary\nHostName=a\n[Administrator]\nName=anna\n"
                     "PasswordFile=/root/x\n",
                     true);
    EXPECT_EQ(ids(Dialog(answers, k_host).screens()), "address time_zone+time_servers deployment gui_clients recovery");
    Answers other;
    other.read_ini("f", "[Administrator]\nName=anna\n", true);
    Dialog half(other, k_host);
    half.store(*find_question("role"), "primary");
    EXPECT_EQ(ids(half.screens()), "host_name+address time_zone+time_servers role deployment password+gui_clients recovery");
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
    EXPECT_EQ(choices[0].name, "10.2.0.11 on ens18, link up");
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

TEST(Dialog, AsksTheRecoveryWordsBackAndKeepsOnlyTheCertificate) {
    Answers answers;
    Dialog dialog(answers, k_host);
    dialog.store(*find_question("role"), "primary");
    dialog.store(*find_question("recovery"), "create");
    const Question& words = *find_question("recovery_words");
    std::vector<std::string> shown = dialog.shown(words);
    ASSERT_EQ(shown.size(), 4U);
    std::map<int, std::string> by_number;
    for (const std::string& line : shown) {
        EXPECT_LE(line.size(), 74U);
        std::istringstream in(line);
        int number = 0;
        for (std::string word; in >> number >> word;) by_number[number] = word;
    }
    ASSERT_EQ(by_number.size(), 16U);
    std::string all, text = dialog.text(words), wanted;
    for (const auto& [number, word] : by_number) all += word + " ";
    std::istringstream in(text.substr(std::string("Type words ").size()));
    for (std::string one; in >> one;) {
        if (isdigit(static_cast<unsigned char>(one[0]))) wanted += by_number[std::stoi(one)] + " ";
    }
    EXPECT_NE(dialog.refuse(words, "acid acorn actor"), "");
    EXPECT_NE(dialog.refuse(words, ""), "");
    EXPECT_EQ(dialog.refuse(words, wanted), "");
    EXPECT_EQ(dialog.refuse(words, "  " + mds::fold(wanted) + ","), "");
    dialog.store(words, wanted);
    std::string pem = answers.get("recovery_words");
    EXPECT_EQ(mds::pki::Certificate::from_pem(pem).public_der(),
              mds::pki::RecoveryKey::from_words(all).certificate().public_der());
    EXPECT_EQ(dialog.file().find("BEGIN"), std::string::npos);
    for (const std::string& line : dialog.summary()) EXPECT_EQ(line.find("BEGIN"), std::string::npos);
}

TEST(Dialog, SaysWhatTheNetworkShowsAndRefusesWhatCannotBe) {
    Answers answers;
    Dialog dialog(answers, k_host, {}, [](const Question& question, const std::string& text, const Answers&) -> Finding {
        if (std::string(question.id) == "address" && text == "10.9.0.1") return {"it is used twice", "", ""};
        if (std::string(question.id) == "host_name") return {"", "It does not resolve.", ""};
        return {};
    });
    EXPECT_EQ(dialog.store(*find_question("address"), "10.9.0.1").refusal, "Not accepted: it is used twice.");
    EXPECT_FALSE(answers.has("address"));
    EXPECT_EQ(dialog.store(*find_question("host_name"), "a.example").remark, "It does not resolve.");
    EXPECT_EQ(answers.get("host_name"), "a.example");
    dialog.store(*find_question("role"), "secondary");
    std::string all;
    for (const std::string& line : dialog.summary()) all += line + "\n";
    EXPECT_NE(all.find("It does not resolve."), std::string::npos) << all;
}
