#include "mgmt/address_index.hh"

#include <algorithm>

#include "mgmt/overlay.hh"

namespace mds::mgmt {

void AddressIndex::add(const Uid& uid, std::string_view doc) {
    for (std::string& address : addresses_of(doc)) {
        std::vector<Uid>& list = uids_[std::move(address)];
        if (std::find(list.begin(), list.end(), uid) == list.end()) list.push_back(uid);
    }
}

void AddressIndex::build() {
    uids_.clear();
    SQLite::Statement s(db_.db(), "SELECT uid, doc FROM object WHERE type='host'");
    while (s.executeStep()) {
        auto uid = s.getColumn(0), doc = s.getColumn(1);
        auto parsed = Uid::from_bytes({static_cast<const char*>(uid.getBlob()), 16});
        add(*parsed, {doc.getText(), static_cast<size_t>(doc.getBytes())});
    }
}

void AddressIndex::take(const store::Change& change) {
    if (change.type == "host") add(change.uid, change.doc);
}

std::vector<Uid> AddressIndex::find(const std::string& address) {
    follow();
    auto found = uids_.find(address);
    return found == uids_.end() ? std::vector<Uid>{} : found->second;
}

}  // namespace mds::mgmt
