#include "store/public_db.hh"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.hh"
#include "store/refs.hh"
#include "store/verify.hh"

namespace mds::store {
namespace {

struct Folder {
    Folder() {
        char name[] = "/tmp/mds-store-XXXXXX";
        path = mkdtemp(name);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

Change host(const std::string& name, const Uid& uid = Uid::make(), const std::string& extra = "") {
    return {Change::Op::put, uid, "host", "network", name, "{\"comments\":\"" + extra + "\"}"};
}

Change group(const std::string& name, const std::vector<Uid>& members) {
    std::string doc = "{\"members\":[";
    for (size_t i = 0; i < members.size(); ++i) {
        doc += std::string(i ? "," : "") + "\"\\u001f" + members[i].text() + "\"";
    }
    return {Change::Op::put, Uid::make(), "group", "network", name, doc + "]}"};
}

Change removal(const Uid& uid, const std::string& name = "x") {
    return {Change::Op::remove, uid, "host", "network", name, ""};
}

Revision publish(PublicDb& db, std::vector<Change> changes) {
    return db.publish({Uid::make(), "s", "anna", "", std::move(changes)}, {});
}

class PublicDbTest : public ::testing::Test {
  protected:
    Folder folder, other;
    Uid self = Uid::make();
    void create(PublicDb& db) { db.create(self, "test"); }
    /// A replica that has the same start as `db`, made from a full copy.
    std::unique_ptr<PublicDb> replica_of(PublicDb& db) {
        auto replica = std::make_unique<PublicDb>(other.path);
        std::string file = other.path + "/incoming/copy.part";
        Position p = db.copy_to(file);
        replica->adopt(ProvenCopy::prove(file, p));
        return replica;
    }
};

}  // namespace

TEST_F(PublicDbTest, PublishIsThereAfterReopening) {
    Uid uid = Uid::make();
    Position position;
    {
        PublicDb db(folder.path);
        EXPECT_FALSE(db.has_history());
        create(db);
        publish(db, {host("web", uid)});
        position = db.position();
        EXPECT_EQ(position.rev, 2u);
    }
    PublicDb db(folder.path);
    EXPECT_EQ(db.position().hash, position.hash);
    EXPECT_EQ(db.position().digest, position.digest);
    EXPECT_EQ(db.find("network", "WEB")->uid, uid);
    EXPECT_TRUE(verify(db.file()).good());
    EXPECT_EQ(db.term().active, self);
}

TEST_F(PublicDbTest, NamesCanBeSwappedAndReusedInOnePublish) {
    PublicDb db(folder.path);
    create(db);
    Uid a = Uid::make(), b = Uid::make(), c = Uid::make();
    publish(db, {host("a", a), host("b", b), host("c", c)});
    publish(db, {host("b", a), host("a", b), removal(c), host("c")});
    EXPECT_EQ(db.find("network", "a")->uid, b);
    EXPECT_EQ(db.find("network", "b")->uid, a);
    EXPECT_NE(db.find("network", "c")->uid, c);
    EXPECT_TRUE(verify(db.file()).good());
}

TEST_F(PublicDbTest, ABrokenRuleRefusesTheWholePublish) {
    PublicDb db(folder.path);
    create(db);
    Uid a = Uid::make();
    publish(db, {host("a", a)});
    publish(db, {group("g", {a})});
    Position before = db.position();
    EXPECT_THROW(publish(db, {host("z"), host("A")}), Error);
    EXPECT_THROW(publish(db, {host("z"), removal(a, "a")}), Error);
    EXPECT_THROW(publish(db, {host("z"), group("h", {Uid::make()})}), Error);
    EXPECT_THROW(db.publish({Uid::make(), "", "", "", {host("z")}},
                            [] { throw Error(Code::standby, "no"); }),
                 Error);
    EXPECT_EQ(db.position().hash, before.hash);
    EXPECT_FALSE(db.find("network", "z"));
    EXPECT_TRUE(verify(db.file()).good());
}

TEST_F(PublicDbTest, BeginAnewKeepsContentAndLogAndIsAnotherHistory) {
    PublicDb db(folder.path);
    create(db);
    Uid a = Uid::make();
    Revision published = publish(db, {host("a", a)});
    publish(db, {group("g", {a})});
    Uid server = Uid::make();
    Position was = db.position();
    {
        auto restored = replica_of(db);
        restored->begin_anew(server, "anna");
        EXPECT_EQ(restored->term().cause, "restore");
    }
    PublicDb restored(other.path);
    EXPECT_NE(restored.position().incarnation, was.incarnation);
    EXPECT_EQ(restored.position().rev, was.rev + 1);
    EXPECT_EQ(restored.position().digest, was.digest);
    EXPECT_EQ(restored.term().active, server);
    EXPECT_EQ(restored.term().by, "anna");
    EXPECT_EQ(restored.term().no, was.term_no + 1);
    EXPECT_EQ(restored.find("network", "a")->uid, a);
    EXPECT_TRUE(restored.published(published.session));
    EXPECT_TRUE(verify(restored.file()).good());
    // Neither takes anything of the other.
    publish(db, {host("later")});
    EXPECT_THROW(restored.apply(db.records(was.rev + 1, 1 << 20)), Error);
    publish(restored, {host("here")});
    EXPECT_TRUE(verify(restored.file()).good());
    // What has no history has none to go on from.
    PublicDb empty(other.path + "/empty");
    EXPECT_THROW(empty.begin_anew(server, "anna"), Error);
}

TEST_F(PublicDbTest, HW_1_ADeltaBringsAReplicaToTheSameContent) {
    PublicDb db(folder.path);
    create(db);
    auto replica = replica_of(db);
    Uid a = Uid::make();
    publish(db, {host("a", a)});
    publish(db, {group("g", {a})});
    publish(db, {host("renamed", a)});
    replica->apply(db.records(replica->position().rev + 1, 1 << 20));
    EXPECT_EQ(replica->position().hash, db.position().hash);
    EXPECT_EQ(replica->position().digest, db.position().digest);
    EXPECT_TRUE(verify(replica->file()).good());
    EXPECT_EQ(replica->referrers(a), db.referrers(a));
    // Again: nothing happens.
    replica->apply(db.records(2, 1 << 20));
    EXPECT_EQ(replica->position().rev, db.position().rev);
}

TEST_F(PublicDbTest, HW_4_AnAlteredRecordIsRefusedAndNothingChanges) {
    PublicDb db(folder.path);
    create(db);
    auto replica = replica_of(db);
    publish(db, {host("a")});
    publish(db, {host("b")});
    Position before = replica->position();
    auto records = db.records(2, 1 << 20);
    auto altered = records;
    altered[1].payload[altered[1].payload.size() - 12] ^= 1;
    EXPECT_THROW(replica->apply(altered), Error);
    EXPECT_THROW(replica->apply({records[1]}), Error);  // a gap
    EXPECT_EQ(replica->position().rev, before.rev);
    EXPECT_FALSE(replica->find("network", "a"));
    replica->apply(records);
    EXPECT_EQ(replica->position().digest, db.position().digest);
}

TEST_F(PublicDbTest, ARecordAfterAnotherOneOfThatNumberIsRefusedAlsoWhenTheContentIsTheSame) {
    PublicDb db(folder.path);
    create(db);
    auto replica = replica_of(db);
    Change same = host("same");
    publish(db, {same});
    publish(*replica, {same});
    ASSERT_EQ(db.position().digest, replica->position().digest);
    ASSERT_NE(db.position().hash, replica->position().hash);
    publish(db, {host("next")});
    Position before = replica->position();
    EXPECT_THROW(replica->apply(db.records(db.position().rev, 1 << 20)), Error);
    EXPECT_EQ(replica->position().hash, before.hash);
    EXPECT_FALSE(replica->find("network", "next"));
}

TEST_F(PublicDbTest, HW_4_ADamagedCopyIsRefusedAndTheOldStateStays) {
    PublicDb db(folder.path);
    create(db);
    auto replica = replica_of(db);
    publish(db, {host("a")});
    std::string file = other.path + "/incoming/copy.part";
    Position p = db.copy_to(file);
    {
        SQLite::Database copy(file, SQLite::OPEN_READWRITE);
        copy.exec("UPDATE object SET doc='{}'");
    }
    uint64_t before = replica->position().rev;
    EXPECT_THROW(replica->adopt(ProvenCopy::prove(file, p)), Error);
    EXPECT_EQ(replica->position().rev, before);
    EXPECT_TRUE(verify(replica->file()).good());
}

TEST_F(PublicDbTest, HW_4_ADamagedDatabaseIsPutAsideAndNeverBeginsAnotherHistory) {
    Position before;
    {
        PublicDb db(folder.path);
        create(db);
        publish(db, {host("a")});
        before = db.position();
    }
    std::string file = folder.path + "/gen-000001/public.db";
    for (const char* tail : {"-wal", "-shm"}) std::filesystem::remove(file + tail);
    auto size = std::filesystem::file_size(file);
    ASSERT_GT(size, 8192u);
    {
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(4096);
        for (auto i = size - 4096; i > 0; --i) bytes.put('\x5a');
    }
    PublicDb db(folder.path);
    EXPECT_NE(db.set_aside().find("damaged-000001"), std::string::npos) << db.set_aside();
    EXPECT_FALSE(db.has_history());
    EXPECT_TRUE(std::filesystem::exists(folder.path + "/damaged-000001/public.db"));
    // The next start finds nothing new to put aside, and remembers.
    PublicDb again(folder.path);
    EXPECT_EQ(again.set_aside(), "");
    EXPECT_TRUE(again.was_damaged());
}

TEST_F(PublicDbTest, HW_4_PuttingAsideIsFinishedAtTheNextStart) {
    { PublicDb db(folder.path); }
    // The process died, or had no space, after the damaged generation was away.
    std::filesystem::rename(folder.path + "/gen-000001", folder.path + "/damaged-000001");
    PublicDb db(folder.path);
    EXPECT_FALSE(db.has_history());
    EXPECT_TRUE(db.was_damaged());
}

TEST_F(PublicDbTest, ACopyThatEndsElsewhereThanItsSenderSaidReplacesNothing) {
    PublicDb db(folder.path);
    create(db);
    publish(db, {host("a")});
    auto replica = replica_of(db);
    publish(db, {host("b")});
    std::string file = other.path + "/incoming/second.part";
    Position p = db.copy_to(file);
    p.hash[0] ^= 1;
    EXPECT_THROW(replica->adopt(ProvenCopy::prove(file, p)), Error);
    EXPECT_EQ(replica->position().rev, 2u);
}

TEST_F(PublicDbTest, AdoptSaysWhatTheCopyDoesNotHave) {
    PublicDb db(folder.path);
    create(db);
    publish(db, {host("a")});
    auto replica = replica_of(db);
    Position fork = db.position();
    publish(*replica, {host("only here")});
    for (int i = 0; i < 3; ++i) publish(db, {host("h" + std::to_string(i))});
    std::string file = other.path + "/incoming/second.part";
    Position p = db.copy_to(file);
    uint64_t common = 0;
    // Whoever cannot keep it keeps everything.
    EXPECT_THROW(
        replica->adopt(ProvenCopy::prove(file, p), [](uint64_t) { throw Error(Code::disk_full, "no space"); }), Error);
    EXPECT_TRUE(replica->find("network", "only here"));
    // The log here reaches back to there: what is given to the caller is all, and nothing else is kept.
    EXPECT_EQ(replica->adopt(ProvenCopy::prove(file, p), [&](uint64_t rev) { common = rev; }), "");
    EXPECT_EQ(common, fork.rev);
    EXPECT_EQ(replica->position().hash, db.position().hash);
    EXPECT_TRUE(replica->replaced().empty());
}

TEST_F(PublicDbTest, AdoptKeepsTheWholeDatabaseWhenTheLogIsTooShort) {
    PublicDb db(folder.path);
    create(db);
    publish(db, {host("a")});
    auto replica = replica_of(db);
    publish(*replica, {host("only here")});
    publish(*replica, {host("and in the log")});
    replica->purge(replica->position().rev - 1, "anna", [] {});
    Position before = replica->position();
    // The other line is of a term of its own, as every line is.
    Term next = db.term();
    next.parent = next.id;
    next.id = Uid::make();
    next.no++;
    next.cause = "force";
    db.begin_term(next);
    publish(db, {host("b")});
    std::string file = other.path + "/incoming/second.part";
    Position p = db.copy_to(file);
    std::vector<Revision> given;
    std::string kept = replica->adopt(ProvenCopy::prove(file, p),
                                      [&](uint64_t rev) { given = replica->tail(rev); });
    EXPECT_EQ(replica->position().hash, db.position().hash);
    EXPECT_EQ(1, std::count_if(given.begin(), given.end(), [](const Revision& r) { return r.kind == "publish"; }));
    ASSERT_NE(kept, "");
    replica.reset();
    // A start tidies up what is of no more use; this is not.
    PublicDb again(other.path);
    EXPECT_EQ(again.replaced(), std::vector<std::string>{kept});
    EXPECT_EQ(again.position().hash, db.position().hash);
    std::filesystem::create_directories(folder.path + "/old/gen-000001");
    std::filesystem::copy(kept + "/public.db", folder.path + "/old/gen-000001/public.db");
    PublicDb old(folder.path + "/old");
    EXPECT_EQ(old.position().hash, before.hash);
    EXPECT_TRUE(old.find("network", "only here"));
}

TEST_F(PublicDbTest, UndoGivesTheRecordedDigest) {
    PublicDb db(folder.path);
    create(db);
    Uid a = Uid::make(), b = Uid::make();
    publish(db, {host("a", a), host("b", b)});
    Position fork = db.position();
    publish(db, {host("b", a), removal(b)});
    publish(db, {group("g", {a})});
    Term next = db.term();
    next.parent = next.id;
    next.id = Uid::make();
    next.no++;
    next.cause = "restart";
    db.begin_term(next);
    publish(db, {host("c")});
    EXPECT_EQ(db.tail(fork.rev).size(), 4u);
    db.undo_to(fork.rev);
    EXPECT_EQ(db.position().hash, fork.hash);
    EXPECT_EQ(db.position().digest, fork.digest);
    EXPECT_EQ(db.term().no, 1u);
    EXPECT_TRUE(verify(db.file()).good());
    EXPECT_EQ(db.find("network", "a")->uid, a);
    publish(db, {host("again")});
    EXPECT_TRUE(verify(db.file()).good());
}

TEST_F(PublicDbTest, PublishesGoOnAfterACopyWasTaken) {
    PublicDb db(folder.path);
    create(db);
    publish(db, {host("a")});
    auto replica = replica_of(db);
    publish(db, {host("b")});
    replica->apply(db.records(replica->position().rev + 1, 100));
    EXPECT_EQ(replica->position().digest, db.position().digest);
    EXPECT_EQ(replica->term().active, self);
}

}  // namespace mds::store
