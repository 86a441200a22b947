#include "mgmt/overlay.hh"

#include <algorithm>

#include "base/text.hh"
#include "json/json.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

void drop(std::vector<Uid>& list, const Uid& uid) {
    auto found = std::find(list.begin(), list.end(), uid);
    if (found == list.end()) return;
    *found = list.back();
    list.pop_back();
}

/// Folded name of a rule or section; empty for everything else.
std::string title_of(const Entry& entry) {
    if (entry.scope != "rulebase") return "";
    return fold(json::get_string(json::parse_object(entry.doc), "name"));
}

}  // namespace

std::vector<std::string> addresses_of(std::string_view doc) {
    // Canonical text: keys are sorted and unique per level, and "interfaces" or "servers" come with
    // other keys (subnet4) or are of no interest here; a nested hit only costs one more lookup.
    std::vector<std::string> out;
    for (std::string_view key : {R"("ipv4-address":")", R"("ipv6-address":")"}) {
        size_t at = doc.find(key);
        if (at == std::string_view::npos) continue;
        at += key.size();
        size_t end = doc.find('"', at);
        if (end != std::string_view::npos && end > at) out.emplace_back(doc.substr(at, end - at));
    }
    return out;
}

const Entry* Overlay::find(const Uid& uid) const {
    auto found = entries_.find(uid);
    return found == entries_.end() ? nullptr : &found->second;
}

const Uid* Overlay::find(const std::string& scope, const std::string& folded_name) const {
    auto names = names_.find(scope);
    if (names == names_.end()) return nullptr;
    auto found = names->second.find(folded_name);
    return found == names->second.end() ? nullptr : &found->second;
}

std::vector<Uid> Overlay::titled(const std::string& name) const {
    auto found = titles_.find(fold(name));
    return found == titles_.end() ? std::vector<Uid>{} : found->second;
}

void Overlay::index(const Uid& uid, const Entry& entry) {
    if (entry.base_rev != 0) hidden_[entry.base_type][fold(entry.base_name)] = uid;
    if (entry.removed) return;
    std::string folded = fold(entry.name);
    names_[entry.scope][folded] = uid;
    by_type_[entry.type][folded] = uid;
    for (const Uid& dst : store::references_of(entry.doc)) referrers_[dst].push_back(uid);
    for (std::string& address : addresses_of(entry.doc)) {
        addresses_[std::move(address)].push_back(uid);
    }
    if (std::string title = title_of(entry); !title.empty()) titles_[title].push_back(uid);
}

void Overlay::unindex(const Uid& uid, const Entry& entry) {
    if (entry.base_rev != 0) hidden_[entry.base_type].erase(fold(entry.base_name));
    if (entry.removed) return;
    if (auto titled = titles_.find(title_of(entry)); titled != titles_.end()) {
        drop(titled->second, uid);
        if (titled->second.empty()) titles_.erase(titled);
    }
    std::string folded = fold(entry.name);
    auto forget = [&](auto& names) {
        auto found = names.find(folded);
        if (found != names.end() && found->second == uid) names.erase(found);
    };
    forget(names_[entry.scope]);
    forget(by_type_[entry.type]);
    for (const Uid& dst : store::references_of(entry.doc)) {
        auto found = referrers_.find(dst);
        if (found == referrers_.end()) continue;
        drop(found->second, uid);
        if (found->second.empty()) referrers_.erase(found);
    }
    for (const std::string& address : addresses_of(entry.doc)) {
        auto found = addresses_.find(address);
        if (found == addresses_.end()) continue;
        drop(found->second, uid);
        if (found->second.empty()) addresses_.erase(found);
    }
}

std::optional<Entry> Overlay::put(const Uid& uid, std::optional<Entry> entry) {
    std::optional<Entry> before;
    auto found = entries_.find(uid);
    if (found != entries_.end()) {
        unindex(uid, found->second);
        before = std::move(found->second);
    }
    if (!entry) {
        if (found != entries_.end()) entries_.erase(found);
        return before;
    }
    index(uid, *entry);
    if (found != entries_.end()) {
        found->second = std::move(*entry);
    } else {
        entries_.emplace(uid, std::move(*entry));
    }
    return before;
}

std::string Overlay::amend(const Uid& uid, std::string doc, const Uid& reference, bool added,
                           int64_t edits) {
    Entry& entry = entries_.at(uid);
    std::swap(entry.doc, doc);
    entry.member_edits = static_cast<uint64_t>(static_cast<int64_t>(entry.member_edits) + edits);
    if (added) {
        referrers_[reference].push_back(uid);
    } else if (auto found = referrers_.find(reference); found != referrers_.end()) {
        drop(found->second, uid);
        if (found->second.empty()) referrers_.erase(found);
    }
    return doc;
}

namespace {
const std::map<std::string, Uid> k_none;
}  // namespace

const std::map<std::string, Uid>& Overlay::of_type(const std::string& type) const {
    auto found = by_type_.find(type);
    return found == by_type_.end() ? k_none : found->second;
}

const std::map<std::string, Uid>& Overlay::hidden(const std::string& type) const {
    auto found = hidden_.find(type);
    return found == hidden_.end() ? k_none : found->second;
}

std::vector<Uid> Overlay::referrers(const Uid& uid) const {
    auto found = referrers_.find(uid);
    return found == referrers_.end() ? std::vector<Uid>{} : found->second;
}

std::vector<Uid> Overlay::with_address(const std::string& address) const {
    auto found = addresses_.find(address);
    return found == addresses_.end() ? std::vector<Uid>{} : found->second;
}

}  // namespace mds::mgmt
