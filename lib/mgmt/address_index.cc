#include "mgmt/address_index.hh"

#include <algorithm>

#include "mgmt/overlay.hh"
#include "store/codec.hh"

namespace mds::mgmt {
namespace {

constexpr size_t k_batch = 16 << 20;

}  // namespace

void AddressIndex::take(const Uid& uid, std::string_view doc) {
    for (std::string& address : addresses_of(doc)) {
        std::vector<Uid>& list = uids_[std::move(address)];
        if (std::find(list.begin(), list.end(), uid) == list.end()) list.push_back(uid);
    }
}

void AddressIndex::build() {
    uids_.clear();
    at_ = db_.position();
    built_ = true;
    SQLite::Statement s(db_.db(), "SELECT uid, doc FROM object WHERE type='host'");
    while (s.executeStep()) {
        auto uid = s.getColumn(0), doc = s.getColumn(1);
        auto parsed = Uid::from_bytes({static_cast<const char*>(uid.getBlob()), 16});
        take(*parsed, {doc.getText(), static_cast<size_t>(doc.getBytes())});
    }
}

void AddressIndex::follow() {
    store::Position now = db_.position();
    if (built_ && now.rev == at_.rev && now.hash == at_.hash) return;
    // Only a continuation of what was indexed can be followed: same history up to here, and every
    // record since then still in the log.
    auto last = built_ && now.rev > at_.rev && now.incarnation == at_.incarnation
                    ? db_.revision(at_.rev)
                    : std::nullopt;
    if (!last || last->hash != at_.hash || db_.oldest_record() > at_.rev + 1) {
        build();
        return;
    }
    while (at_.rev < now.rev) {
        auto records = db_.records(at_.rev + 1, k_batch);
        if (records.empty()) {
            build();
            return;
        }
        for (const store::Revision& r : records) {
            at_.rev = r.rev;
            if (r.kind != "publish") continue;
            for (const store::Image& image : store::decode(store::decompress(r.payload, r.codec))) {
                if (image.change.type == "host") take(image.change.uid, image.change.doc);
            }
        }
    }
    at_ = now;
}

std::vector<Uid> AddressIndex::find(const std::string& address) {
    follow();
    auto found = uids_.find(address);
    return found == uids_.end() ? std::vector<Uid>{} : found->second;
}

}  // namespace mds::mgmt
