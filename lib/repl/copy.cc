// Full copies: making, serving, receiving (replication.md 9).
#include <fmt/core.h>

#include <algorithm>

#include "repl/replica.hh"
#include "store/codec.hh"

namespace mds::repl {
namespace {

// Chunks asked for at once: enough to fill the line, little enough to remember.
constexpr uint32_t k_window = 8;
// Pieces of one trial, and trials of the better way before the other one is looked at again.
constexpr uint32_t k_trial = 2 * k_window, k_rounds = 16;

}  // namespace

void Replica::request_copy(PeerState& from, const Uid& order, const std::string& by) {
    if (from.last.schema > db_.schema_known()) return;  // the status says so
    if (receiving_) {
        // One at a time, to its end: else two sources that both want to help never finish.
        if (receiving_->from == from.peer.mds && !order.is_nil()) {
            receiving_->order = order;
            receiving_->by = by;
        }
        if (receiving_->from == from.peer.mds || order.is_nil()) return;
        if (receiving_->offer) env_.drop_copy(receiving_->offer->id);
    }
    receiving_ = Receiving{};
    receiving_->from = from.peer.mds;
    receiving_->order = order;
    receiving_->by = by;
    receiving_->progress_at = receiving_->asked_at = env_.mono_ms();
    ask_copy();
    env_.event(Event::full_sync_begun, "asking " + from.peer.name + " for a full copy", from.peer.name);
    send_positions();
    env_.status_changed();
}

void Replica::stop_serving() {
    if (!serving_) return;
    env_.drop_copy(serving_->id);
    serving_.reset();
}

std::string Replica::damaged_here() const {
    return fmt::format("the database of {} is damaged: {}", self_.name, health_.damage);
}

void Replica::ask_copy() {
    // Nothing older than what is here already.
    auto rev = static_cast<uint32_t>(std::min<uint64_t>(db_.position().rev, UINT32_MAX));
    receiving_->asked_at = env_.mono_ms();
    env_.send(receiving_->from, Kind::copy_request, NoteMessage{refused_copy_, rev, ""}.encode());
}

bool Replica::serves(uint64_t wanted_rev) const {
    // A copy is good as long as the log here continues it: records that follow it may have been
    // purged, or taken back, since it was made.
    if (!serving_) return false;
    auto record = db_.revision(serving_->position.rev);
    if (!record || record->hash != serving_->position.hash) return false;
    return serving_->position.rev >= std::min(wanted_rev, db_.position().rev);
}

void Replica::on_copy_request(PeerState& p, std::string_view payload) {
    if (!db_.has_history()) return;
    NoteMessage wish = NoteMessage::decode(payload);
    Uid mds = p.peer.mds;
    if (!health_.damage.empty()) {
        // What is damaged here would take the place of what is whole there, perhaps of the only one.
        env_.send(mds, Kind::copy_gone, NoteMessage{Uid{}, 0, damaged_here()}.encode());
        return;
    }
    serving_used_at_ = env_.mono_ms();
    if (!p.copying) {
        p.copying = true;
        p.pace = {};
        env_.copy_begins(p.peer, p.last.history.terms.empty());
    }
    if (serving_ && serving_->id == wish.id) {
        // It came whole and was not what it should be: then it is not here either.
        stop_serving();
        health_.due_at = env_.mono_ms();
    }
    if (serves(wish.number)) {
        env_.send(mds, Kind::copy_offer, serving_->encode());
        return;
    }
    if (std::find(copy_waiters_.begin(), copy_waiters_.end(), mds) == copy_waiters_.end()) {
        copy_waiters_.push_back(mds);
    }
    if (making_copy_) return;
    making_copy_ = true;
    env_.make_copy([this](std::optional<CopyOffer> offer, std::string error) {
        making_copy_ = false;
        std::vector<Uid> waiters = std::move(copy_waiters_);
        copy_waiters_.clear();
        if (!offer) env_.log(4, "no full copy could be made: " + error);
        if (offer && serving_) env_.drop_copy(serving_->id);
        if (offer) serving_ = std::move(offer);
        if (error.empty() && !serves(0)) error = "the history has changed meanwhile";
        if (error.empty() && !health_.damage.empty()) error = damaged_here();
        serving_used_at_ = env_.mono_ms();
        // The same copy serves every Standby that asked meanwhile.
        for (const Uid& waiter : waiters) {
            if (error.empty()) {
                env_.send(waiter, Kind::copy_offer, serving_->encode());
            } else {
                env_.send(waiter, Kind::copy_gone, NoteMessage{Uid{}, 0, error}.encode());
            }
        }
    });
}

void Replica::on_copy_offer(PeerState& p, std::string_view payload) {
    if (!receiving_ || receiving_->from != p.peer.mds || receiving_->proving) return;
    CopyOffer offer = CopyOffer::decode(payload);
    if (receiving_->offer && receiving_->offer->id == offer.id) return;
    if (offer.chunk_size == 0 || offer.chunk_size > (1u << 20) ||
        offer.chunks.size() != (offer.size + offer.chunk_size - 1) / offer.chunk_size) {
        throw Error(Code::internal, "the offered copy contradicts itself");
    }
    if (receiving_->offer) env_.drop_copy(receiving_->offer->id);
    receiving_->have.assign(offer.chunks.size(), false);
    receiving_->received = receiving_->next = receiving_->unpacking = 0;
    receiving_->attempt = ++attempts_;
    receiving_->offer = std::move(offer);
    receiving_->progress_at = env_.mono_ms();
    ask_chunks();
}

void Replica::ask_chunks() {
    Receiving& r = *receiving_;
    // `next` goes round from the first missing chunk; chunks already here are not asked again. What
    // waits to be unpacked counts, or a fast line would fill the memory.
    uint32_t open = r.unpacking;
    for (uint32_t i = 0; i < r.have.size() && open < k_window; ++i) {
        if (r.have[i]) continue;
        ++open;
        if (i < r.next) continue;
        env_.send(r.from, Kind::copy_get, NoteMessage{r.offer->id, i, ""}.encode());
        r.next = i + 1;
    }
}

void Replica::Pace::piece(int64_t now) {
    if (pieces == 0) since = now;
    if (++pieces <= k_trial) return;
    double rate = k_trial / static_cast<double>(std::max<int64_t>(now - since, 1));
    (pack ? packed : plain) = rate;
    bool tried_both = packed > 0 && plain > 0;
    bool better = packed >= plain;
    // After both were tried the better one goes on, with a look at the other one now and then.
    if (!tried_both) {
        pack = !pack;
    } else if (pack != better) {
        pack = better;
        rounds = 0;
    } else if (++rounds >= k_rounds) {
        pack = !pack;
    }
    pieces = 0;
}

void Replica::on_copy_get(PeerState& p, std::string_view payload) {
    NoteMessage get = NoteMessage::decode(payload);
    std::optional<std::string> bytes;
    bool served = serving_ && serving_->id == get.id;
    if (served && get.number >= serving_->chunks.size()) return;
    if (served) bytes = env_.read_copy(get.id, get.number);
    if (!bytes) {
        if (served) stop_serving();  // it cannot be read here: another one is made
        env_.send(p.peer.mds, Kind::copy_gone, NoteMessage{get.id, 0, ""}.encode());
        return;
    }
    serving_used_at_ = env_.mono_ms();
    p.pace.piece(serving_used_at_);
    auto make = [id = get.id, index = get.number, pack = p.pace.pack, bytes = std::move(*bytes)] {
        CopyChunk chunk{id, index, 0, {}};
        chunk.bytes = pack ? store::compress(bytes, chunk.codec) : bytes;
        return chunk.encode();
    };
    compute<std::string>(std::move(make), [this, mds = p.peer.mds](std::string chunk) {
        env_.send(mds, Kind::copy_chunk, std::move(chunk));
    });
}

void Replica::on_copy_gone(PeerState& p, std::string_view payload) {
    if (!receiving_ || receiving_->from != p.peer.mds || receiving_->proving) return;
    // The end of a copy that is no longer wanted is no news.
    NoteMessage gone = NoteMessage::decode(payload);
    if (receiving_->offer ? gone.id != receiving_->offer->id : !gone.id.is_nil()) return;
    if (!gone.text.empty()) copy_again_at_ = env_.mono_ms() + timing_.repeat_ms;
    fail_copy("the copy is gone there" + (gone.text.empty() ? "" : ": " + gone.text));
}

void Replica::on_copy_chunk(PeerState& p, std::string_view payload) {
    if (!receiving_ || receiving_->from != p.peer.mds || !receiving_->offer) return;
    Receiving& r = *receiving_;
    heard(p);
    CopyChunk chunk = CopyChunk::decode(payload);
    if (chunk.id != r.offer->id || chunk.index >= r.have.size() || r.have[chunk.index]) return;
    r.have[chunk.index] = true;
    ++r.unpacking;
    uint32_t index = chunk.index;
    auto unpack = [chunk = std::move(chunk), hash = r.offer->chunks[index]] {
        std::optional<std::string> bytes;
        try {
            bytes = store::decompress(chunk.bytes, chunk.codec);
            if (store::sha256(*bytes) != hash) bytes.reset();
        } catch (const Error&) {
            // It does not hold what it announces.
        }
        return bytes;
    };
    using Unpacked = std::optional<std::string>;
    compute<Unpacked>(std::move(unpack), [this, index, attempt = r.attempt](Unpacked bytes) {
        if (!receiving_ || receiving_->attempt != attempt) return;
        if (bytes) return keep_chunk(index, *bytes);
        fail_copy(fmt::format("transfer: piece {} of {} is damaged", index + 1,
                              receiving_->have.size()));
    });
}

void Replica::keep_chunk(uint32_t index, const std::string& bytes) {
    Receiving& r = *receiving_;
    if (!env_.write_copy(r.offer->id, static_cast<uint64_t>(index) * r.offer->chunk_size, bytes)) {
        fail_copy("transfer: the disk here does not take it");
        return;
    }
    --r.unpacking;
    ++r.received;
    r.progress_at = env_.mono_ms();
    env_.status_changed();
    if (r.received == r.have.size()) {
        prove_copy();
    } else {
        ask_chunks();
    }
}

void Replica::prove_copy() {
    struct Outcome {
        std::optional<store::ProvenCopy> copy;
        std::string problem;
        bool no_space = false;
    };
    Receiving& r = *receiving_;
    r.proving = true;
    int64_t begun = env_.mono_ms();
    auto prove = [path = env_.received_copy(r.offer->id), position = r.offer->position] {
        Outcome outcome;
        try {
            outcome.copy = store::ProvenCopy::prove(path, position);
        } catch (const Error& e) {
            outcome.problem = e.what();
            outcome.no_space = e.code() == Code::disk_full;
        } catch (const std::exception& e) {
            outcome.problem = e.what();
        }
        return outcome;
    };
    compute<Outcome>(std::move(prove), [this, begun, attempt = r.attempt](Outcome outcome) {
        if (!receiving_ || receiving_->attempt != attempt) return;
        if (outcome.copy) return finish_copy(*outcome.copy, begun);
        // Space is a matter of this server alone.
        if (!outcome.no_space) refused_copy_ = receiving_->offer->id;
        fail_copy("overwrite: " + outcome.problem);
    });
}

void Replica::finish_copy(const store::ProvenCopy& copy, int64_t read_at) {
    Receiving r = std::move(*receiving_);
    receiving_.reset();
    PeerState* from = find(r.from);
    std::string name = from ? from->peer.name : r.from.text();
    const bool had_history = db_.has_history();
    std::string kept;
    try {
        // What only this server has is kept before it is overwritten (replication.md 9).
        kept = db_.adopt(copy, [this](uint64_t common_rev) { env_.park(db_.tail(common_rev)); });
    } catch (const Error& e) {
        receiving_ = std::move(r);
        fail_copy("overwrite: " + e.message());
        return;
    }
    failure_.clear();
    if (!kept.empty()) {
        env_.event(Event::database_kept,
                   fmt::format("what {} does not have was published here longer ago than the log reaches, and "
                               "cannot be handed over publish by publish; the whole database with it is kept "
                               "in {}", name, kept), name);
    }
    mark_good(read_at);
    // Its indexes are made anew by the next check.
    if (!copy.whole()) {
        health_.good_at = 0;
        health_.due_at = env_.mono_ms();
    }
    if (!r.order.is_nil()) {
        // What somebody has begun here belongs to content that is gone (MA-2 to MA-4).
        obeyed_ = r.order;
        obeyed_cost_ = env_.end_work(
            fmt::format("{} was overwritten by a full synchronization from {}, ordered by {}.",
                        self_.name, name, r.by));
    }
    env_.event(Event::full_sync_ended,
               fmt::format("full copy of {} received: revision {}, {} bytes", name, db_.position().rev,
                           r.offer->size), name);
    env_.content_changed({}, true);
    if (!r.order.is_nil()) {
        env_.send(r.from, Kind::full_sync_done, NoteMessage{r.order, 0, obeyed_cost_}.encode());
    }
    // Whose disk was lost may have been Active in this term and have published what the copy lacks: the
    // same numbers would be given twice. Whoever had a history has never seen the term before.
    if (had_history) adopt_term();
    send_positions();
    follow();
    env_.status_changed();
}

void Replica::fail_copy(const std::string& why) {
    Receiving r = std::move(*receiving_);
    receiving_.reset();
    if (r.offer) env_.drop_copy(r.offer->id);
    failure_ = why;
    PeerState* from = find(r.from);
    env_.event(Event::full_sync_failed, "full copy failed: " + why, from ? from->peer.name : r.from.text());
    if (!r.order.is_nil()) {
        env_.send(r.from, Kind::full_sync_done, NoteMessage{r.order, 1, why}.encode());
    }
    // follow() asks again at the next heartbeat.
    env_.status_changed();
}

}  // namespace mds::repl
