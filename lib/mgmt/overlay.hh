#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.hh"

namespace mds::mgmt {

/// What a session has made of one object, not yet published.
struct Entry {
    bool removed = false;
    std::string type, scope, name, doc;
    /// The published object it replaces; base_rev 0: there is none, it is new in this session.
    uint64_t base_rev = 0;
    std::string base_type, base_name;
    /// Memberships edited one by one since the document was stored as a whole.
    uint64_t member_edits = 0;
    /// Of a parked publish, not edited since it was recovered: it holds no lock, and what it was
    /// made from is `base_doc` (empty: there was no object), whatever is published now.
    bool recovered = false;
    std::string base_doc;
};

/// The private changes of one session, indexed for reads through the session: by uid, by name, by
/// type in order of names, by the objects referred to, by address. Every edit costs the size of the
/// object, not of the overlay.
class Overlay {
  public:
    const Entry* find(const Uid& uid) const;
    /// Visible object with this name (any case); nothing when there is none here.
    const Uid* find(const std::string& scope, const std::string& folded_name) const;
    /// Puts an entry; returns what was there. An empty `entry` takes it away.
    std::optional<Entry> put(const Uid& uid, std::optional<Entry> entry);

    /// Replaces the document of an entry by one that has one reference more or less; returns the
    /// document before. `edits` is added to Entry::member_edits.
    std::string amend(const Uid& uid, std::string doc, const Uid& reference, bool added,
                      int64_t edits);

    bool empty() const { return entries_.empty(); }
    size_t size() const { return entries_.size(); }
    const std::map<Uid, Entry>& entries() const { return entries_; }
    /// Visible objects of a type: folded name -> uid.
    const std::map<std::string, Uid>& of_type(const std::string& type) const;
    /// Published objects of a type that this session hides: folded published name -> uid.
    const std::map<std::string, Uid>& hidden(const std::string& type) const;
    /// Visible objects here that refer to `uid`.
    std::vector<Uid> referrers(const Uid& uid) const;
    /// Visible rules and sections here with this name (any case); their `name` is their order.
    std::vector<Uid> titled(const std::string& name) const;
    /// Visible objects here with this address.
    std::vector<Uid> with_address(const std::string& address) const;

  private:
    void index(const Uid& uid, const Entry& entry);
    void unindex(const Uid& uid, const Entry& entry);

    std::map<Uid, Entry> entries_;
    std::unordered_map<std::string, std::unordered_map<std::string, Uid>> names_;
    std::unordered_map<std::string, std::map<std::string, Uid>> by_type_, hidden_;
    std::unordered_map<Uid, std::vector<Uid>> referrers_;
    std::unordered_map<std::string, std::vector<Uid>> addresses_, titles_;
};

/// Values of "ipv4-address" and "ipv6-address" at the top level of a canonical document.
std::vector<std::string> addresses_of(std::string_view doc);

}  // namespace mds::mgmt
