// The audit trail as a chain, and what others have seen of it (security.md S-14, T-30).
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "base/error.hh"
#include "base/ids.hh"
#include "mgmt/audit_chain.hh"
#include "mgmt/witness.hh"
#include "mgmt/workspace.hh"
#include "store/hash.hh"

using namespace mds;
using namespace mds::mgmt;

namespace {

constexpr int64_t k_day_ms = 24 * 3'600'000, k_now = 1'800'000'000'000;

struct Trail {
    std::string folder = std::filesystem::temp_directory_path() / ("mds-" + hex(random_bytes(8)));
    std::unique_ptr<WorkDb> work;
    std::unique_ptr<AuditChain> chain;

    Trail() {
        std::filesystem::create_directories(folder);
        open();
    }
    ~Trail() {
        close();
        std::filesystem::remove_all(folder);
    }
    std::string file() const { return folder + "/work.db"; }
    void open() {
        work = std::make_unique<WorkDb>(file());
        chain = std::make_unique<AuditChain>(*work);
    }
    void close() {
        chain.reset();
        work.reset();
    }
    void add(int count, int64_t from = k_now) {
        for (int i = 0; i < count; ++i) {
            AuditRow row;
            row.user = "admin";
            row.operation = "Publish";
            row.subject = "change " + std::to_string(i);
            row.session = Uid::make();
            chain->append(row, from + i, "London");
        }
    }
    AuditReport check(std::vector<AuditWitness> seen = {}, int64_t now = k_now + k_day_ms) {
        return chain->check(std::move(seen), now);
    }
    /// Makes the hashes from this record on anew, as who knows how they are made.
    void rehash(int64_t from) {
        auto fields = [&](int64_t id) {
            SQLite::Statement s(work->db(),
                                "SELECT time_ms,user,ip,application,operation,subject,status,message,"
                                "lower(hex(session)),session_name,domain FROM audit WHERE id=?");
            s.bind(1, id);
            EXPECT_TRUE(s.executeStep());
            json::array a{id, s.getColumn(0).getInt64()};
            for (int i = 1; i < 11; ++i) a.push_back(json::value(s.getColumn(i).getString()));
            return json::text(a);
        };
        int64_t last = chain->head().id;
        for (int64_t id = from; id <= last; ++id) {
            SQLite::Statement before(work->db(), "SELECT hash FROM audit WHERE id=?");
            before.bind(1, id - 1);
            ASSERT_TRUE(before.executeStep());
            std::string text(static_cast<const char*>(before.getColumn(0).getBlob()), 32);
            std::string hash(store::raw(store::sha256(text + fields(id))));
            SQLite::Statement put(work->db(), "UPDATE audit SET hash=? WHERE id=?");
            put.bind(1, hash.data(), 32);
            put.bind(2, id);
            put.exec();
        }
    }
};

/// A way to tamper with 20 records; where it is found by the chain alone, and by what was seen at 5, 10, 15, 20.
struct Tampering {
    const char* name;
    std::function<void(Trail&)> act;
    int64_t found_at;
};

const std::vector<Tampering>& tamperings() {
    static const std::vector<Tampering> k_all = {
        {"change", [](Trail& t) { t.work->db().exec("UPDATE audit SET user='nobody' WHERE id=7"); }, 7},
        {"change of each field",
         [](Trail& t) { t.work->db().exec("UPDATE audit SET message='x' WHERE id=1"); }, 1},
        {"time", [](Trail& t) { t.work->db().exec("UPDATE audit SET time_ms=time_ms+1 WHERE id=20"); }, 20},
        {"delete", [](Trail& t) { t.work->db().exec("DELETE FROM audit WHERE id=7"); }, 7},
        {"delete the first", [](Trail& t) { t.work->db().exec("DELETE FROM audit WHERE id=1"); }, 1},
        {"delete and close the gap",
         [](Trail& t) {
             t.work->db().exec("DELETE FROM audit WHERE id=7;");
             for (int id = 8; id <= 20; ++id) {
                 t.work->db().exec("UPDATE audit SET id=" + std::to_string(id - 1) + " WHERE id=" +
                                   std::to_string(id));
             }
         },
         7},
        {"swap",
         [](Trail& t) {
             t.work->db().exec("UPDATE audit SET id=100 WHERE id=7; UPDATE audit SET id=7 WHERE id=12;"
                               "UPDATE audit SET id=12 WHERE id=100;");
         },
         7},
        {"insert",
         [](Trail& t) {
             for (int id = 20; id >= 7; --id) {
                 t.work->db().exec("UPDATE audit SET id=" + std::to_string(id + 1) + " WHERE id=" +
                                   std::to_string(id));
             }
             t.work->db().exec("INSERT INTO audit SELECT 7,time_ms,'forged',ip,application,operation,subject,status,"
                               "message,session,session_name,domain,hash FROM audit WHERE id=6");
         },
         7}};
    return k_all;
}

}  // namespace

TEST(Audit, T_30_ChangeDeleteSwapAndInsertAreFoundAtTheirPosition) {
    for (const Tampering& t : tamperings()) {
        Trail trail;
        trail.add(20);
        ASSERT_TRUE(trail.check().findings.empty()) << t.name;
        t.act(trail);
        AuditReport report = trail.check();
        ASSERT_FALSE(report.findings.empty()) << t.name;
        EXPECT_EQ(report.findings.front().from, t.found_at) << t.name << ": " << report.findings.front().what;
        EXPECT_NE(report.findings.front().what.find(std::to_string(t.found_at)), std::string::npos) << t.name;
        // Opened again it is no other.
        trail.close();
        trail.open();
        EXPECT_EQ(trail.check().findings.size(), report.findings.size()) << t.name;
    }
}

TEST(Audit, T_30_WhoMakesAllHashesAnewIsFoundByWhatOthersHaveSeen) {
    Trail trail;
    std::vector<AuditWitness> seen;
    for (int i = 0; i < 4; ++i) {
        trail.add(5, k_now + 1000 * i);
        seen.push_back({i % 2 ? "tokyo" : "paris", trail.chain->head()});
    }
    EXPECT_TRUE(trail.check(seen).findings.empty());
    EXPECT_EQ(trail.check(seen).seen, 4);
    trail.work->db().exec("UPDATE audit SET user='nobody' WHERE id=7");
    trail.rehash(7);
    EXPECT_TRUE(trail.check().findings.empty()) << "alone it cannot be seen";
    AuditReport report = trail.check(seen);
    ASSERT_EQ(report.findings.size(), 1u);
    EXPECT_EQ(report.findings[0].from, 6);
    EXPECT_EQ(report.findings[0].to, 10);
    EXPECT_NE(report.findings[0].what.find("tokyo"), std::string::npos) << report.findings[0].what;
}

TEST(Audit, T_30_AnEndThatIsMissingIsFoundAndNamed) {
    Trail trail;
    trail.add(20);
    std::vector<AuditWitness> seen{{"tokyo", trail.chain->head()}};
    trail.work->db().exec("DELETE FROM audit WHERE id>12");
    AuditReport report = trail.check(seen);
    ASSERT_EQ(report.findings.size(), 1u);
    EXPECT_EQ(report.findings[0].from, 13);
    EXPECT_EQ(report.findings[0].to, 20);
    // Filling it up again does not help.
    trail.add(8);
    report = trail.check(seen);
    ASSERT_EQ(report.findings.size(), 1u);
    EXPECT_EQ(report.findings[0].to, 20);
}

TEST(Audit, T_30_AnotherFileAndAnOlderOneAreFound) {
    Trail trail, other;
    trail.add(10);
    trail.close();
    std::filesystem::copy_file(trail.file(), trail.folder + "/older");
    trail.open();
    trail.add(5);
    std::vector<AuditWitness> seen{{"tokyo", trail.chain->head()}};
    other.add(15);
    AuditReport replaced = other.check(seen);
    ASSERT_EQ(replaced.findings.size(), 1u);
    EXPECT_NE(replaced.findings[0].what.find("another trail"), std::string::npos) << replaced.findings[0].what;
    trail.close();
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(trail.file() + end);
    std::filesystem::copy_file(trail.folder + "/older", trail.file());
    trail.open();
    AuditReport older = trail.check(seen);
    ASSERT_EQ(older.findings.size(), 1u);
    EXPECT_EQ(older.findings[0].from, 11);
    EXPECT_EQ(older.findings[0].to, 15);
    // An emptied one, with the table that says where it began.
    trail.work->db().exec("DELETE FROM audit; DELETE FROM audit_chain");
    trail.close();
    trail.open();
    EXPECT_FALSE(trail.check(seen).findings.empty());
}

TEST(Audit, T_30_OnlyOldRecordsGoFromTheBeginAndTheRestStaysAChain) {
    Trail trail;
    trail.add(10, k_now - AuditChain::k_keep_ms - k_day_ms);
    AuditHead old = trail.chain->head();
    trail.add(10, k_now);
    // One with a clock that was wrong in the middle stays.
    trail.add(1, 0);
    trail.add(3, k_now + 100);
    AuditHead last = trail.chain->head();
    trail.chain->drop_old(k_now);
    AuditReport report = trail.check({{"tokyo", old}, {"tokyo", last}}, k_now);
    EXPECT_TRUE(report.findings.empty()) << report.findings[0].what;
    EXPECT_EQ(report.first, 11);
    EXPECT_EQ(report.records, 14);
    EXPECT_EQ(report.last, 24);
    // Who drops more than that is found by what was seen of it.
    std::vector<AuditWitness> seen{{"tokyo", {last.chain, 12, std::string(64, '0'), k_now + 1}}};
    trail.work->db().exec("UPDATE audit_chain SET base_id=15, base_hash=(SELECT hash FROM audit WHERE id=15);"
                          "DELETE FROM audit WHERE id<=15");
    EXPECT_TRUE(trail.check({}, k_now).findings.empty());
    report = trail.check(seen, k_now);
    ASSERT_EQ(report.findings.size(), 1u);
    EXPECT_EQ(report.findings[0].from, 12);
}

TEST(Audit, ATrailOfAnEarlierReleaseIsChainedAsItIs) {
    Trail trail;
    trail.add(5);
    trail.work->db().exec("UPDATE audit SET hash=NULL; DELETE FROM audit_chain");
    trail.close();
    trail.open();
    AuditReport report = trail.check();
    EXPECT_TRUE(report.findings.empty());
    EXPECT_EQ(report.records, 5);
    trail.work->db().exec("UPDATE audit SET ip='::1' WHERE id=3");
    EXPECT_EQ(trail.check().findings.front().from, 3);
}

TEST(Audit, AWitnessKeepsTheFirstItHeardAndSaysWhatDoesNotFit) {
    Trail trail;
    Witness witness(*trail.work);
    trail.add(3);
    AuditHead head = trail.chain->head();
    EXPECT_EQ(witness.keep("london", "system", head, "k", "s", k_now), "");
    EXPECT_EQ(witness.keep("london", "system", head, "k", "s", k_now), "");
    AuditHead forged = head;
    forged.hash = std::string(64, 'a');
    EXPECT_NE(witness.keep("london", "system", forged, "k", "s", k_now), "");
    forged.id = 2;
    EXPECT_NE(witness.keep("london", "system", forged, "k", "s", k_now), "");
    auto kept = witness.of("london");
    ASSERT_EQ(kept["system"].size(), 2u);
    EXPECT_EQ(kept["system"][1].hash, head.hash);
    EXPECT_TRUE(witness.of("tokyo").empty());
}

TEST(Audit, AWitnessThinsWhatIsOld) {
    Trail trail;
    Witness witness(*trail.work);
    AuditHead head{std::string(32, 'c'), 0, std::string(64, 'a'), 0};
    for (int i = 1; i <= 3200; ++i) {
        head.id = i;
        EXPECT_EQ(witness.keep("london", "system", head, "k", "s", i * k_day_ms / 100), "");
    }
    auto kept = witness.of("london")["system"];
    EXPECT_GE(kept.size(), 1000u);
    EXPECT_LT(kept.size(), 1000u + 16u + 33u);
    EXPECT_EQ(kept.front().id, 1);
    EXPECT_EQ(kept.back().id, 3200);
}
