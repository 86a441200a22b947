#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mds::ca {

/// One authority as it is stored: its key only sealed (K-21).
struct AuthorityRow {
    /// "deployment", "servers" or a Domain's uid.
    std::string scope;
    std::string kind, name, certificate_pem, sealed_key, crl_pem;
    /// Lists signed in this epoch.
    uint64_t crl_counter = 0;
};

/// One certificate that was issued. Times in milliseconds since 1970.
struct CertificateRow {
    std::string serial, authority, kind, name, uuid, role;
    int64_t issued_at = 0, not_after = 0;
    /// 0 = not revoked.
    int64_t revoked_at = 0;
    std::string reason;
};

/// ca.db: what must survive anything. Every write is on disk when the call returns
/// (synchronous=FULL). One thread. Failures of SQLite come as SQLite::Exception, which is a
/// std::exception: the bus frame reports them.
class Store {
  public:
    explicit Store(const std::string& path);

    /// "deployment-id", "deployment-name", "epoch"; empty when not set.
    std::string meta(const std::string& key) const;
    void set_meta(const std::string& key, const std::string& value);

    std::optional<AuthorityRow> authority(const std::string& scope) const;
    std::vector<AuthorityRow> authorities() const;
    /// Adds the authority or replaces the one of the same scope.
    void put_authority(const AuthorityRow& row);

    std::optional<CertificateRow> certificate(const std::string& serial) const;
    /// Newest first.
    std::vector<CertificateRow> certificates(const std::string& authority, int limit) const;
    std::vector<CertificateRow> revoked(const std::string& authority) const;
    /// Adds a row; of one that is there only a revocation is taken over (K-19).
    void put_certificate(const CertificateRow& row);
    int64_t count(bool revoked_only) const;

    /// Everything between construction and commit() happens or nothing.
    SQLite::Transaction transaction() { return SQLite::Transaction(database_); }

  private:
    mutable SQLite::Database database_;
};

}  // namespace mds::ca
