// Manual synchronization: an order of the Active that its target carries out (multi-domain-ha.md
// MA).
#include <fmt/core.h>

#include "repl/replica.hh"
#include "base/shell.hh"

namespace mds::repl {
namespace {

// A target that is not heard for this long has been lost.
constexpr int64_t k_lost_ms = 60'000;

}  // namespace

void Replica::check_full_sync(const Uid& mds) const {
    const PeerState* p = find(mds);
    if (role_ != Role::active) {
        const Peer* active = active_peer();
        throw Error(Code::ha_invalid,
                    fmt::format("full synchronization runs from the Active server{}",
                                active ? ", which is " + active->name : ""))
            .refusal("RF-19", "mdsctl ha status " + shell_word(self_.domain));
    }
    if (!p) throw Error(Code::object_not_found, "no such peer in this Domain");
    if (!reachable(*p)) {
        throw Error(Code::ha_invalid,
                    fmt::format("{} cannot be synchronized: {}", p->peer.name, judge(*p).reason))
            .refusal("RF-20", "mdsctl ha status " + shell_word(self_.domain));
    }
    if (p->last.schema_known < db_.schema()) {
        throw Error(Code::ha_invalid,
                    fmt::format("{} cannot be synchronized: {}", p->peer.name, judge(*p).reason))
            .refusal("RF-20", "upgrade " + p->peer.mds_name);
    }
    if (collision_ || p->last.role == Role::active) {
        throw Error(Code::ha_invalid, p->peer.name + " is Active too; set it Standby first")
            .refusal("RF-19", fmt::format("mdsctl ha set-standby {}", shell_word(self_.domain)));
    }
    if (orders_.count(mds) || p->last.copy_percent != 255) {
        throw Error(Code::ha_invalid, "a full synchronization of " + p->peer.name + " is running");
    }
}

void Replica::full_sync(const Uid& mds, const Uid& id, const std::string& by, SyncDone done) {
    check_full_sync(mds);
    int64_t now = env_.mono_ms();
    orders_[mds] = {id, by, now, now, std::move(done)};
    // A stale copy would be correct but slow to follow: make a new one for an ordered sync.
    stop_serving();
    env_.send(mds, Kind::full_sync, NoteMessage{id, 0, by}.encode());
}

void Replica::on_full_sync(PeerState& p, std::string_view payload) {
    NoteMessage order = NoteMessage::decode(payload);
    if (role_ == Role::active) {
        // In a collision too: one of the two is set Standby first, by somebody who knows what is lost.
        NoteMessage refusal{order.id, 1, self_.name + " is Active"};
        env_.send(p.peer.mds, Kind::full_sync_done, refusal.encode());
    } else if (order.id == obeyed_) {
        // The answer was lost, or whoever asked was restarted.
        env_.send(p.peer.mds, Kind::full_sync_done,
                  NoteMessage{order.id, 0, obeyed_cost_}.encode());
    } else if (p.last.role != Role::active || active_peer() != &p.peer) {
        refuse(p.peer.mds, p.peer.name, Kind::full_sync, "it is not the Active server");
    } else {
        request_copy(p, order.id, order.text);
    }
}

void Replica::on_full_sync_done(PeerState& p, std::string_view payload) {
    NoteMessage note = NoteMessage::decode(payload);
    auto it = orders_.find(p.peer.mds);
    if (it == orders_.end() || it->second.id != note.id) return;
    SyncDone done = std::move(it->second.done);
    orders_.erase(it);
    if (note.number == 0) {
        done(std::nullopt, note.text);
    } else {
        done(Error(Code::ha_invalid,
                   "full synchronization of " + p.peer.name + " failed: " + note.text),
             "");
    }
}

void Replica::progress_orders() {
    int64_t now = env_.mono_ms();
    for (auto it = orders_.begin(); it != orders_.end();) {
        Order& order = it->second;
        PeerState* p = find(it->first);
        if (p && reachable(*p)) order.alive_at = now;
        std::string problem;
        if (!p) {
            problem = "the server is no longer one of this Domain";
        } else if (role_ != Role::active) {
            problem = self_.name + " is no longer Active";
        } else if (now - order.alive_at > k_lost_ms) {
            problem = p->peer.name + " stopped answering";
        } else if (now - order.asked_at >= timing_.repeat_ms) {
            // The order or its answer may be lost, or the target was restarted.
            order.asked_at = now;
            env_.send(it->first, Kind::full_sync, NoteMessage{order.id, 0, order.by}.encode());
        }
        if (problem.empty()) {
            ++it;
            continue;
        }
        SyncDone done = std::move(order.done);
        it = orders_.erase(it);
        done(Error(Code::ha_invalid, "full synchronization failed: " + problem), "");
    }
    for (PeerState& p : peers_) {
        if (!p.copying || (p.heard_at && now - p.heard_at <= k_lost_ms)) continue;
        p.copying = false;
        env_.copy_ends(p.peer, p.peer.name + " stopped answering");
    }
}

std::string Replica::copy_step(const PeerState& p) const {
    if (!p.copying && !orders_.count(p.peer.mds)) return "";
    if (making_copy_) return "export";
    if (p.last.copy_percent == 255) return "";
    return p.last.copy_percent == 100 ? "overwrite" : "transfer";
}

}  // namespace mds::repl
