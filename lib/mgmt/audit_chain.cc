#include "mgmt/audit_chain.hh"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "mgmt/workspace.hh"
#include "store/hash.hh"

namespace mds::mgmt {
namespace {

/// More would say the same again.
constexpr size_t k_most_findings = 50;

constexpr char k_columns[] =
    "SELECT id,time_ms,user,ip,application,operation,subject,status,message,session,session_name,domain,hash "
    "FROM audit ORDER BY id";

std::string blob(const SQLite::Column& c) {
    return {static_cast<const char*>(c.getBlob()), static_cast<size_t>(c.getBytes())};
}

std::string digest(const std::string& before, const std::string& text) {
    return std::string(store::raw(store::sha256(before + text)));
}

/// The bytes of a record that are hashed: JSON, so that no field can run into the next.
std::string text_of(int64_t id, int64_t time_ms, const std::vector<std::string>& fields) {
    json::array out{id, time_ms};
    for (const std::string& field : fields) out.push_back(json::value(field));
    return json::text(out);
}

/// The same of a row of k_columns.
std::string text_of(SQLite::Statement& row) {
    std::vector<std::string> fields;
    for (int i = 2; i <= 11; ++i) {
        fields.push_back(i == 9 ? hex(blob(row.getColumn(i))) : row.getColumn(i).getString());
    }
    return text_of(row.getColumn(0).getInt64(), row.getColumn(1).getInt64(), fields);
}

std::string records(int64_t from, int64_t to) {
    return from == to ? fmt::format("record {}", from) : fmt::format("records {} to {}", from, to);
}

}  // namespace

json::object AuditHead::to_json() const {
    return {{"chain", chain}, {"id", id}, {"hash", hash}, {"time", time_ms}};
}

AuditHead AuditHead::from_json(const json::object& o) {
    AuditHead head{json::get_string(o, "chain"), json::get_int(o, "id"), json::get_string(o, "hash"),
                   json::get_int(o, "time")};
    auto chain = unhex(head.chain), hash = unhex(head.hash);
    if (!chain || chain->size() != 16 || !hash || hash->size() != 32 || head.id < 0) {
        throw Error(Code::invalid_parameter, "not a head of an audit trail");
    }
    return head;
}

std::vector<AuditWitness> witnesses_from(const json::array& list) {
    std::vector<AuditWitness> out;
    for (const json::value& v : list) {
        if (!v.is_object()) throw Error(Code::invalid_parameter, "not a head of an audit trail");
        out.push_back({json::get_string(v.as_object(), "by"), AuditHead::from_json(v.as_object())});
    }
    return out;
}

json::object AuditReport::to_json() const {
    json::array list;
    for (const AuditFinding& f : findings) {
        list.push_back(json::object{{"from", f.from}, {"to", f.to}, {"what", f.what}});
    }
    return {{"first", first}, {"last", last}, {"records", records}, {"seen", seen}, {"findings", std::move(list)}};
}

AuditChain::AuditChain(WorkDb& work) : work_(work) {
    auto s = work_.sql("SELECT 1 FROM audit_chain");
    if (!s.executeStep()) make();
}

void AuditChain::make() {
    WorkDb::Transaction transaction(work_);
    std::string chain = random_bytes(16);
    std::string hash = digest("mds-audit/1", chain);
    int64_t before = 0;
    {
        auto first = work_.sql("SELECT min(id) FROM audit");
        if (first.executeStep() && !first.getColumn(0).isNull()) before = first.getColumn(0).getInt64() - 1;
    }
    auto put = work_.sql("INSERT INTO audit_chain(one,chain,base_id,base_hash,probe) VALUES(1,?,?,?,0)");
    put.bind(1, chain.data(), static_cast<int>(chain.size()));
    put.bind(2, before);
    put.bind(3, hash.data(), static_cast<int>(hash.size()));
    put.exec();
    // What a release without a chain has written.
    std::vector<std::pair<int64_t, std::string>> hashes;
    {
        SQLite::Statement row(work_.db(), k_columns);
        while (row.executeStep()) {
            hash = digest(hash, text_of(row));
            hashes.emplace_back(row.getColumn(0).getInt64(), hash);
        }
    }
    for (const auto& [id, one] : hashes) {
        auto set = work_.sql("UPDATE audit SET hash=? WHERE id=?");
        set.bind(1, one.data(), static_cast<int>(one.size()));
        set.bind(2, id);
        set.exec();
    }
    transaction.commit();
}

AuditChain::Begin AuditChain::begin() {
    auto s = work_.sql("SELECT chain,base_id,base_hash FROM audit_chain");
    // Taken out of the file: everything is another trail then.
    if (!s.executeStep()) return {std::string(16, '\0'), std::string(32, '\0'), 0};
    return {blob(s.getColumn(0)), blob(s.getColumn(2)), s.getColumn(1).getInt64()};
}

AuditHead AuditChain::head() {
    Begin start = begin();
    auto s = work_.sql("SELECT id,hash,time_ms FROM audit ORDER BY id DESC LIMIT 1");
    if (!s.executeStep()) return {hex(start.chain), start.id, hex(start.hash), 0};
    return {hex(start.chain), s.getColumn(0).getInt64(), hex(blob(s.getColumn(1))), s.getColumn(2).getInt64()};
}

void AuditChain::append(const AuditRow& row, int64_t time_ms, const std::string& domain) {
    WorkDb::Transaction transaction(work_);
    AuditHead last = head();
    int64_t id = last.id + 1;
    std::string session(reinterpret_cast<const char*>(row.session.bytes.data()), 16);
    std::vector<std::string> fields{row.user, row.ip, row.application, row.operation, row.subject,
                                    row.good ? "Success" : "Failure", row.message};
    auto s = work_.sql(
        "INSERT INTO audit(id,time_ms,user,ip,application,operation,subject,status,message,session,"
        "session_name,domain,hash) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)");
    s.bind(1, id);
    s.bind(2, time_ms);
    for (size_t i = 0; i < fields.size(); ++i) s.bind(static_cast<int>(i) + 3, fields[i]);
    s.bind(10, session.data(), 16);
    s.bind(11, row.session_name);
    s.bind(12, domain);
    fields.insert(fields.end(), {hex(session), row.session_name, domain});
    std::string hash = digest(unhex(last.hash).value_or(""), text_of(id, time_ms, fields));
    s.bind(13, hash.data(), static_cast<int>(hash.size()));
    s.exec();
    transaction.commit();
}

void AuditChain::probe() { work_.sql("UPDATE audit_chain SET probe=probe+1").exec(); }

void AuditChain::drop_old(int64_t now_ms) {
    WorkDb::Transaction transaction(work_);
    // Only from the begin, up to the first that stays: the clock may have jumped.
    int64_t last = head().id, until = 0;
    {
        auto s = work_.sql("SELECT min(id) FROM audit WHERE time_ms>=?1 AND id>?2");
        s.bind(1, now_ms - k_keep_ms);
        s.bind(2, last - k_most);
        if (s.executeStep() && !s.getColumn(0).isNull()) until = s.getColumn(0).getInt64() - 1;
    }
    std::string hash;
    {
        auto s = work_.sql("SELECT hash FROM audit WHERE id=?");
        s.bind(1, until);
        if (!s.executeStep()) return;
        hash = blob(s.getColumn(0));
    }
    auto base = work_.sql("UPDATE audit_chain SET base_id=?,base_hash=?");
    base.bind(1, until);
    base.bind(2, hash.data(), static_cast<int>(hash.size()));
    base.exec();
    auto drop = work_.sql("DELETE FROM audit WHERE id<=?");
    drop.bind(1, until);
    drop.exec();
    transaction.commit();
}

AuditReport AuditChain::check(std::vector<AuditWitness> seen, int64_t now_ms) {
    AuditReport report;
    auto find = [&](int64_t from, int64_t to, std::string what) {
        if (report.findings.size() < k_most_findings) report.findings.push_back({from, to, std::move(what)});
    };
    Begin start = begin();
    std::set<int64_t> wanted;
    for (const AuditWitness& w : seen) wanted.insert(w.head.id);
    std::map<int64_t, std::string> hashes{{start.id, start.hash}};
    int64_t before = start.id;
    std::string hash = start.hash;
    SQLite::Statement row(work_.db(), k_columns);
    while (row.executeStep()) {
        int64_t id = row.getColumn(0).getInt64();
        std::string kept = blob(row.getColumn(12));
        if (report.records++ == 0) report.first = id;
        if (id != before + 1) {
            find(before + 1, id - 1, records(before + 1, id - 1) + (id > before + 2 ? " are missing" : " is missing"));
        } else if (digest(hash, text_of(row)) != kept) {
            find(id, id, fmt::format("record {} is not the one that was written after record {}", id, before));
        }
        if (wanted.count(id)) hashes[id] = kept;
        before = id;
        hash = kept;
    }
    report.last = before;

    std::sort(seen.begin(), seen.end(),
              [](const AuditWitness& a, const AuditWitness& b) { return a.head.id < b.head.id; });
    const AuditWitness *beyond = nullptr, *dropped = nullptr, *differs = nullptr;
    std::map<std::string, const AuditWitness*> others;
    int64_t same = start.id;
    for (const AuditWitness& w : seen) {
        ++report.seen;
        if (w.head.chain != hex(start.chain)) {
            others[w.head.chain] = &w;
        } else if (w.head.id > report.last) {
            beyond = &w;
        } else if (w.head.id < start.id) {
            bool old = now_ms - w.head.time_ms >= k_keep_ms || report.last - w.head.id >= k_most;
            if (!old) dropped = &w;
        } else if (auto at = hashes.find(w.head.id); at != hashes.end() && !differs) {
            if (hex(at->second) == w.head.hash) {
                same = w.head.id;
            } else {
                differs = &w;
            }
        }
    }
    auto when = [](const AuditWitness& w) { return w.by + " has seen at " + rfc3339(w.head.time_ms); };
    for (const auto& [chain, w] : others) {
        find(1, w->head.id, fmt::format("{} of another trail, which {}: this file is not that one",
                                        records(1, w->head.id), when(*w)));
    }
    if (dropped) {
        find(dropped->head.id, start.id, fmt::format("records up to {} are missing and are not old: {} was there, as {}",
                                                     start.id, dropped->head.id, when(*dropped)));
    }
    if (differs) {
        find(same + 1, differs->head.id,
             fmt::format("{}: not what {}", records(same + 1, differs->head.id), when(*differs)));
    }
    if (beyond) {
        find(report.last + 1, beyond->head.id,
             fmt::format("{} at the end: missing, {}", records(report.last + 1, beyond->head.id), when(*beyond)));
    }
    return report;
}

}  // namespace mds::mgmt
