// The version of the documents of a database, and the records that raise it (replication.md 10).
#include <fmt/core.h>

#include "base/error.hh"
#include "json/json.hh"
#include "store/public_db_impl.hh"

namespace mds::store {
namespace {

struct Range {
    uint32_t from = 0, to = 0;
};

Range range_of(const Revision& record) {
    json::object meta = json::parse_object(record.meta);
    return {static_cast<uint32_t>(json::get_int(meta, "from")),
            static_cast<uint32_t>(json::get_int(meta, "to"))};
}

}  // namespace

const std::vector<Migration>& migrations() {
    static const std::vector<Migration> k_none;
    return k_none;
}

uint32_t schema_of(SQLite::Database& database) {
    SQLite::Statement s(database, "SELECT value FROM meta WHERE key='schema'");
    if (!s.executeStep()) return 1;
    int version = s.getColumn(0).getInt();
    return version > 0 ? static_cast<uint32_t>(version) : 1;
}

uint32_t PublicDb::schema() const { return impl_->schema; }

uint32_t PublicDb::schema_known() const {
    return static_cast<uint32_t>(impl_->steps.size()) + 1;
}

void PublicDb::Impl::write_schema(uint32_t version) {
    Use s(sql("INSERT OR REPLACE INTO meta VALUES('schema',?)"));
    s->bind(1, std::to_string(version));
    s->exec();
}

std::vector<Image> PublicDb::Impl::migrate(const Revision& record) {
    Range range = range_of(record);
    // It comes from another server: what it names must be what is here.
    if (range.from != schema_of(*live->database) || range.to <= range.from) {
        throw Error(Code::internal, fmt::format("revision {} raises the documents from version {} to {}; "
                                                "they are of version {}",
                                                record.rev, range.from, range.to,
                                                schema_of(*live->database)));
    }
    if (range.to > steps.size() + 1) {
        throw Error(Code::internal, fmt::format("revision {} needs a release that knows documents of "
                                                "version {}; this one knows up to {}",
                                                record.rev, range.to, steps.size() + 1));
    }
    std::vector<Change> changes;
    {
        // By uid: every server meets the rows in the same order.
        Use s(sql("SELECT uid,type,scope,name,doc FROM object ORDER BY uid"));
        while (s->executeStep()) {
            std::string type = s->getColumn(1).getString(), doc = s->getColumn(4).getString();
            std::string now = doc;
            for (uint32_t version = range.from; version < range.to; ++version) {
                now = steps[version - 1].document(type, now);
            }
            if (now == doc) continue;
            changes.push_back({Change::Op::put, uid_column(*s, 0), std::move(type),
                               s->getColumn(2).getString(), s->getColumn(3).getString(),
                               std::move(now)});
        }
    }
    std::vector<Image> before = write_changes(changes, record.rev, nullptr);
    write_schema(range.to);
    return before;
}

Revision PublicDb::raise_schema(const std::string& by, const std::function<void()>& fence) {
    Impl& db = *impl_;
    uint32_t to = schema_known();
    if (to <= db.schema) throw Error(Code::internal, "the documents are of the newest version already");
    Revision raised = db.transact([&] {
        if (fence) fence();
        Revision r = db.next_record("schema", by);
        r.meta = json::canonical(json::object{{"from", db.schema}, {"to", to}});
        r.undo = encode(db.migrate(r));
        db.append(r);
        return r;
    });
    db.schema = to;
    db.stand_at(raised);
    return raised;
}

}  // namespace mds::store
