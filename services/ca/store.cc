#include "store.hh"

namespace mds::ca {
namespace {

constexpr char k_schema[] = R"(
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS authority(
  scope TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, certificate TEXT NOT NULL,
  sealed_key BLOB NOT NULL, crl TEXT NOT NULL, crl_counter INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS certificate(
  serial TEXT PRIMARY KEY, authority TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  uuid TEXT NOT NULL, role TEXT NOT NULL, issued_at INTEGER NOT NULL, not_after INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS certificate_authority ON certificate(authority, issued_at);
)";
constexpr char k_authority[] =
    "SELECT scope, kind, name, certificate, sealed_key, crl, crl_counter FROM authority ";
constexpr char k_certificate[] =
    "SELECT serial, authority, kind, name, uuid, role, issued_at, not_after, revoked_at, reason "
    "FROM certificate ";

AuthorityRow authority_row(SQLite::Statement& s) {
    return {s.getColumn(0).getString(), s.getColumn(1).getString(), s.getColumn(2).getString(),
            s.getColumn(3).getString(), s.getColumn(4).getString(), s.getColumn(5).getString(),
            static_cast<uint64_t>(s.getColumn(6).getInt64())};
}

CertificateRow certificate_row(SQLite::Statement& s) {
    return {s.getColumn(0).getString(), s.getColumn(1).getString(), s.getColumn(2).getString(),
            s.getColumn(3).getString(), s.getColumn(4).getString(), s.getColumn(5).getString(),
            s.getColumn(6).getInt64(),  s.getColumn(7).getInt64(),  s.getColumn(8).getInt64(),
            s.getColumn(9).getString()};
}

template <class Row>
std::vector<Row> all(SQLite::Statement& s, Row (*read)(SQLite::Statement&)) {
    std::vector<Row> rows;
    while (s.executeStep()) rows.push_back(read(s));
    return rows;
}

}  // namespace

Store::Store(const std::string& path)
    : database_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
    database_.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
    database_.exec(k_schema);
}

std::string Store::meta(const std::string& key) const {
    SQLite::Statement s(database_, "SELECT value FROM meta WHERE key=?");
    s.bind(1, key);
    return s.executeStep() ? s.getColumn(0).getString() : "";
}

void Store::set_meta(const std::string& key, const std::string& value) {
    SQLite::Statement s(database_, "INSERT OR REPLACE INTO meta VALUES(?,?)");
    s.bind(1, key);
    s.bind(2, value);
    s.exec();
}

std::optional<AuthorityRow> Store::authority(const std::string& scope) const {
    SQLite::Statement s(database_, std::string(k_authority) + "WHERE scope=?");
    s.bind(1, scope);
    if (!s.executeStep()) return std::nullopt;
    return authority_row(s);
}

std::vector<AuthorityRow> Store::authorities() const {
    SQLite::Statement s(database_, std::string(k_authority) + "ORDER BY rowid");
    return all<AuthorityRow>(s, authority_row);
}

void Store::put_authority(const AuthorityRow& row) {
    SQLite::Statement s(database_,
                        "INSERT INTO authority VALUES(?,?,?,?,?,?,?) ON CONFLICT(scope) DO UPDATE "
                        "SET kind=excluded.kind, name=excluded.name, "
                        "certificate=excluded.certificate, sealed_key=excluded.sealed_key, "
                        "crl=excluded.crl, crl_counter=excluded.crl_counter");
    s.bind(1, row.scope);
    s.bind(2, row.kind);
    s.bind(3, row.name);
    s.bind(4, row.certificate_pem);
    s.bind(5, row.sealed_key.data(), static_cast<int>(row.sealed_key.size()));
    s.bind(6, row.crl_pem);
    s.bind(7, static_cast<int64_t>(row.crl_counter));
    s.exec();
}

std::optional<CertificateRow> Store::certificate(const std::string& serial) const {
    SQLite::Statement s(database_, std::string(k_certificate) + "WHERE serial=?");
    s.bind(1, serial);
    if (!s.executeStep()) return std::nullopt;
    return certificate_row(s);
}

std::vector<CertificateRow> Store::certificates(const std::string& authority, int limit) const {
    SQLite::Statement s(database_, std::string(k_certificate) +
                                       "WHERE authority=? ORDER BY issued_at DESC LIMIT ?");
    s.bind(1, authority);
    s.bind(2, limit);
    return all<CertificateRow>(s, certificate_row);
}

std::vector<CertificateRow> Store::revoked(const std::string& authority) const {
    SQLite::Statement s(database_,
                        std::string(k_certificate) + "WHERE authority=? AND revoked_at<>0");
    s.bind(1, authority);
    return all<CertificateRow>(s, certificate_row);
}

void Store::put_certificate(const CertificateRow& row) {
    SQLite::Statement s(database_,
                        "INSERT INTO certificate VALUES(?,?,?,?,?,?,?,?,?,?) "
                        "ON CONFLICT(serial) DO UPDATE SET revoked_at=excluded.revoked_at, "
                        "reason=excluded.reason WHERE certificate.revoked_at=0");
    s.bind(1, row.serial);
    s.bind(2, row.authority);
    s.bind(3, row.kind);
    s.bind(4, row.name);
    s.bind(5, row.uuid);
    s.bind(6, row.role);
    s.bind(7, row.issued_at);
    s.bind(8, row.not_after);
    s.bind(9, row.revoked_at);
    s.bind(10, row.reason);
    s.exec();
}

int64_t Store::count(bool revoked_only) const {
    SQLite::Statement s(database_, revoked_only
                                       ? "SELECT count(*) FROM certificate WHERE revoked_at<>0"
                                       : "SELECT count(*) FROM certificate");
    s.executeStep();
    return s.getColumn(0).getInt64();
}

}  // namespace mds::ca
