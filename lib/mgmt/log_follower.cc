#include "mgmt/log_follower.hh"

#include "store/codec.hh"

namespace mds::mgmt {
namespace {

constexpr size_t k_batch = 16 << 20;

}  // namespace

void LogFollower::rebuild() {
    at_ = db_.position();
    built_ = true;
    build();
}

void LogFollower::follow() {
    store::Position now = db_.position();
    if (built_ && now.rev == at_.rev && now.hash == at_.hash) return;
    // Only a continuation of what was indexed can be followed: same history up to here, and every
    // record since then still in the log.
    std::vector<store::Revision> last;
    if (built_ && now.rev > at_.rev && now.incarnation == at_.incarnation) {
        last = db_.revisions(at_.rev + 1, 1);
    }
    if (last.empty() || last[0].hash != at_.hash || db_.oldest_record() > at_.rev + 1)
        return rebuild();
    while (at_.rev < now.rev) {
        auto records = db_.records(at_.rev + 1, k_batch);
        if (records.empty()) return rebuild();
        for (const store::Revision& r : records) {
            at_.rev = r.rev;
            if (r.kind != "publish") continue;
            for (const store::Image& image : store::decode(store::decompress(r.payload, r.codec))) {
                take(image.change);
            }
        }
    }
    at_ = now;
}

}  // namespace mds::mgmt
