#include "mgmt/witness.hh"

#include <fmt/core.h>

namespace mds::mgmt {
namespace {

constexpr int64_t k_newest = 1000, k_day_ms = 24 * 3'600'000;

}  // namespace

std::string Witness::keep(const std::string& mds, const std::string& log, const AuditHead& head,
                          const std::string& key, const std::string& signature, int64_t now_ms) {
    std::string problem;
    WorkDb::Transaction transaction(work_);
    {
        auto s = work_.sql("SELECT id,hash FROM witness WHERE mds=? AND log=? AND chain=? ORDER BY id DESC LIMIT 1");
        s.bind(1, mds);
        s.bind(2, log);
        s.bind(3, head.chain);
        if (s.executeStep()) {
            int64_t newest = s.getColumn(0).getInt64();
            if (newest > head.id) {
                problem = fmt::format("it had {} records and has {}", newest, head.id);
            } else if (newest == head.id && s.getColumn(1).getString() != head.hash) {
                problem = fmt::format("record {} is another one than before", head.id);
            }
        }
    }
    // The first that was told stays: it is the evidence.
    auto put = work_.sql("INSERT OR IGNORE INTO witness VALUES(?,?,?,?,?,?,?,?,?)");
    put.bind(1, mds);
    put.bind(2, log);
    put.bind(3, head.chain);
    put.bind(4, head.id);
    put.bind(5, head.hash);
    put.bind(6, head.time_ms);
    put.bind(7, now_ms);
    put.bind(8, key.data(), static_cast<int>(key.size()));
    put.bind(9, signature.data(), static_cast<int>(signature.size()));
    put.exec();
    auto thin = work_.sql(
        "DELETE FROM witness WHERE mds=?1 AND log=?2 AND chain=?3 AND id IN (SELECT id FROM (SELECT id, "
        "row_number() OVER (ORDER BY id DESC) AS n, row_number() OVER (PARTITION BY heard_ms/?4 ORDER BY id) AS "
        "of_day FROM witness WHERE mds=?1 AND log=?2 AND chain=?3) WHERE n>?5 AND of_day>1)");
    // Not with every head: it reads them all.
    if (head.id % 16 == 0) {
        thin.bind(1, mds);
        thin.bind(2, log);
        thin.bind(3, head.chain);
        thin.bind(4, k_day_ms);
        thin.bind(5, k_newest);
        thin.exec();
    }
    transaction.commit();
    return problem;
}

std::map<std::string, std::vector<AuditHead>> Witness::of(const std::string& mds) {
    std::map<std::string, std::vector<AuditHead>> out;
    auto s = work_.sql("SELECT log,chain,id,hash,time_ms FROM witness WHERE mds=? ORDER BY log,id");
    s.bind(1, mds);
    while (s.executeStep()) {
        out[s.getColumn(0).getString()].push_back({s.getColumn(1).getString(), s.getColumn(2).getInt64(),
                                                   s.getColumn(3).getString(), s.getColumn(4).getInt64()});
    }
    return out;
}

}  // namespace mds::mgmt
