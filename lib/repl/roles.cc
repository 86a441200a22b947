// Changes of role asked by an operator (multi-domain-ha.md CA, replication.md 7).
#include <fmt/core.h>

#include "base/clock.hh"
#include "base/shell.hh"
#include "repl/replica.hh"

namespace mds::repl {

const Peer* Replica::active_peer() const {
    const PeerState* best = nullptr;
    for (const PeerState& p : peers_) {
        if (p.last.role != Role::active || !p.heard_at) continue;
        // What one said that is gone since counts only as long as nobody has begun a newer term.
        if (!reachable(p) && p.last.history.position.term_no < db_.term().no) continue;
        if (!best || p.last.history.position.term_no > best->last.history.position.term_no) {
            best = &p;
        }
    }
    if (best) return &best->peer;
    // Not heard yet: the newest term on our disk says who it was.
    for (const PeerState& p : peers_) {
        if (!db_.term().active.is_nil() && p.peer.server == db_.term().active) return &p.peer;
    }
    return nullptr;
}

std::optional<Uid> Replica::followed_active() const {
    const PeerState* found = nullptr;
    for (const PeerState& p : peers_) {
        if (!reachable(p) || p.last.role != Role::active) continue;
        if (found || p.last.collision) return std::nullopt;
        Relation r = compare(history(), p.last.history).relation;
        if (r != Relation::same && r != Relation::behind) return std::nullopt;
        found = &p;
    }
    return found ? std::optional(found->peer.mds) : std::nullopt;
}

std::string Replica::domain_state() const {
    if (collision_) return "collision";
    size_t servers = 1, actives = role_ == Role::active;
    for (const PeerState& p : peers_) {
        if (p.peer.log_server) continue;
        ++servers;
        if (reachable(p) && p.last.role == Role::active) ++actives;
    }
    if (actives > 1) return "collision";
    if (actives == 0) return "no-active";
    return servers == 1 ? "single" : "normal";
}

void Replica::require_no_fence() const {
    if (fence_.empty()) return;
    throw Error(Code::standby, fence_);
}

void Replica::require_writable() const {
    require_no_fence();
    if (collision_) {
        throw Error(Code::standby, fmt::format("Domain {} has two Active servers since revision {}; "
                                               "publishing stops until one is set Standby",
                                               self_.domain, collision_rev_))
            .refusal("RF-05", "mdsctl ha status " + shell_word(self_.domain));
    }
    if (handing_over_) {
        throw Error(Code::standby, "this server is handing over to another one; try again there");
    }
    if (role_ == Role::active) return;
    if (role_ == Role::starting) {
        if (failure_.empty()) {
            throw Error(Code::standby, "this server is starting and read-only until it has asked its "
                                       "peers; try again in a few seconds");
        }
        throw Error(Code::standby, "this server is starting and read-only: " + failure_)
            .refusal("RF-05", fmt::format("mdsctl ha force-active {} {}", shell_word(self_.domain), shell_word(self_.mds_name)));
    }
    const Peer* active = active_peer();
    bool known = active && [&] {
        for (const PeerState& p : peers_) {
            if (&p.peer == active) return reachable(p) && p.last.role == Role::active;
        }
        return false;
    }();
    if (!known) {
        throw Error(Code::standby,
                    fmt::format("{} is a standby server and read-only; the Domain has no Active "
                                "server{}", self_.name,
                                active ? " (" + active->name + " does not answer)" : ""))
            .refusal("RF-05", fmt::format("mdsctl ha set-active {} {}", shell_word(self_.domain), shell_word(self_.mds_name)));
    }
    throw Error(Code::standby, fmt::format("{} is a standby server and read-only; the Active "
                                           "server is {} ({}) on {}", self_.name, active->name,
                                           active->address, active->mds_name))
        .refusal("RF-05", "log in at " + active->address);
}

Uid Replica::giver() const {
    std::vector<store::Term> terms = db_.terms();
    for (auto term = terms.rbegin(); term != terms.rend(); ++term) {
        if (!term->active.is_nil()) return term->active;
    }
    return {};
}

bool Replica::gives_role() const {
    return role_ == Role::active || (role_ == Role::standby && db_.term().active.is_nil() &&
                                     giver() == self_.server);
}

uint64_t Replica::held_by_all() const {
    uint64_t held = db_.position().rev;
    for (const PeerState& p : peers_) {
        if (p.peer.log_server) continue;
        if (!p.told_at) return 0;
        Comparison c = compare(history(), p.last.history);
        bool comparable = c.relation != Relation::foreign && c.relation != Relation::no_history;
        held = std::min(held, comparable ? c.common_rev : 0);
    }
    return held;
}

bool Replica::may_answer(const PeerState* p, int64_t asked_since) const {
    if (!p) return false;
    if (reachable(*p)) return true;
    // One of the two may have started a moment ago: while there is a way to it, it has its time.
    int64_t since = p->link_state == "connected" ? std::max(started_at_, asked_since) : started_at_;
    return env_.mono_ms() - since < timing_.silent_ms;
}

Error Replica::not_responding(const PeerState* p) const {
    std::string last = p && p->contact_wall ? "last contact " + rfc3339(p->contact_wall)
                                            : "no contact since this server started";
    return Error(Code::ha_invalid, fmt::format("Active not responding: {} does not answer ({})",
                                               p ? p->peer.name : "the Active server", last))
        .refusal("RF-21", "mdsctl ha force-active " + shell_word(self_.domain) + " " + shell_word(self_.mds_name));
}

void Replica::set_active(const std::string& by, Done done) {
    if (self_.log_server) {
        throw Error(Code::ha_invalid, self_.name + " is a log server; log servers are never Active");
    }
    require_no_fence();
    if (role_ == Role::active && !collision_) return done(std::nullopt);
    if (pending_.what != Pending::What::none) {
        throw Error(Code::ha_invalid, "a change of the Active server is running already");
    }
    if (!db_.has_history()) {
        throw Error(Code::ha_invalid, self_.name + " was never synchronized; it has nothing to serve")
            .refusal("RF-21", "mdsctl ha status " + shell_word(self_.domain));
    }
    // Whoever is Active gives the role away; when nobody is, the one that was before does.
    const Peer* active = active_peer();
    const PeerState* state = nullptr;
    for (const PeerState& p : peers_) {
        if (active ? p.peer.mds == active->mds : p.peer.server == giver()) state = &p;
    }
    bool mine = !active && gives_role();
    if (!mine && !may_answer(state, env_.mono_ms())) throw not_responding(state);
    pending_ = {};
    pending_.what = Pending::What::become_active;
    pending_.by = by;
    pending_.since = env_.mono_ms();
    pending_.deadline = pending_.since + 2 * timing_.handover_ms;
    pending_.done = std::move(done);
    pending_.target = mine ? Uid{} : state->peer.mds;
    progress_pending();
}

void Replica::hand_over(const Uid& mds, const std::string& by, Done done) {
    if (!gives_role()) throw Error(Code::ha_invalid, self_.name + " is not Active");
    if (collision_) {
        throw Error(Code::ha_invalid, "two servers are Active; set one of them Standby first");
    }
    PeerState* p = find(mds);
    if (!p) throw Error(Code::object_not_found, "no such server in this Domain");
    if (p->peer.log_server) {
        throw Error(Code::ha_invalid, p->peer.name + " is a log server; log servers are never Active");
    }
    if (!reachable(*p)) {
        throw Error(Code::ha_invalid, p->peer.name + " does not answer; it cannot become Active")
            .refusal("RF-21", "mdsctl ha status " + shell_word(self_.domain));
    }
    if (p->last.history.terms.empty()) {
        throw Error(Code::ha_invalid,
                    p->peer.name + " was never synchronized; it has nothing to serve")
            .refusal("RF-21", "mdsctl ha sync " + shell_word(self_.domain) + " --to " + shell_word(p->peer.mds_name));
    }
    if (p->last.copy_percent != 255) {
        throw Error(Code::ha_invalid, p->peer.name + " is being synchronized; wait until it is done");
    }
    if (pending_.what == Pending::What::hand_over && pending_.target == mds) return;
    if (pending_.what != Pending::What::none) {
        throw Error(Code::ha_invalid, "a change of the Active server is running already");
    }
    pending_ = {};
    pending_.what = Pending::What::hand_over;
    pending_.target = mds;
    pending_.by = by;
    pending_.deadline = env_.mono_ms() + timing_.handover_ms;
    pending_.done = std::move(done);
    // From here on nothing is published; private sessions stay.
    handing_over_ = true;
    env_.status_changed();
    progress_pending();
}

std::string Replica::pending_step() const {
    const PeerState* p = find(pending_.target);
    switch (pending_.what) {
        case Pending::What::hand_over:
            return fmt::format("no changes are accepted; waiting for {} to confirm revision {}",
                               p ? p->peer.name : "the target", db_.position().rev);
        case Pending::What::become_active:
            return p ? fmt::format("asked {} to hand over; revision {} is here", p->peer.name,
                                   db_.position().rev)
                     : "taking what the other servers have";
        case Pending::What::none:
            break;
    }
    return "";
}

void Replica::progress_pending() {
    int64_t now = env_.mono_ms();
    if (pending_.what == Pending::What::hand_over) {
        PeerState* p = find(pending_.target);
        bool level = p && p->last.history.position.hash == db_.position().hash;
        if (!gives_role()) {
            finish_pending(Error(Code::ha_invalid, "this server is no longer Active"));
        } else if (level) {
            store::Term term = next_term(p->peer.server, "handover", pending_.by);
            // From the commit of this record on nobody else is Active; the target is when it has
            // committed it too. The pull that it keeps waiting here carries it there.
            p->waiting_pull = p->last.history.position;
            try {
                begin(term, Role::standby, "handed over to " + p->peer.name);
                finish_pending(std::nullopt);
            } catch (const Error& e) {
                finish_pending(e);
            }
        } else if (now > pending_.deadline) {
            finish_pending(Error(Code::ha_invalid,
                                 (p ? p->peer.name : "the target") +
                                     " did not catch up in time; the Active server stays"));
        }
        return;
    }
    if (pending_.what != Pending::What::become_active) return;
    if (role_ == Role::active) {
        finish_pending(std::nullopt);
        return;
    }
    if (pending_.target.is_nil()) {
        // Nobody is Active and this server was the last one: it begins a new term, after it has what
        // any reachable server has.
        if (!gives_role()) {
            finish_pending(Error(Code::ha_invalid, "another server became Active meanwhile"));
            return;
        }
        for (const PeerState& p : peers_) {
            if (reachable(p) &&
                compare(history(), p.last.history).relation == Relation::behind &&
                now <= pending_.deadline) {
                return;
            }
        }
        try {
            begin(next_term(self_.server, "handover", pending_.by), Role::active,
                  "set Active by " + pending_.by);
            finish_pending(std::nullopt);
        } catch (const Error& e) {
            finish_pending(e);
        }
        return;
    }
    const PeerState* target = find(pending_.target);
    if (!may_answer(target, pending_.since)) {
        finish_pending(not_responding(target));
    } else if (now > pending_.deadline) {
        finish_pending(Error(Code::ha_invalid, "the Active server did not hand over in time"));
    } else if (now - pending_.asked_at >= timing_.repeat_ms) {
        pending_.asked_at = now;
        // The record of the change comes from there without another question.
        records_from_ = pending_.target;
        env_.send(pending_.target, Kind::handover, NoteMessage{Uid{}, 0, pending_.by}.encode());
    }
}

void Replica::finish_pending(std::optional<Error> error) {
    Done done = std::move(pending_.done);
    pending_ = {};
    handing_over_ = false;
    env_.status_changed();
    if (done) done(std::move(error));
}

void Replica::set_standby(const std::string& by) {
    if (role_ != Role::active) return;
    if (collision_) {
        // The other Active stays: this side parks what only it has, and follows.
        set_role(Role::standby, "set Standby by " + by + " to end a collision");
        collision_ = false;
        env_.event(Event::collision_over, "the collision is over: this server was set Standby by " + by);
        for (PeerState& p : peers_) {
            if (reachable(p) && p.last.role == Role::active) step_down_if_needed(p);
        }
        send_positions();
        return;
    }
    begin(next_term(Uid{}, "standby", by), Role::standby, "set Standby by " + by);
}

void Replica::force_active(const std::string& by) {
    if (self_.log_server) {
        throw Error(Code::ha_invalid, self_.name + " is a log server; log servers are never Active");
    }
    require_no_fence();
    if (role_ == Role::active) return;
    if (!db_.has_history()) {
        throw Error(Code::ha_invalid, self_.name + " was never synchronized; it has nothing to serve");
    }
    for (const PeerState& p : peers_) {
        if (!reachable(p)) continue;
        if (p.last.role == Role::active) {
            throw Error(Code::ha_invalid, p.peer.name + " is Active and answers")
                .refusal("RF-29", fmt::format("mdsctl ha set-active {} {}", shell_word(self_.domain), shell_word(self_.mds_name)));
        }
        if (compare(history(), p.last.history).relation == Relation::behind) {
            throw Error(Code::ha_invalid,
                        fmt::format("{} has {} more revisions than {}; make that one Active",
                                    p.peer.name, p.last.history.position.rev - db_.position().rev,
                                    self_.name))
                .refusal("RF-21", fmt::format("mdsctl ha force-active {} {}", shell_word(self_.domain),
                                              shell_word(p.peer.mds_name)));
        }
    }
    if (receiving_) fail_copy("this server was forced Active");
    begin(next_term(self_.server, "force", by), Role::active, "forced Active by " + by);
}

}  // namespace mds::repl
