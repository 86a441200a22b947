#include "store/verify.hh"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.hh"
#include "flip.hh"
#include "store/public_db_impl.hh"

namespace mds::store {
namespace {

class Verify : public ::testing::Test {
  protected:
    Verify() {
        char name[] = "/tmp/mds-verify-XXXXXX";
        root = mkdtemp(name);
        db = std::make_unique<PublicDb>(root + "/a");
        db->create(Uid::make(), "test");
        for (int i = 0; i < 300;) {
            PublicDb::PublishRequest request{Uid::make(), "", "anna", "", {}};
            for (int n = 0; n < 5; ++n, ++i) {
                uids.push_back(Uid::make());
                request.changes.push_back(host("host-" + std::to_string(i), uids.back()));
            }
            db->publish(request, {});
        }
        std::string copy = root + "/copy";
        Position at = db->copy_to(copy);
        other = std::make_unique<PublicDb>(root + "/b");
        other->adopt(ProvenCopy::prove(copy, at));
    }
    ~Verify() override { std::filesystem::remove_all(root); }

    static Change host(const std::string& name, const Uid& uid) {
        return {Change::Op::put, uid, "host", "network", name,
                "{\"comments\":\"about " + name + "\"}"};
    }
    /// Objects with references to three hosts each, in no order.
    void publish_references(size_t count) {
        for (size_t i = 0; i < count; ++i) {
            Change c = host("more-" + std::to_string((i * 7) % count), Uid::make());
            c.doc.back() = ',';
            c.doc += "\"uses\":[";
            for (size_t r = 0; r < 3; ++r) {
                c.doc += (r ? ",\"\\u001f" : "\"\\u001f") + uids[(i * 7 + r * 13) % uids.size()].text() + "\"";
            }
            c.doc += "]}";
            db->publish({Uid::make(), "", "anna", "", {c}}, {});
        }
    }
    Uid publish_host(const std::string& name, const Uid& uid = Uid::make()) {
        db->publish({Uid::make(), "", "anna", "", {host(name, uid)}}, {});
        return uid;
    }
    /// A byte in the document of a host: behind type, scope, name, revision and hash of its row.
    void damage(const std::string& name) {
        test::flush(db->file());
        std::string row = "hostnetwork" + name;
        ASSERT_TRUE(test::flip_byte(db->file(), row, row.size() + 1 + 32 + 14)) << name;
    }
    Verification check() { return verify(db->file()); }

    std::string root;
    std::unique_ptr<PublicDb> db, other;
    std::vector<Uid> uids;
};

TEST_F(Verify, AWholeDatabaseIsGood) {
    Verification found = check();
    EXPECT_TRUE(found.good()) << found.text();
    EXPECT_EQ(found.rows, 300u);
    EXPECT_EQ(found.records, 61u);
    EXPECT_EQ(found.text(), "");
    publish_references(50);
    found = check();
    EXPECT_TRUE(found.good()) << found.text();
    EXPECT_FALSE(db->referrers(uids[0]).empty());
}

TEST_F(Verify, HW_4_AFlippedByteInADocumentIsFoundNamedAndRepaired) {
    damage("host-123");
    Verification found = check();
    EXPECT_FALSE(found.good());
    EXPECT_FALSE(found.content);
    ASSERT_EQ(found.damaged_rows, std::vector<Uid>{uids[123]});
    Repair repair;
    repair.rows = other->images_of(found.damaged_rows);
    ASSERT_EQ(repair.rows.size(), 1u);
    db->repair(repair, other->position().rev);
    found = check();
    EXPECT_TRUE(found.good()) << found.text();
    EXPECT_EQ(db->get(uids[123])->doc, other->get(uids[123])->doc);
    // And the history goes on as if nothing had been.
    publish_host("renamed", uids[123]);
    other->apply(db->records(other->position().rev + 1, 1 << 20));
    EXPECT_EQ(db->position().digest, other->position().digest);
}

TEST_F(Verify, NothingIsPublishedOrAppliedOverADamagedRow) {
    // Its altered document would be the before-image, its altered hash would go into the digest.
    for (const char* sql : {"UPDATE object SET doc=doc||' ' WHERE name='host-9'",
                            "UPDATE object SET hash=zeroblob(32) WHERE name='host-19'"}) {
        test::tamper(db->file(), sql);
    }
    Position before = db->position();
    EXPECT_FALSE(db->take_damage_notice());
    for (int i : {9, 19}) {
        try {
            publish_host("changed", uids[i]);
            ADD_FAILURE() << i;
        } catch (const Error& e) {
            EXPECT_EQ(e.code(), Code::damaged);
            EXPECT_NE(e.message().find("host-" + std::to_string(i)), std::string::npos);
        }
        EXPECT_TRUE(db->take_damage_notice());
        EXPECT_FALSE(db->take_damage_notice());
    }
    EXPECT_EQ(db->position().digest, before.digest);
    other->publish({Uid::make(), "", "anna", "", {host("changed", uids[9])}}, {});
    try {
        db->apply(other->records(before.rev + 1, 1 << 20));
        ADD_FAILURE();
    } catch (const Error& e) {
        EXPECT_EQ(e.code(), Code::damaged);
    }
    EXPECT_TRUE(db->take_damage_notice());
    // What was not touched goes on, and so does the rest after the repair.
    Repair repair;
    repair.rows = other->images_of({uids[19]});
    db->repair(repair, before.rev);
    publish_host("changed-19", uids[19]);
}

TEST_F(Verify, ADamagedRecordOfTheLogIsFoundAndTakenFromAnother) {
    // Below 1 kB a payload is not compressed: the document stands in the log as well as in its row.
    test::tamper(db->file(), "UPDATE revision SET payload=replace(payload,'about','abouT')"
                             " WHERE rev=50");
    Verification found = check();
    ASSERT_EQ(found.damaged_records, std::vector<uint64_t>{50});
    EXPECT_TRUE(found.content);
    Repair repair;
    repair.records.push_back(*other->revision(50));
    db->repair(repair, other->position().rev);
    EXPECT_TRUE(check().good()) << check().text();
    Repair wrong;
    wrong.records.push_back(*other->revision(51));
    wrong.records.back().author = "eve";
    EXPECT_EQ(db->repair(wrong, other->position().rev).records, 0u);
    EXPECT_EQ(db->revision(51)->author, "anna");
}

TEST_F(Verify, RecordsThatFollowEachOtherAreRepairedTogetherAndOthersLeftOut) {
    // The hash in the one after it is damaged too: only from the newest back does the chain tell.
    test::tamper(db->file(), "UPDATE revision SET prev_hash=zeroblob(32),hash=zeroblob(32)"
                             " WHERE rev BETWEEN 40 AND 42");
    Repair repair;
    for (uint64_t rev : {40u, 41u, 42u, 43u}) repair.records.push_back(*other->revision(rev));
    repair.records[3].author = "eve";
    EXPECT_EQ(db->repair(repair, other->position().rev).records, 3u);
    EXPECT_TRUE(check().good()) << check().text();
}

TEST_F(Verify, HW_4_ADamagedRecordOfTheLogGoesIntoNoFullCopy) {
    test::tamper(db->file(), "UPDATE revision SET author='eve' WHERE rev=50");
    Position at = db->position();
    std::string path = root + "/copy-2";
    try {
        db->copy_to(path);
        ADD_FAILURE();
    } catch (const Error& e) {
        EXPECT_EQ(e.code(), Code::damaged);
        EXPECT_NE(e.message().find("record 50"), std::string::npos) << e.message();
    }
    EXPECT_TRUE(db->take_damage_notice());
    // A sender of an older release does not look: then the receiver does.
    std::filesystem::remove(path);
    {
        SQLite::Database source(db->file(), SQLite::OPEN_READWRITE);
        source.exec("VACUUM INTO '" + path + "'");
    }
    EXPECT_THROW(ProvenCopy::prove(path, at), Error);
}

TEST_F(Verify, ALogThatBeginsLaterIsAsGood) {
    db->forget_records(50);
    EXPECT_EQ(db->oldest_record(), 51u);
    EXPECT_TRUE(check().good()) << check().text();
    db->forget_records(1000);
    EXPECT_EQ(db->oldest_record(), db->position().rev) << "the newest stays";
    publish_host("after");
    EXPECT_TRUE(check().good()) << check().text();
    PublicDb again(root + "/a");
    EXPECT_EQ(again.position().rev, db->position().rev);
}

TEST_F(Verify, LostAndInventedRowsAreFoundByBuckets) {
    test::tamper(db->file(), "DELETE FROM object WHERE name='host-7'");
    test::tamper(db->file(), "INSERT INTO object SELECT randomblob(16),type,scope,'ghost',rev,hash,"
                             "doc FROM object WHERE name='host-8'");
    Verification found = check();
    EXPECT_FALSE(found.content);
    BucketSums mine = bucket_sums(db->file()), theirs = bucket_sums(other->file());
    ASSERT_EQ(mine.sums.size(), k_buckets);
    std::vector<uint16_t> differ;
    for (size_t i = 0; i < k_buckets; ++i) {
        if (mine.sums[i] != theirs.sums[i]) differ.push_back(static_cast<uint16_t>(i));
    }
    EXPECT_LE(differ.size(), 2u);
    EXPECT_NE(std::find(differ.begin(), differ.end(), bucket_of(uids[7])), differ.end());
    Repair repair;
    std::vector<Uid> there;
    for (const RowMark& mark : marks_of(other->file(), differ).marks) there.push_back(mark.uid);
    repair.rows = other->images_of(there);
    for (const RowMark& mark : marks_of(db->file(), differ).marks) {
        if (std::find(there.begin(), there.end(), mark.uid) == there.end()) {
            repair.extra.push_back(mark.uid);
        }
    }
    ASSERT_EQ(repair.extra.size(), 1u);
    db->repair(repair, other->position().rev);
    EXPECT_TRUE(check().good()) << check().text();
}

TEST_F(Verify, ARecordThatRaisesTheDocumentsFromWhatTheyAreNotIsRefused) {
    Position at = db->position();
    for (const char* meta : {R"({"from":0,"to":1})", R"({"from":1000,"to":1})",
                             R"({"from":1,"to":1})", R"({"from":1,"to":2})", R"({"from":1})"}) {
        Revision r;
        r.rev = at.rev + 1;
        r.kind = "schema";
        r.term_id = at.term_id;
        r.term_no = at.term_no;
        r.prev_hash = at.hash;
        r.digest = at.digest;
        r.meta = meta;
        Hasher hasher;
        r.hash = chain_hash_of(hasher, r);
        EXPECT_THROW(db->apply({r}), Error) << meta;
    }
    EXPECT_EQ(db->position().hash, at.hash);
    EXPECT_EQ(db->schema(), 1u);
}

TEST_F(Verify, WhatIsMissingIsToldFromWhatWasDeletedByTheLog) {
    // The only other server is behind: it has host-5, which was deleted here since.
    Change gone{Change::Op::remove, uids[5], "host", "network", "host-5", ""};
    db->publish({Uid::make(), "", "anna", "", {gone}}, {});
    publish_host("host-6-newer", uids[6]);
    Uid late = publish_host("late");
    test::tamper(db->file(), "DELETE FROM object WHERE name IN ('host-6-newer','host-7','late')");
    ASSERT_FALSE(check().good());
    Repair repair;
    repair.rows = other->images_of({uids[5], uids[6], uids[7]});
    db->repair(repair, other->position().rev);
    EXPECT_TRUE(check().good()) << check().text();
    EXPECT_FALSE(db->get(uids[5]));
    EXPECT_EQ(db->get(uids[6])->name, "host-6-newer");
    EXPECT_TRUE(db->get(uids[7]));
    EXPECT_EQ(db->get(late)->name, "late");
}

TEST_F(Verify, WhatTheLogHereSaysIsMadeAnewFromIt) {
    Change gone{Change::Op::remove, uids[5], "host", "network", "host-5", ""};
    db->publish({Uid::make(), "", "anna", "", {gone}}, {});
    publish_host("host-6-newer", uids[6]);
    EXPECT_EQ(db->repair_from_log(), 0u) << "nothing is damaged";
    test::tamper(db->file(), "DELETE FROM object WHERE name IN ('host-6-newer','host-7')");
    damage("host-100");
    test::tamper(db->file(), "UPDATE object SET hash=zeroblob(32) WHERE name='host-200'");
    ASSERT_FALSE(check().good());
    EXPECT_EQ(db->repair_from_log(), 4u);
    EXPECT_TRUE(check().good()) << check().text();
    EXPECT_FALSE(db->get(uids[5]));
    EXPECT_EQ(db->get(uids[6])->name, "host-6-newer");
    // Not what is older than the log, nor what was before a record that is damaged.
    db->forget_records(30);
    test::tamper(db->file(), "DELETE FROM object WHERE name IN ('host-8','host-210','host-290')");
    test::tamper(db->file(), "UPDATE revision SET payload=payload||x'00' WHERE rev=50");
    EXPECT_EQ(db->repair_from_log(), 1u);
    EXPECT_FALSE(check().good());
    EXPECT_TRUE(db->get(uids[290]));
    EXPECT_FALSE(db->get(uids[210]));
}

TEST_F(Verify, WhatIsAMatterOfPositionsIsNotTaken) {
    // Published here and not there yet: the other one's older row must not come back.
    publish_host("newer", uids[3]);
    Repair repair;
    repair.rows = other->images_of({uids[3]});
    repair.extra.push_back(publish_host("only-here"));
    db->repair(repair, other->position().rev);
    EXPECT_EQ(db->get(uids[3])->name, "newer");
    EXPECT_TRUE(db->find("network", "only-here"));
    EXPECT_TRUE(check().good()) << check().text();
    // A row that was deleted here does not come back from one that is behind.
    db->publish({Uid::make(), "", "anna", "", {{Change::Op::remove, uids[4], "", "", "host-4", ""}}},
                {});
    repair = {};
    repair.rows = other->images_of({uids[4]});
    ASSERT_EQ(repair.rows.size(), 1u);
    db->repair(repair, other->position().rev);
    EXPECT_FALSE(db->get(uids[4]));
    EXPECT_TRUE(check().good()) << check().text();
}

TEST_F(Verify, DamagedIndexesAreFoundAndMadeAnew) {
    test::tamper(db->file(), "UPDATE name SET folded='host-x' WHERE folded='host-10'");
    test::tamper(db->file(), "INSERT INTO ref SELECT uid,uid FROM object LIMIT 1");
    Verification found = check();
    EXPECT_TRUE(found.content);
    EXPECT_FALSE(found.indexes.empty());
    Repair repair;
    repair.indexes = true;
    db->repair(repair, 0);
    EXPECT_TRUE(check().good()) << check().text();
    EXPECT_TRUE(db->find("network", "host-10"));
}

TEST_F(Verify, AFileThatCannotBeReadIsSaid) {
    test::flush(db->file());
    std::string path = root + "/broken";
    std::filesystem::copy(db->file(), path);
    ASSERT_TRUE(test::flip_byte(path, "CREATE TABLE object"));
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
    Verification found = verify(path);
    EXPECT_FALSE(found.good());
    EXPECT_FALSE(found.unreadable.empty());
}

TEST_F(Verify, EveryFlippedByteIsFoundOrHarmless) {
    // Bytes all over the file: the content that is read from it is as before, or the check says so.
    test::flush(db->file());
    auto size = std::filesystem::file_size(db->file());
    std::vector<std::string> before;
    auto content = [](const std::string& path) {
        std::vector<std::string> rows;
        SQLite::Database reader(path, SQLite::OPEN_READONLY);
        SQLite::Statement s(reader, "SELECT hex(uid)||type||scope||name||rev||doc FROM object"
                                    " ORDER BY uid");
        while (s.executeStep()) rows.push_back(s.getColumn(0).getString());
        return rows;
    };
    before = content(db->file());
    std::string bytes = read_file(db->file());
    int found = 0;
    unsigned state = 20261128;
    for (int i = 0; i < 60; ++i) {
        state = state * 1103515245 + 12345;
        size_t at = (state >> 4) % size;
        std::string changed = bytes, path = root + "/flipped";
        changed[at] = static_cast<char>(changed[at] ^ 0x10);
        std::filesystem::remove(path + "-wal");
        std::filesystem::remove(path + "-shm");
        replace_file(path, changed);
        if (!verify(path).good()) {
            ++found;
            continue;
        }
        EXPECT_EQ(content(path), before) << "byte " << at;
    }
    EXPECT_GT(found, 20);
}

TEST_F(Verify, NoDamageOfAnIndexIsOverlookedThatSqliteFinds) {
    publish_references(300);
    test::flush(db->file());
    const std::string bytes = read_file(db->file());
    std::vector<size_t> pages;
    {
        SQLite::Database reader(db->file(), SQLite::OPEN_READONLY);
        SQLite::Statement s(reader, "SELECT pageno FROM dbstat WHERE name IN ('object_type_name',"
                                    "'sqlite_autoindex_object_1','ref_src','name','ref') ORDER BY 1");
        while (s.executeStep()) pages.push_back(static_cast<size_t>(s.getColumn(0).getInt64()));
    }
    ASSERT_GT(pages.size(), 6u);
    const std::string path = root + "/flipped";
    std::string said;
    auto sqlite_finds = [&] {
        try {
            SQLite::Database reader(path, SQLite::OPEN_READONLY);
            SQLite::Statement s(reader, "PRAGMA integrity_check");
            s.executeStep();
            said = s.getColumn(0).getString();
        } catch (const std::exception& e) {
            said = e.what();
        }
        return said != "ok";
    };
    unsigned state = 20261129;
    int found = 0;
    for (int i = 0; i < 200; ++i) {
        state = state * 1103515245 + 12345;
        size_t at = (pages[(state >> 8) % pages.size()] - 1) * 4096 + (state >> 16) % 4096;
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ (1 << (state % 7)));
        replace_file(path, changed);
        if (!sqlite_finds()) continue;
        ++found;
        EXPECT_FALSE(verify(path).good()) << "byte " << at << ": " << said;
    }
    EXPECT_GT(found, 50);
}

}  // namespace
}  // namespace mds::store
