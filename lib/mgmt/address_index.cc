#include "mgmt/address_index.hh"

#include <algorithm>

#include "mgmt/overlay.hh"

namespace mds::mgmt {
namespace {

size_t hash_of(std::string_view address) {
    return std::hash<std::string_view>{}(address);
}

}  // namespace

void AddressIndex::build() {
    newest_.clear();
    sorted_.clear();
    sorted_.reserve(db_.object_count("host"));
    SQLite::Statement s(db_.db(), "SELECT uid, doc FROM object WHERE type='host'");
    while (s.executeStep()) {
        auto uid = s.getColumn(0), doc = s.getColumn(1);
        auto parsed = Uid::from_bytes({static_cast<const char*>(uid.getBlob()), 16});
        for (const std::string& address :
             addresses_of({doc.getText(), static_cast<size_t>(doc.getBytes())})) {
            sorted_.push_back({hash_of(address), *parsed});
        }
    }
    std::sort(sorted_.begin(), sorted_.end());
}

std::pair<std::vector<AddressIndex::Item>::const_iterator,
          std::vector<AddressIndex::Item>::const_iterator>
AddressIndex::of(size_t hash) const {
    auto before = [](const Item& item, size_t h) { return item.hash < h; };
    auto first = std::lower_bound(sorted_.begin(), sorted_.end(), hash, before);
    auto last = first;
    while (last != sorted_.end() && last->hash == hash) ++last;
    return {first, last};
}

void AddressIndex::take(const store::Change& change) {
    if (change.type != "host") return;
    for (const std::string& address : addresses_of(change.doc)) {
        Item item{hash_of(address), change.uid};
        auto [first, last] = of(item.hash);
        auto [newer, end] = newest_.equal_range(item.hash);
        bool known = std::find(first, last, item) != last ||
                     std::any_of(newer, end, [&](const auto& n) { return n.second == item.uid; });
        if (!known) newest_.emplace(item.hash, item.uid);
    }
    if (newest_.size() > 1000 + sorted_.size() / 8) merge();
}

void AddressIndex::merge() {
    auto middle = static_cast<std::ptrdiff_t>(sorted_.size());
    for (const auto& [hash, uid] : newest_) sorted_.push_back({hash, uid});
    newest_.clear();
    std::sort(sorted_.begin() + middle, sorted_.end());
    std::inplace_merge(sorted_.begin(), sorted_.begin() + middle, sorted_.end());
}

std::vector<Uid> AddressIndex::find(const std::string& address) {
    follow();
    std::vector<Uid> out;
    size_t hash = hash_of(address);
    auto [first, last] = of(hash);
    for (auto i = first; i != last; ++i) out.push_back(i->uid);
    auto [newer, end] = newest_.equal_range(hash);
    for (auto i = newer; i != end; ++i) out.push_back(i->second);
    return out;
}

}  // namespace mds::mgmt
