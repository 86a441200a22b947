#include "mgmt/parked.hh"

#include "base/error.hh"
#include "store/codec.hh"

namespace mds::mgmt {
namespace {

// Column handed_over: 0 waits, 1 is a session here, else the time when it was done.
constexpr int64_t k_waits = 0, k_session = 1;
constexpr int64_t k_keep_done_ms = 30LL * 24 * 3'600'000;

std::string blob(SQLite::Statement& s, int index) {
    auto column = s.getColumn(index);
    return {static_cast<const char*>(column.getBlob()), static_cast<size_t>(column.getBytes())};
}

}  // namespace

Flushed::Flushed(WorkDb& work) : work_(work) {
    work_.db().exec("PRAGMA synchronous=FULL");
}
Flushed::~Flushed() {
    try {
        work_.db().exec("PRAGMA synchronous=NORMAL");
    } catch (const SQLite::Exception&) {
        // It stays FULL: slower, never less durable.
    }
}

Parked::Parked(WorkDb& work) : work_(work) {}

void Parked::insert(const store::Revision& r, const std::string& origin, int64_t state) {
    store::Writer out;
    store::write_record(out, r);
    std::string record = out.take();
    auto put = work_.sql(
        "INSERT OR IGNORE INTO parked(term_id,rev,record,undo,author,session_name,time_ms,"
        "handed_over,origin) VALUES(?,?,?,?,?,?,?,?,?)");
    put.bind(1, r.term_id.raw().data(), 16);
    put.bind(2, static_cast<int64_t>(r.rev));
    put.bind(3, record.data(), static_cast<int>(record.size()));
    put.bind(4, r.undo.data(), static_cast<int>(r.undo.size()));
    put.bind(5, r.author);
    put.bind(6, r.session_name);
    put.bind(7, r.time_ms);
    put.bind(8, state);
    put.bind(9, origin);
    put.exec();
}

uint32_t Parked::put(const std::vector<store::Revision>& records, const std::string& origin) {
    // The only copy of what an administrator was told is published: flushed before the revisions
    // are taken back.
    Flushed flushed(work_);
    WorkDb::Transaction transaction(work_);
    uint32_t before = waiting();
    for (const store::Revision& r : records) {
        if (r.kind == "publish") insert(r, origin, k_waits);
    }
    uint32_t added = waiting() - before;
    transaction.commit();
    return added;
}

void Parked::wait(const Publish& publish) {
    uint32_t before = waiting();
    insert(publish.record, publish.origin, k_waits);
    if (waiting() == before) throw Error(Code::internal, "it was handed over before");
}

uint32_t Parked::waiting() {
    auto s = work_.sql("SELECT count(*) FROM parked WHERE handed_over=0");
    s.executeStep();
    auto count = static_cast<uint32_t>(s.getColumn(0).getInt64());
    return count;
}

std::vector<Parked::Told> Parked::told(size_t most) {
    auto s = work_.sql("SELECT rev,author,session_name,origin,time_ms FROM parked WHERE handed_over=0 ORDER BY rowid LIMIT ?");
    s.bind(1, static_cast<int64_t>(most));
    std::vector<Told> out;
    while (s.executeStep()) {
        out.push_back({static_cast<uint64_t>(s.getColumn(0).getInt64()), s.getColumn(1).getString(),
                       s.getColumn(2).getString(), s.getColumn(3).getString(), s.getColumn(4).getInt64()});
    }
    return out;
}

std::optional<Parked::Publish> Parked::next() {
    auto s = work_.sql(
        "SELECT record,undo,origin FROM parked WHERE handed_over=0 ORDER BY rowid LIMIT 1");
    if (!s.executeStep()) return std::nullopt;
    std::string record = blob(s, 0);
    store::Reader in(record);
    Publish out;
    out.record = store::read_record(in);
    out.record.undo = blob(s, 1);
    out.origin = s.getColumn(2).getString();
    return out;
}

void Parked::handed_over(const Uid& term_id, uint64_t rev, int64_t now_ms) {
    finish(term_id, rev, now_ms);
}

void Parked::keep(const Publish& publish) {
    insert(publish.record, publish.origin, k_session);
    auto s = work_.sql("UPDATE parked SET handed_over=1 WHERE term_id=? AND rev=?");
    s.bind(1, publish.record.term_id.raw().data(), 16);
    s.bind(2, static_cast<int64_t>(publish.record.rev));
    s.exec();
}

void Parked::finish(const Uid& term_id, uint64_t rev, int64_t now_ms) {
    auto s = work_.sql("UPDATE parked SET handed_over=? WHERE term_id=? AND rev=?");
    s.bind(1, now_ms);
    s.bind(2, term_id.raw().data(), 16);
    s.bind(3, static_cast<int64_t>(rev));
    s.exec();
}

bool Parked::release(const Uid& term_id, uint64_t rev) {
    finish(term_id, rev, k_waits);
    return work_.db().getChanges() > 0;
}

void Parked::drop_old(int64_t now_ms) {
    auto s = work_.sql("DELETE FROM parked WHERE handed_over>1 AND handed_over<?");
    s.bind(1, now_ms - k_keep_done_ms);
    s.exec();
}

}  // namespace mds::mgmt
