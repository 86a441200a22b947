#include "enrol/key.hh"

#include <gtest/gtest.h>

#include <set>

#include "base/error.hh"
#include "base/text.hh"
#include "bench.hh"

using namespace mds;
using namespace mds::enrol;

TEST(Key, LengthCharactersAndCommonKeysAreChecked) {
    for (const char* bad : {"", "short12", "password", "PassWord1", "aaaaaaaa", "12345678",
                            "abababababab", "tokyo\tkey\t42", "schl\xc3\xbcssel-42", "qwertyuiop"}) {
        EXPECT_THROW(check_key(bad), Error) << bad;
    }
    EXPECT_THROW(check_key(std::string(129, 'a') + "bcd"), Error);
    EXPECT_NO_THROW(check_key("tokyo-key-42"));
    EXPECT_NO_THROW(check_key(generate_key()));
}

TEST(Key, GeneratedKeyMayBeTypedInAnyWay) {
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        std::string key = generate_key();
        ASSERT_EQ(key.size(), 19u);
        EXPECT_EQ(key.find_first_of("ILOU"), std::string::npos) << key;
        std::string typed = fold(key);
        std::erase(typed, '-');
        EXPECT_EQ(normal_key(typed), normal_key(key));
        EXPECT_TRUE(seen.insert(key).second);
    }
    EXPECT_EQ(normal_key("oil0-1234-5678-9abc"), "0110123456789ABC");
}

TEST(Key, OtherKeysStayAsTyped) {
    EXPECT_EQ(normal_key("tokyo-key-42"), "tokyo-key-42");
    EXPECT_EQ(normal_key("Correct Horse!"), "Correct Horse!");
    EXPECT_NE(key_scalar("tokyo-key-42", "0123456789abcdef"),
              key_scalar("Tokyo-key-42", "0123456789abcdef"));
}

TEST(KeyStore, KeepsNoKeyAndIsPrivate) {
    test::Folder folder;
    std::string path = folder.path + "/key.json";
    KeyStore store(path);
    EXPECT_FALSE(store.key());
    EXPECT_THROW(store.set("tokyo-key-42", 1000), Error);
    EXPECT_THROW(store.set("tokyo-key-42", 15 * int64_t{86'400'000}), Error);
    store.set("tokyo-key-42", 3'600'000);
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms{0600});
    EXPECT_EQ(read_file(path).find("tokyo"), std::string::npos);
    EXPECT_EQ(KeyStore(path).key()->scalar, store.key()->scalar);
    store.clear();
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_FALSE(store.key());
}

TEST(KeyStore, TriesAreSpentBeforeTheAnswerAndGivenBackForTheRightOne) {
    test::Folder folder;
    KeyStore store(folder.path + "/key.json");
    store.set("tokyo-key-42", 3'600'000);
    KeyStore::Key key = *store.key();
    EXPECT_TRUE(store.take_try(key, "10.0.0.1"));
    EXPECT_EQ(KeyStore(folder.path + "/key.json").tries_left(), 4u) << "durable at once";
    EXPECT_FALSE(store.take_try(key, "10.0.0.2")) << "the port waits";
    store.give_back(key);
    EXPECT_EQ(store.tries_left(), 5u);
    EXPECT_EQ(store.wait_ms(), 0);
    EXPECT_FALSE(store.last_wrong());
    store.set("another-key-42", 3'600'000);
    EXPECT_FALSE(store.take_try(key, "10.0.0.1")) << "that was the key before";
}
