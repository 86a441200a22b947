#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mds::bench {

/// One client's connection to what is measured. Objects are hosts with a name and an address; the
/// other side keeps them as JSON with the same indexes and answers with JSON.
class Session {
  public:
    virtual ~Session() = default;
    /// A private change, answered with the object.
    virtual void add(const std::string& name, const std::string& address) = 0;
    /// Many private changes at once, for filling: PREFIX<n> with address_of(base + n).
    virtual void add_many(const std::string& prefix, uint64_t first, uint64_t count,
                          uint64_t base) = 0;
    /// Makes this session's changes public and durable.
    virtual void publish() = 0;
    /// One object by its name; its size in bytes.
    virtual size_t read(const std::string& name) = 0;
    /// Whether there is an object of this name.
    virtual bool has(const std::string& name) = 0;
    /// 500 whole objects from `offset` on in order of names; bytes.
    virtual size_t page(uint64_t offset) = 0;
    /// Objects with a word that begins so in name, comments or address: 50 of them, and how many.
    virtual uint64_t search(const std::string& word) = 0;

    // ---- rules of one long rulebase ----
    /// A private rule at the end, or at the place of rule number `place` when that is not 0.
    virtual void add_rule(const std::string& name, uint64_t place) = 0;
    /// 500 whole rules from `offset` on; bytes.
    virtual size_t rule_page(uint64_t offset) = 0;
    /// How many rules have a name with a word that begins so.
    virtual uint64_t rule_search(const std::string& word) = 0;
};

/// A connection with its handshake and the smallest request, without a login. `resume`: the
/// handshake of an earlier connection is resumed where the other side offers it.
void https_visit(const std::vector<std::string>& arguments, bool resume);
void postgres_visit(const std::string& connection);
/// Target "https": host, port, user, password, domain.
std::unique_ptr<Session> https_session(const std::vector<std::string>& arguments);
/// Target "postgres": a connection string. `prepare` makes the tables. `plain`: without private
/// changes and revisions; a publish is one INSERT and its commit, the least that can be done.
std::unique_ptr<Session> postgres_session(const std::string& connection, bool prepare,
                                          bool plain = false);

/// Address of the n-th host, in 10.0.0.0/8.
inline std::string address_of(uint64_t n) {
    return "10." + std::to_string(n / 65025 % 256) + "." + std::to_string(n / 255 % 255) + "." +
           std::to_string(n % 255 + 1);
}

}  // namespace mds::bench
