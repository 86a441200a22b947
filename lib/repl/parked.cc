// Handing parked publishes over to the Active (replication.md 7, steps 4 to 6). One at a time,
// oldest first, in pieces; again until the Active says that it is on its disk. (term, revision)
// names a publish for good, so that neither repeating nor another Active makes two of one.
#include <algorithm>

#include "repl/replica.hh"
#include "store/codec.hh"

namespace mds::repl {
namespace {

// A piece is one frame.
constexpr size_t k_piece = 512 << 10;
constexpr uint64_t k_largest = 256 << 20;
// What could not be kept now (a full disk) is tried again after this.
constexpr int64_t k_problem_ms = 10'000;
// What this server recovers for itself in one turn: so many, for so long.
constexpr int k_at_once = 64;
constexpr int64_t k_at_once_ms = 20;

}  // namespace

std::string ParkedPublish::encode() const {
    store::Writer out;
    store::write_record(out, record);
    uint8_t codec = 0;
    std::string packed = store::compress(record.undo, codec);
    out.text(origin).u8(codec).text(packed);
    return out.take();
}

ParkedPublish ParkedPublish::decode(std::string_view bytes) {
    store::Reader in(bytes);
    ParkedPublish p;
    p.record = store::read_record(in);
    p.origin = in.text();
    uint8_t codec = in.u8();
    p.record.undo = store::decompress(in.text(), codec);
    return p;
}

void Replica::hand_over_parked() {
    if (env_.parked_count() == 0 || self_.log_server) {
        handing_.reset();
        parked_problem_.clear();
        return;
    }
    int64_t now = env_.mono_ms();
    if (role_ == Role::starting || collision_ || receiving_ || now < parked_again_at_) return;
    if (role_ == Role::active) {
        // The role came back before the publishes were gone: their Active is this server.
        handing_.reset();
        try {
            // Some at a time: whoever asks meanwhile is answered between them.
            for (int i = 0; i < k_at_once && env_.mono_ms() - now <= k_at_once_ms; ++i) {
                auto next = env_.next_parked();
                if (!next) break;
                env_.recover(*next);
            }
            parked_problem_.clear();
        } catch (const std::exception& e) {
            parked_problem_ = e.what();
            parked_again_at_ = now + k_problem_ms;
        }
        env_.status_changed();
        return;
    }
    const PeerState* active = nullptr;
    for (const PeerState& p : peers_) {
        if (!reachable(p) || p.last.role != Role::active || p.last.collision) continue;
        Relation r = compare(history(), p.last.history).relation;
        if (r == Relation::same || r == Relation::behind) active = &p;
    }
    if (!active) {
        handing_.reset();
        return;
    }
    if (!handing_ || handing_->to != active->peer.mds) {
        auto next = env_.next_parked();
        if (!next) return;
        handing_ = Handing{};
        handing_->to = active->peer.mds;
        handing_->term_id = next->record.term_id;
        handing_->rev = next->record.rev;
        handing_->bytes = next->encode();
        send_parked();
    } else if (now >= handing_->again_at) {
        send_parked();
    }
}

void Replica::send_parked() {
    Handing& h = *handing_;
    h.again_at = env_.mono_ms() + timing_.repeat_ms;
    ParkedPut put{h.term_id, h.rev, h.bytes.size(), h.offset, h.bytes.substr(h.offset, k_piece)};
    env_.send(h.to, Kind::parked_put, put.encode());
}

void Replica::on_parked_put(PeerState& p, std::string_view payload) {
    // Only the Active of the sender's own line keeps it; whoever is not says nothing and is asked
    // again, or no longer.
    if (role_ != Role::active || collision_) return;
    if (p.peer.log_server) {
        return refuse(p.peer.mds, p.peer.name, Kind::parked_put, "a log server publishes nothing");
    }
    ParkedPut put = ParkedPut::decode(payload);
    ParkedOk ok{put.term_id, put.rev, false, 0, ""};
    Arriving& a = arriving_[p.peer.mds];
    if (put.offset == 0 || a.term_id != put.term_id || a.rev != put.rev || a.size != put.size) {
        a = {put.term_id, put.rev, put.size, {}};
    }
    if (put.size > k_largest) {
        ok.problem = "the publish is too large";
    } else if (put.offset == a.bytes.size() && put.bytes.size() <= put.size - put.offset) {
        a.bytes += put.bytes;
    }
    ok.offset = a.bytes.size();
    if (ok.problem.empty() && a.bytes.size() == a.size) {
        try {
            ParkedPublish publish = ParkedPublish::decode(a.bytes);
            if (publish.record.term_id != put.term_id || publish.record.rev != put.rev) {
                throw Error(Code::internal, "a parked publish contradicts itself");
            }
            env_.recover(publish);
            ok.kept = true;
        } catch (const std::exception& e) {
            ok.problem = e.what();
            ok.offset = 0;
            env_.event(Event::parked_not_kept,
                       "a parked publish of " + p.peer.name + " cannot be kept: " + ok.problem, p.peer.name);
        }
        arriving_.erase(p.peer.mds);
    }
    env_.send(p.peer.mds, Kind::parked_ok, ok.encode());
}

void Replica::on_parked_ok(PeerState& p, std::string_view payload) {
    ParkedOk ok = ParkedOk::decode(payload);
    if (!handing_ || handing_->to != p.peer.mds || handing_->term_id != ok.term_id ||
        handing_->rev != ok.rev) {
        return;
    }
    if (ok.kept) {
        env_.handed_over(ok.term_id, ok.rev);
        handing_.reset();
        parked_problem_.clear();
        send_positions();
        hand_over_parked();
    } else if (!ok.problem.empty()) {
        parked_problem_ = p.peer.name + ": " + ok.problem;
        handing_->offset = 0;
        handing_->again_at = env_.mono_ms() + k_problem_ms;
    } else {
        // The same once more is an answer that came twice.
        bool next = ok.offset != handing_->offset;
        handing_->offset = std::min<uint64_t>(ok.offset, handing_->bytes.size());
        if (next) send_parked();
    }
    env_.status_changed();
}

}  // namespace mds::repl
