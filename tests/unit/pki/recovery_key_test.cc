#include "pki/recovery_key.hh"

#include <gtest/gtest.h>

#include "base/error.hh"
#include "base/text.hh"
#include "pki/seal.hh"

using namespace mds::pki;

TEST(RecoveryKey, TheWordsAloneOpenWhatWasSealedForTheCertificate) {
    RecoveryKey made = RecoveryKey::make();
    ASSERT_EQ(made.words().size(), RecoveryKey::k_words);
    Certificate kept = Certificate::from_pem(made.certificate().pem());
    std::string blob = seal("the key of an authority", {kept});
    std::string words = mds::join(made.words(), " ");
    EXPECT_EQ(open_sealed(blob, kept, RecoveryKey::from_words(words).key()), "the key of an authority");
    EXPECT_THROW(open_sealed(blob, kept, RecoveryKey::make().key()), mds::Error);
    EXPECT_NE(mds::join(RecoveryKey::make().words(), " "), words);
}

TEST(RecoveryKey, IsReadAsPeopleWriteIt) {
    RecoveryKey made = RecoveryKey::make();
    std::string numbered, capitals, brief;
    for (size_t i = 0; i < made.words().size(); ++i) {
        std::string word = made.words()[i];
        numbered += std::to_string(i + 1) + ". " + word + "\n";
        brief += word.substr(0, 4) + " ";
        word[0] = static_cast<char>(toupper(word[0]));
        capitals += word + ", ";
    }
    for (const std::string& text : {numbered, capitals, brief}) {
        EXPECT_EQ(RecoveryKey::from_words(text).words(), made.words()) << text;
    }
}

TEST(RecoveryKey, SaysWhichWordIsWrong) {
    std::vector<std::string> words = RecoveryKey::make().words();
    auto problem = [](const std::vector<std::string>& typed) -> std::string {
        try {
            RecoveryKey::from_words(mds::join(typed, " "));
        } catch (const mds::Error& e) {
            return e.what();
        }
        return "";
    };
    EXPECT_EQ(problem(words), "");
    std::vector<std::string> other = words;
    other[6] = "qqqq";
    EXPECT_NE(problem(other).find("word 7, \"qqqq\""), std::string::npos);
    other = words;
    other.pop_back();
    EXPECT_NE(problem(other).find("16 words, not 15"), std::string::npos);
    // The last word checks the others: of 256 changed keys about one passes.
    int found = 0;
    for (int i = 0; i < 256; ++i) {
        other = RecoveryKey::make().words();
        std::string last = other.back();
        other.back() = RecoveryKey::make().words()[0];
        found += other.back() == last || !problem(other).empty() ? 1 : 0;
    }
    EXPECT_GT(found, 240);
}
