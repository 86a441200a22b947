#include "repl/replica.hh"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace mds::repl {
namespace {

// One answer to a pull; larger publishes travel alone.
constexpr size_t k_delta_bytes = 4 << 20;

// A peer whose host is connected but which is not heard is called every second for this long.
constexpr int64_t k_calling_ms = 60'000;

// What is refused of a sender again and again is told of this often, and so many reasons of it.
constexpr int64_t k_refused_again_ms = 600'000;
constexpr size_t k_refused_reasons = 30;

bool has_term(const std::vector<store::Term>& terms, const Uid& id) {
    return std::any_of(terms.begin(), terms.end(), [&](const store::Term& t) { return t.id == id; });
}

}  // namespace

Replica::Replica(store::PublicDb& db, Env& env, Identity self, std::vector<Peer> peers,
                 Timing timing)
    : db_(db), env_(env), self_(std::move(self)), timing_(timing) {
    set_peers(std::move(peers));
}

void Replica::start() {
    started_at_ = env_.mono_ms();
    role_ = Role::starting;
    // A founder whose database was damaged must not begin a second history of its Domain.
    if (!db_.has_history() && self_.founder && !db_.was_damaged()) {
        db_.create(self_.server, "setup");
        mark_good(env_.mono_ms());
        set_role(Role::active, "first server of this Domain");
    } else if (self_.log_server || !db_.has_history() || db_.term().active != self_.server) {
        set_role(Role::standby, "Standby");
    } else if (peers_.empty()) {
        resolve_start();
    }
    send_positions();
}

void Replica::set_peers(std::vector<Peer> peers) {
    std::vector<PeerState> next;
    for (Peer& peer : peers) {
        PeerState state;
        if (PeerState* old = find(peer.mds)) state = std::move(*old);
        state.peer = std::move(peer);
        if (state.shown_since == 0) state.shown_since = env_.wall_ms();
        next.push_back(std::move(state));
    }
    peers_ = std::move(next);
    // mds-sync may have told of a connection before this server was told of the peer.
    for (const auto& [mds, link] : links_) set_link(mds, link.first, link.second);
    env_.status_changed();
}

const Replica::PeerState* Replica::find(const Uid& mds) const {
    for (const PeerState& p : peers_) {
        if (p.peer.mds == mds) return &p;
    }
    return nullptr;
}

Replica::PeerState* Replica::find(const Uid& mds) {
    return const_cast<PeerState*>(std::as_const(*this).find(mds));
}

void Replica::set_link(const Uid& mds, const std::string& state, const std::string& reason) {
    links_[mds] = {state, reason};
    PeerState* p = find(mds);
    if (!p || (p->link_state == state && p->link_reason == reason)) return;
    p->link_state = state;
    p->link_reason = reason;
    if (state == "connected") {
        p->linked_at = env_.mono_ms();
        send_position(*p);
    } else {
        p->waiting_pull.reset();
        p->pulled_at = 0;
    }
    env_.status_changed();
}

bool Replica::reachable(const PeerState& p) const {
    return p.heard_at != 0 && env_.mono_ms() - p.heard_at <= patience(p);
}

int64_t Replica::patience(const PeerState& p) const {
    return p.link_state == "connected" ? std::max(timing_.silent_ms, 3 * timing_.idle_beat_ms)
                                       : timing_.silent_ms;
}

bool Replica::quiet(const PeerState& p) const {
    // Not connected: what is sent goes nowhere, and mds-sync tells when it is again.
    if (p.link_state != "connected") return !p.link_state.empty();
    if (p.shown == SyncStatus::synchronized) return true;
    // Nobody may be there; but what was asked of one that is starting may have gone nowhere.
    return p.heard_at == 0 && env_.mono_ms() - std::max(started_at_, p.linked_at) > k_calling_ms;
}

bool Replica::all_quiet() const {
    // Who takes a full copy tells how far it is.
    if (receiving_) return false;
    return std::all_of(peers_.begin(), peers_.end(),
                       [this](const PeerState& p) { return quiet(p); });
}

int64_t Replica::beat_ms(bool idle) const {
    return idle ? timing_.idle_beat_ms : timing_.heartbeat_ms;
}

int Replica::next_ms() const {
    bool busy = role_ == Role::starting || receiving_ || making_copy_ || handing_over_ ||
                pending_.what != Pending::What::none || health_.checking;
    if (busy) return 50;
    bool idle = all_quiet();
    int64_t now = env_.mono_ms();
    int64_t due = std::min(beat_at_ + beat_ms(idle),
                           db_.has_history() ? health_.due_at : INT64_MAX);
    // Silence and grace are measured in seconds.
    return static_cast<int>(std::clamp<int64_t>(due - now, 50, idle ? 5000 : 500));
}

void Replica::gone(PeerState& p) {
    p.foreign = false;
    if (p.heard_at == 0) return;
    p.heard_at = 0;
    p.pulled_at = 0;
    p.waiting_pull.reset();
    update_shown();
    progress_pending();
    env_.status_changed();
}

void Replica::set_waiting(uint32_t count, int64_t since_ms) {
    if (count == waiting_ && since_ms == waiting_since_) return;
    waiting_ = count;
    waiting_since_ = since_ms;
    send_positions();
    env_.status_changed();
}

std::vector<Replica::Heard> Replica::heard() const {
    std::vector<Heard> out;
    for (const PeerState& p : peers_) {
        if (reachable(p) && !p.peer.log_server) out.push_back({p.peer.mds, p.linked_at});
    }
    return out;
}

History Replica::history() const { return {db_.position(), db_.terms()}; }

PositionMessage Replica::my_position() const {
    PositionMessage m;
    m.server = self_.server;
    m.role = role_;
    m.log_server = self_.log_server;
    m.history = history();
    m.oldest_record = db_.oldest_record();
    m.parked = env_.parked_count();
    m.version = self_.version;
    m.schema = db_.schema();
    m.schema_known = db_.schema_known();
    m.failure = failure_;
    m.verified = verified();
    m.damage = health_.damage;
    m.collision = collision_;
    m.work = env_.open_work();
    m.tentative = waiting_;
    m.tentative_since = waiting_since_;
    if (receiving_) {
        m.copy_percent = receiving_->offer && !receiving_->have.empty()
                             ? static_cast<uint8_t>(100 * receiving_->received /
                                                    receiving_->have.size())
                             : 0;
    }
    return m;
}

void Replica::send_positions() {
    beat_at_ = env_.mono_ms();
    PositionMessage m = my_position();
    std::string tells = m.encode(), asks;
    for (PeerState& p : peers_) {
        if (reachable(p)) {
            env_.send(p.peer.mds, Kind::position, tells);
            continue;
        }
        if (asks.empty()) {
            m.asks = true;
            asks = m.encode();
        }
        env_.send(p.peer.mds, Kind::position, asks);
    }
}

void Replica::send_position(const PeerState& p) {
    PositionMessage m = my_position();
    m.asks = !reachable(p);
    env_.send(p.peer.mds, Kind::position, m.encode());
}

void Replica::heard(PeerState& p) {
    // It may have forgotten what it was told.
    if (p.heard_at == 0) p.linked_at = env_.mono_ms();
    p.heard_at = env_.mono_ms();
    p.contact_wall = env_.wall_ms();
}

void Replica::set_role(Role role, const std::string& why) {
    if (role == role_) return;
    role_ = role;
    // Who was asked as a Standby is asked no more: nothing of it is taken.
    if (role == Role::active) records_from_ = {};
    env_.role_changed(role, why);
    env_.status_changed();
}

void Replica::tick() {
    int64_t now = env_.mono_ms();
    if (now - beat_at_ >= beat_ms(all_quiet())) send_positions();
    if (role_ == Role::starting) {
        bool all_heard = std::all_of(peers_.begin(), peers_.end(),
                                     [](const PeerState& p) { return p.heard_at != 0; });
        if (all_heard || now - started_at_ >= timing_.startup_ms) {
            try {
                resolve_start();
            } catch (const Error& e) {
                trouble("cannot resume as Active: " + e.message());
            }
        }
    }
    follow();
    if (receiving_ && !receiving_->proving &&
        now - receiving_->progress_at > timing_.repeat_ms) {
        // The line broke or a message was lost: ask again from where we are.
        const PeerState* from = find(receiving_->from);
        // It may take its time to make the copy, as long as it is heard.
        bool patient = !receiving_->offer && from && reachable(*from);
        // Longer than a slow line takes for a question and its answer: else no copy ever ends there.
        if (!patient && now - receiving_->progress_at > 15 * timing_.repeat_ms) {
            fail_copy("the sender stopped answering");
        } else if (receiving_->offer) {
            receiving_->next = 0;
            ask_chunks();
        } else if (now - receiving_->asked_at > timing_.repeat_ms) {
            ask_copy();
        }
    }
    if (now - serving_used_at_ > 120'000) stop_serving();
    progress_pending();
    progress_health();
    progress_orders();
    progress_schema();
    hand_over_parked();
    update_shown();
}

void Replica::progress_schema() {
    if (role_ != Role::active || collision_ || db_.schema() >= db_.schema_known()) return;
    if (pending_.what != Pending::What::none || !db_.has_history()) return;
    bool all_know = std::all_of(peers_.begin(), peers_.end(), [&](const PeerState& p) {
        return reachable(p) && p.last.schema_known >= db_.schema_known();
    });
    if (!all_know) return;
    try {
        store::Revision raised = db_.raise_schema(self_.name, [this] { require_writable(); });
        env_.log(5, fmt::format("the documents are of version {} from revision {} on", db_.schema(),
                                raised.rev));
        env_.content_changed({}, true);
        committed();
    } catch (const std::exception& e) {
        trouble(std::string("the documents cannot be brought to a newer version: ") + e.what());
    }
}

void Replica::resolve_start() {
    // The role on the disk is only believed when no peer knows a newer history (replication.md 7).
    History mine = history();
    if (db_.term().active != self_.server) {
        // What a peer sent while this server waited for the others brought another one's term.
        set_role(Role::standby, "another server became Active meanwhile");
        return;
    }
    for (PeerState& p : peers_) {
        // What one said that is gone since is as true as before.
        if (p.last.history.terms.empty()) continue;
        Comparison c = compare(mine, p.last.history);
        bool newer = c.relation == Relation::behind ||
                     (c.relation == Relation::diverged && c.mine_yields);
        if (!newer) continue;
        if (c.relation == Relation::behind && p.last.history.terms.back().active == self_.server) {
            // Our own term, and the peer has more of it: our disk went back in time. Pull the tail
            // first; follow() does it, and this is asked again when we are level.
            if (!reachable(p)) {
                trouble(fmt::format("{} has revision {} of what this server published, here is {}, "
                                    "and it does not answer", p.peer.name,
                                    p.last.history.position.rev, mine.position.rev));
            }
            return;
        }
        set_role(Role::standby, "another server became Active meanwhile");
        return;
    }
    begin(next_term(self_.server, "restart", "system"), Role::active, "resumed as Active");
}

store::Term Replica::next_term(const Uid& active, const std::string& cause,
                               const std::string& by) const {
    store::Term t;
    t.no = db_.term().no;
    for (const PeerState& p : peers_) {
        if (p.last.history.position.incarnation == db_.position().incarnation) {
            t.no = std::max(t.no, p.last.history.position.term_no);
        }
    }
    t.no += 1;
    t.id = env_.random_id();
    t.parent = db_.term().id;
    t.active = active;
    t.cause = cause;
    t.by = by;
    return t;
}

bool Replica::confirmed(uint64_t rev) const {
    store::Position mine = db_.position();
    return std::any_of(peers_.begin(), peers_.end(), [&](const PeerState& p) {
        const store::Position& theirs = p.last.history.position;
        return !p.peer.log_server && reachable(p) && theirs.incarnation == mine.incarnation &&
               theirs.term_id == mine.term_id && theirs.rev >= rev;
    });
}

void Replica::begin(const store::Term& term, Role role, const std::string& why) {
    db_.begin_term(term);
    failure_.clear();
    set_role(role, why);
    committed();
}

void Replica::trouble(const std::string& what, Code code) {
    if (failure_ == what) return;
    failure_ = what;
    if (code == Code::disk_full) {
        env_.event(Event::disk_full, what);
    } else {
        env_.log(4, what);
    }
    env_.status_changed();
}

void Replica::committed() {
    for (PeerState& p : peers_) serve_pull(p);
    send_positions();
    env_.status_changed();
}

void Replica::receive(const Uid& mds, Kind kind, std::string_view payload) {
    PeerState* p = find(mds);
    if (!p) {
        // As well one that was added or deleted a moment ago, of which this server has not been told.
        if (kind != Kind::gone) refuse(mds, mds.text(), kind, "it has no server of this Domain", 5);
        return;
    }
    try {
        switch (kind) {
            case Kind::gone: gone(*p); break;
            case Kind::position: on_position(*p, payload); break;
            case Kind::pull: {
                p->waiting_pull = PullMessage::decode(payload).position;
                // Of a term that its last heartbeat did not name it says too little to compare; until
                // the next one nothing is known of it.
                if (!p->last.history.terms.empty() &&
                    p->last.history.terms.back().id == p->waiting_pull->term_id) {
                    p->last.history.position = *p->waiting_pull;
                    p->told_at = env_.mono_ms();
                } else {
                    p->told_at = 0;
                }
                serve_pull(*p);
                progress_pending();
                update_shown();
                break;
            }
            case Kind::delta: on_delta(*p, payload); break;
            case Kind::refused: {
                if (records_from_ != mds) {
                    return refuse(mds, p->peer.name, kind, "nothing was asked there", p->asked ? 6 : 4);
                }
                NoteMessage note = NoteMessage::decode(payload);
                // The answer to a pull of long ago is no reason for a copy now.
                if (note.number != 0 && note.number != db_.position().rev) break;
                env_.log(5, p->peer.name + ": " + note.text + "; asking for a full copy");
                if (role_ != Role::active && !receiving_) request_copy(*p);
                break;
            }
            case Kind::copy_request: on_copy_request(*p, payload); break;
            case Kind::copy_offer: on_copy_offer(*p, payload); break;
            case Kind::copy_get: on_copy_get(*p, payload); break;
            case Kind::copy_chunk: on_copy_chunk(*p, payload); break;
            case Kind::copy_gone:
                on_copy_gone(*p, payload);
                break;
            case Kind::full_sync:
                on_full_sync(*p, payload);
                break;
            case Kind::full_sync_done:
                on_full_sync_done(*p, payload);
                break;
            case Kind::parked_put:
                on_parked_put(*p, payload);
                break;
            case Kind::parked_ok:
                on_parked_ok(*p, payload);
                break;
            case Kind::handover: {
                Done answer = [this, mds](std::optional<Error> error) {
                    if (!error) return;
                    NoteMessage refusal{Uid{}, 0, error->message()};
                    env_.send(mds, Kind::handover_refused, refusal.encode());
                };
                try {
                    hand_over(mds, NoteMessage::decode(payload).text, answer);
                } catch (const Error& e) {
                    answer(e);
                }
                break;
            }
            case Kind::handover_refused:
                if (pending_.what == Pending::What::become_active) {
                    finish_pending(Error(Code::ha_invalid, NoteMessage::decode(payload).text));
                }
                break;
            case Kind::buckets: on_buckets(*p, payload); break;
            case Kind::marks: on_marks(*p, payload); break;
            case Kind::lost: on_lost(*p, payload); break;
            case Kind::found: on_found(*p, payload); break;
            default: break;  // of others on the same channel
        }
    } catch (const Error& e) {
        if (e.code() == Code::unknown_api_version && !p->foreign) {
            p->foreign = true;
            env_.status_changed();
        }
        refuse(mds, p->peer.name, kind, e.message());
    }
}

void Replica::refuse(const Uid& mds, const std::string& name, Kind kind, const std::string& why,
                     int priority) {
    int64_t now = env_.mono_ms();
    Refused& of = refused_[mds];
    if (of.told.empty() || now - of.since >= k_refused_again_ms) of = {now, {}};
    std::string text = fmt::format("message {} of {} was refused: {}", static_cast<int>(kind), name, why);
    if (of.told.size() >= k_refused_reasons || !of.told.insert(text).second) return;
    if (of.told.size() == k_refused_reasons) text += "; what else it sends is not told for ten minutes";
    env_.log(priority, text);
}

bool Replica::denied(const std::vector<store::Term>& terms, size_t index) const {
    // Who was Active until then has begun the one in which nobody is.
    const store::Term& term = terms[index];
    const Uid& holder = term.active.is_nil() && index > 0 ? terms[index - 1].active : term.active;
    if (holder == self_.server) return !has_term(db_.terms(), term.id);
    auto peer = std::find_if(peers_.begin(), peers_.end(),
                             [&](const PeerState& p) { return p.peer.server == holder; });
    return peer != peers_.end() && reachable(*peer) && !has_term(peer->last.history.terms, term.id);
}

std::string Replica::hearsay(const History& theirs) const {
    // Of a server that never is Active this one takes the news that another one became Active only when that
    // one cannot be asked itself.
    Comparison c = compare(history(), theirs);
    bool counts = c.relation == Relation::behind || (c.relation == Relation::diverged && c.mine_yields);
    if (!counts) return "";
    std::vector<store::Term> known = db_.terms();
    bool named = false;
    for (size_t i = 0; i < theirs.terms.size(); ++i) {
        const store::Term& term = theirs.terms[i];
        if (has_term(known, term.id) || term.active.is_nil()) continue;
        if (term.active == self_.server) {
            return "it says that this server became Active, of which nothing is known here";
        }
        auto holder = std::find_if(peers_.begin(), peers_.end(),
                                   [&](const PeerState& o) { return o.peer.server == term.active; });
        if (holder == peers_.end() || holder->peer.log_server) {
            return "it says that a server is Active which never can be";
        }
        named = true;
        if (denied(theirs.terms, i)) {
            return "it says that " + holder->peer.name + " became Active, which that one does not say";
        }
    }
    return named ? "" : "it says that nobody is Active any more";
}

std::string Replica::not_believed(const PeerState& p, const PositionMessage& m) const {
    if (m.history.terms.empty()) return "";
    const store::Term& last = m.history.terms.back();
    if (p.peer.log_server && (m.role == Role::active || last.active == p.peer.server)) {
        return "it says that it is Active; a log server never is";
    }
    if (role_ != Role::active) return "";
    // Every start of an Active begins a term, so all of the present one was published by this process.
    const store::Position mine = db_.position(), &theirs = m.history.position;
    bool own = theirs.incarnation == mine.incarnation && last.id == db_.term().id && last.active == self_.server;
    if (own && theirs.rev > mine.rev) {
        return fmt::format("it says that it has revision {} of this server's own term; the last one here is {}",
                           theirs.rev, mine.rev);
    }
    return p.peer.log_server ? hearsay(m.history) : "";
}

void Replica::on_position(PeerState& p, std::string_view payload) {
    PositionMessage m = PositionMessage::decode(payload);
    if (std::string why = not_believed(p, m); !why.empty()) {
        refuse(p.peer.mds, p.peer.name, Kind::position, why);
        // What it said before is no longer what it says: nothing is known of it.
        p.told_at = 0;
        p.refused = std::move(why);
        update_shown();
        return;
    }
    p.refused.clear();
    if (p.heard_at && m.server != p.last.server) p.waiting_pull.reset();
    p.last = std::move(m);
    p.foreign = false;
    heard(p);
    p.told_at = p.heard_at;
    if (p.copying && p.last.copy_percent == 255) {
        p.copying = false;
        env_.copy_ends(p.peer, p.last.failure);
    }
    if (p.last.asks) send_position(p);
    step_down_if_needed(p);
    if (role_ == Role::starting) {
        tick();
    } else {
        follow();
    }
    progress_pending();
    update_shown();
}

void Replica::serve_pull(PeerState& p) {
    if (!p.waiting_pull || !db_.has_history()) return;
    store::Position theirs = *p.waiting_pull;
    store::Position mine = db_.position();
    if (theirs.incarnation != mine.incarnation || theirs.rev == 0) {
        p.waiting_pull.reset();
        NoteMessage note{Uid{}, 0, "this is another history"};
        env_.send(p.peer.mds, Kind::refused, note.encode());
        return;
    }
    if (theirs.rev >= mine.rev) return;  // kept until there is something
    auto base = db_.revision(theirs.rev);
    std::vector<store::Revision> records;
    if (base && base->hash == theirs.hash) records = db_.records(theirs.rev + 1, k_delta_bytes);
    p.waiting_pull.reset();
    auto damaged = std::find_if(records.begin(), records.end(),
                                [](const store::Revision& r) { return !store::is_whole(r); });
    if (damaged != records.end()) {
        // It would be refused there, again and again; here it can be repaired.
        if (health_.damage.empty()) health_.due_at = env_.mono_ms();
        records.erase(damaged, records.end());
        if (records.empty()) return;
    }
    if (records.empty()) {
        // Either trimmed, or their last record is not in this history; a diverged server finds out
        // by the term tables and does not get here again.
        if (base) return;
        NoteMessage note{Uid{}, static_cast<uint32_t>(theirs.rev),
                         fmt::format("revision {} is no longer in the log, it was purged (oldest kept: {})",
                                     theirs.rev, db_.oldest_record())};
        env_.send(p.peer.mds, Kind::refused, note.encode());
        return;
    }
    env_.send(p.peer.mds, Kind::delta, DeltaMessage{std::move(records)}.encode());
}

void Replica::follow() {
    if (role_ == Role::active || receiving_) return;
    int64_t now = env_.mono_ms();
    PeerState* best = nullptr;
    bool best_copy = false;
    History mine = history();
    for (PeerState& p : peers_) {
        if (!reachable(p) || p.last.history.terms.empty()) continue;
        Comparison c = compare(mine, p.last.history);
        bool copy = c.relation == Relation::no_history ||
                    (c.relation == Relation::foreign && p.last.role == Role::active);
        // A Standby that is level keeps a pull waiting at the Active: the next publish is on its
        // way without a question.
        bool useful = c.relation == Relation::behind ||
                      (c.relation == Relation::same && p.last.role == Role::active);
        if (!copy && !useful) continue;
        if (copy && p.peer.log_server) continue;
        // Whose task the first synchronization is does not depend on who was heard first (IS-3).
        bool early = now - started_at_ < timing_.startup_ms;
        if (copy && early && p.last.role != Role::active) continue;
        auto rank = [](const PeerState& s) {
            return std::pair(s.last.role == Role::active, s.last.history.position.rev);
        };
        if (!best || rank(p) > rank(*best)) {
            best = &p;
            best_copy = copy;
        }
    }
    if (!best) return;
    if (best_copy) {
        if (now >= copy_again_at_) request_copy(*best);
        return;
    }
    if (best->pulled_at && now - best->pulled_at < timing_.repeat_ms) return;
    send_pull(*best);
}

void Replica::send_pull(PeerState& p) {
    p.pulled_at = env_.mono_ms();
    p.asked = true;
    records_from_ = p.peer.mds;
    env_.send(p.peer.mds, Kind::pull, PullMessage{db_.position()}.encode());
}

void Replica::on_delta(PeerState& p, std::string_view payload) {
    // Read only when it was asked for: records carry no signature of who published them.
    if (records_from_ != p.peer.mds) {
        // It may have become Active a moment ago and answer an older question, which it forgets then: its next
        // word of where it is makes this server ask at once.
        p.pulled_at = 0;
        return refuse(p.peer.mds, p.peer.name, Kind::delta, "records were not asked for there", p.asked ? 6 : 4);
    }
    heard(p);
    if (receiving_) return;
    DeltaMessage m = DeltaMessage::decode(payload);
    if (m.records.empty()) return;
    uint64_t before = db_.position().rev;
    try {
        db_.apply(m.records);
    } catch (const Error& e) {
        // Not next, damaged, or other content: nothing was applied. Never skipped; the cause shows
        // in the status until records can be applied again.
        trouble("records of " + p.peer.name + " refused: " + e.message(), e.code());
        p.pulled_at = env_.mono_ms();
        if (e.code() == Code::content_differs) request_copy(p);
        return;
    }
    if (!failure_.empty()) failure_.clear();
    p.pulled_at = env_.mono_ms();
    bool moved = db_.position().rev != before;
    if (moved) {
        env_.content_changed(m.records, false);
        adopt_term();
        for (PeerState& other : peers_) {
            if (&other != &p) serve_pull(other);
        }
        // Before the pull, which names a position and not its terms.
        send_positions();
    }
    if (role_ != Role::active) send_pull(p);
    progress_pending();
    update_shown();
    env_.status_changed();
}

void Replica::adopt_term() {
    if (role_ == Role::active) return;
    const store::Term& term = db_.term();
    if (term.active == self_.server && !self_.log_server && term.cause != "restart" &&
        db_.position().rev == term.start_rev) {
        // The record that makes this server Active is committed here: from now on it is.
        set_role(Role::active, "handed over by " + term.by);
    }
}

void Replica::step_down_if_needed(PeerState& p) {
    Comparison c = compare(history(), p.last.history);
    if (c.relation == Relation::collision && role_ == Role::active &&
        p.last.role == Role::active) {
        if (!collision_) {
            collision_ = true;
            collision_rev_ = c.common_rev;
            env_.event(Event::collision,
                       fmt::format("collision: {} is Active too; the histories part after revision {}. "
                                   "Publishing stops here until one is set Standby",
                                   p.peer.name, c.common_rev), p.peer.name);
            send_positions();
            env_.status_changed();
        }
        return;
    }
    if (collision_ && c.relation != Relation::collision) {
        bool any = std::any_of(peers_.begin(), peers_.end(), [&](const PeerState& other) {
            return reachable(other) &&
                   compare(history(), other.last.history).relation == Relation::collision &&
                   other.last.role == Role::active;
        });
        if (!any) {
            collision_ = false;
            env_.event(Event::collision_over, "the collision is over; publishing goes on where a server is Active");
            env_.status_changed();
        }
    }
    bool follows_an_active =
        std::any_of(peers_.begin(), peers_.end(), [&](const PeerState& other) {
            if (!reachable(other) || other.last.role != Role::active) return false;
            Relation r = compare(history(), other.last.history).relation;
            return r == Relation::same || r == Relation::behind;
        });
    if (c.relation == Relation::collision && role_ == Role::standby &&
        p.last.role == Role::active && !follows_an_active) {
        // Set Standby by an operator in a collision, or a Standby of the side that yielded.
        yield(c.common_rev, p);
    } else if (c.relation == Relation::diverged && c.mine_yields) {
        // Of a log server only what an Active does not contradict that is followed: else a Standby goes to and fro.
        bool contradicted = p.peer.log_server && follows_an_active && !hearsay(p.last.history).empty();
        if (!contradicted) yield(c.common_rev, p);
    } else if (stays_alone(p, c)) {
        yield(c.common_rev, p);
    } else if (c.relation == Relation::behind && role_ == Role::active) {
        set_role(Role::standby, p.peer.name + " has a newer term");
    }
}

bool Replica::stays_alone(const PeerState& active, const Comparison& c) {
    // The disk of who was Active went back in time, and only this log server still has what it published: it is
    // not believed by the Active, and nobody else follows it. What is here is parked, not lost.
    if (!self_.log_server) return false;
    bool parted = active.last.role == Role::active && c.relation == Relation::diverged;
    const std::vector<store::Term> mine = parted ? db_.terms() : std::vector<store::Term>{};
    for (size_t i = 0; i < mine.size() && parted; ++i) {
        parted = has_term(active.last.history.terms, mine[i].id) || denied(mine, i);
    }
    if (!parted) {
        if (alone_against_ == active.peer.mds) alone_since_ = 0;
        return false;
    }
    int64_t now = env_.mono_ms();
    if (alone_since_ == 0 || alone_against_ != active.peer.mds) alone_since_ = now;
    alone_against_ = active.peer.mds;
    // Whoever denies it may not have said yet where it is by now.
    return now - alone_since_ >= std::max<int64_t>(timing_.startup_ms, 3 * timing_.idle_beat_ms);
}

void Replica::yield(uint64_t common_rev, const PeerState& to) {
    if (receiving_) return;  // a full copy replaces them, and parks them first
    std::vector<store::Revision> tail = db_.tail(common_rev);
    size_t publishes = static_cast<size_t>(
        std::count_if(tail.begin(), tail.end(),
                      [](const store::Revision& r) { return r.kind == "publish"; }));
    // Who follows the new Active tells of it too.
    std::string active = to.peer.name;
    for (const PeerState& p : peers_) {
        if (p.peer.server == to.last.history.terms.back().active) active = p.peer.name;
    }
    set_role(Role::standby, active + " became Active after revision " + std::to_string(common_rev));
    try {
        env_.park(tail);
        db_.undo_to(common_rev);
    } catch (const Error& e) {
        trouble("cannot take back own revisions: " + e.message(), e.code());
        // No space, here or for parking: tried again at the next heartbeat of the peer. Otherwise
        // they cannot be undone; the content comes anew as a full copy, which parks them first.
        PeerState* p = find(to.peer.mds);
        if (p && e.code() != Code::disk_full) request_copy(*p);
        return;
    }
    failure_.clear();
    if (publishes) {
        env_.event(Event::publishes_parked,
                   fmt::format("{} publish{} that {} never received {} parked; following from revision {}",
                               publishes, publishes == 1 ? "" : "es", active, publishes == 1 ? "is" : "are",
                               common_rev), active);
    }
    env_.content_changed({}, true);
    send_positions();
    env_.status_changed();
}

}  // namespace mds::repl
