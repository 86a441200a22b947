#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "json/json.hh"
#include "mgmt/work_db.hh"

namespace mds::mgmt {

struct AuditRow;

/// How far the trail of one database is: what another server keeps as a witness (S-14).
struct AuditHead {
    /// Random name of the chain, 32 hexadecimal digits. Another file has another.
    std::string chain;
    /// Number of the newest record; 0 = there is none.
    int64_t id = 0;
    /// SHA-256 of the chain up to that record, 64 hexadecimal digits.
    std::string hash;
    /// Time of that record, milliseconds since 1970.
    int64_t time_ms = 0;

    json::object to_json() const;
    /// Throws mds::Error(invalid_parameter) for what is no head.
    static AuditHead from_json(const json::object& o);
};

/// A head that somebody else has seen, and who.
struct AuditWitness {
    std::string by;
    AuditHead head;
};

/// From [{"by","chain","id","hash","time"}]; throws mds::Error(invalid_parameter).
std::vector<AuditWitness> witnesses_from(const json::array& list);

/// Where the trail is not what it was, and why: records `from` to `to`.
struct AuditFinding {
    int64_t from = 0, to = 0;
    std::string what;
};

struct AuditReport {
    int64_t first = 0, last = 0, records = 0;
    /// Heads of others that were compared.
    int64_t seen = 0;
    std::vector<AuditFinding> findings;
    json::object to_json() const;
};

/// The table `audit` of work.db as a chain: record n holds the SHA-256 of record n-1 and itself (S-14), so
/// that who changes, removes, inserts or moves one has to make all that follow anew; and those differ from
/// what the other servers have seen. The oldest records are dropped by age and number; where the chain
/// begins then is kept in `audit_chain`.
class AuditChain {
  public:
    /// How many records are kept, and for how long.
    static constexpr int64_t k_most = 200'000, k_keep_ms = 400LL * 24 * 3'600'000;

    /// Makes a chain of what is there when that is none yet.
    explicit AuditChain(WorkDb& work);

    /// Throws SQLite::Exception; nothing is written then.
    void append(const AuditRow& row, int64_t time_ms, const std::string& domain);
    /// Writes something that is not read, where the records go. Throws when that cannot be done.
    void probe();
    AuditHead head();
    /// Reads all of it, and says what is not as it was written or as others have seen it.
    AuditReport check(std::vector<AuditWitness> seen, int64_t now_ms);
    void drop_old(int64_t now_ms);

  private:
    struct Begin {
        std::string chain, hash;
        int64_t id = 0;
    };
    Begin begin();
    void make();

    WorkDb& work_;
};

}  // namespace mds::mgmt
