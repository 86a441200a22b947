// The audit trail of a workspace when the disk takes nothing (security.md S-15, T-32).
#include "rig.hh"

namespace mds::mgmt {
namespace {

/// A database that takes no more pages than it has, until room() is made.
class FullDisk : public Rig {
  protected:
    void fill() {
        // What fits into the last page is used up as well.
        work->db().exec("CREATE TABLE IF NOT EXISTS filler(x)");
        int64_t pages = 0;
        {
            SQLite::Statement s(work->db(), "PRAGMA page_count");
            s.executeStep();
            pages = s.getColumn(0).getInt64();
        }
        work->db().exec("PRAGMA max_page_count=" + std::to_string(pages));
        for (int size = 4000; size > 0; size /= 2) {
            while (work->db().tryExec("INSERT INTO filler VALUES(zeroblob(" + std::to_string(size) + "))") == 0) {
            }
        }
    }
    void room() { work->db().exec("PRAGMA max_page_count=1000000"); }
    int64_t records(const std::string& operation) {
        SQLite::Statement s(work->db(), "SELECT count(*) FROM audit WHERE operation=?");
        s.bind(1, operation);
        s.executeStep();
        return s.getColumn(0).getInt64();
    }
};

}  // namespace

TEST_F(FullDisk, T_32_ChangesAreRefusedReadingWorksAndItRecovers) {
    std::string sid = login();
    ASSERT_EQ(ask(sid, "add-host", R"({"name":"a","ip-address":"192.0.2.1"})").status, 200);
    // Many, so that their record needs a page of its own.
    AuditRow row;
    row.user = "ops";
    row.operation = "Filling";
    row.message = std::string(5000, 'm');
    fill();
    workspace->record(row);
    EXPECT_NE(workspace->audit_problem(), "");
    uint64_t before = db->position().rev;
    Answer refused = ask(sid, "publish", "{}");
    EXPECT_EQ(refused.status, 500) << refused.message();
    EXPECT_NE(refused.message().find("audit trail"), std::string::npos) << refused.message();
    EXPECT_NE(refused.message().find("nothing was changed"), std::string::npos) << refused.message();
    EXPECT_EQ(db->position().rev, before);
    EXPECT_EQ(ask(sid, "add-host", R"({"name":"b","ip-address":"192.0.2.2"})").status, 500);
    EXPECT_EQ(ask(sid, "show-host", R"({"name":"a"})").status, 200);
    EXPECT_EQ(ask(sid, "show-hosts", "{}").status, 200);
    EXPECT_EQ(records("Filling"), 0);
    room();
    EXPECT_EQ(ask(sid, "publish", "{}").status, 200);
    EXPECT_EQ(workspace->audit_problem(), "");
    EXPECT_EQ(records("Filling"), 1) << "what was kept in memory is written first";
    EXPECT_GT(db->position().rev, before);
    EXPECT_TRUE(workspace->check_audit({}).findings.empty());
}

TEST_F(FullDisk, ACheckpointIsToldWhenItCannotBeTakenBackAnyMore) {
    workspace->tick();
    std::string sid = login();
    workspace->tick();
    int64_t told = workspace->audit_checkpoint().id;
    now += 61'000;
    workspace->tick();
    EXPECT_EQ(workspace->audit_checkpoint().id, 1) << "before: " << told;
    for (int i = 0; i < 5; ++i) login();
    workspace->tick();
    workspace->tick();
    EXPECT_EQ(workspace->audit_checkpoint().id, 1) << "not yet a minute";
    now += 61'000;
    workspace->tick();
    EXPECT_EQ(workspace->audit_checkpoint().id, 6);
}

}  // namespace mds::mgmt
