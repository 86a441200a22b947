// What may be said about a peer (multi-domain-ha.md 2.4): the first rule that matches wins, and
// "could not compare" is never OK.
#include <fmt/core.h>

#include <algorithm>

#include "base/clock.hh"
#include "base/shell.hh"
#include "repl/replica.hh"

namespace mds::repl {

std::string_view status_word(SyncStatus status) {
    switch (status) {
        case SyncStatus::trust_missing: return "trust-missing";
        case SyncStatus::unreachable: return "unreachable";
        case SyncStatus::version_mismatch: return "version-mismatch";
        case SyncStatus::collision: return "collision";
        case SyncStatus::synchronizing: return "synchronizing";
        case SyncStatus::sync_failed: return "sync-failed";
        case SyncStatus::never_synchronized: return "never-synchronized";
        case SyncStatus::lagging: return "lagging";
        case SyncStatus::advanced: return "advanced";
        case SyncStatus::synchronized: return "synchronized";
    }
    return "unreachable";
}

PeerStatus Replica::judge(const PeerState& p) const {
    PeerStatus s;
    s.peer = p.peer;
    s.role = p.last.role;
    // What it sends besides says that it lives, not where it is; only while a copy comes is that enough.
    bool told = p.told_at != 0 && env_.mono_ms() - p.told_at <= patience(p);
    s.heard = reachable(p) && (told || (receiving_ && receiving_->from == p.peer.mds));
    s.revision = p.last.history.position.rev;
    s.contact_ms = p.contact_wall;
    s.last_good_ms = p.last_good;
    s.percent = p.last.copy_percent;
    s.parked = p.last.parked;
    s.step = copy_step(p);
    s.work = p.last.work;
    const store::Position mine = db_.position();
    const store::Position& theirs = p.last.history.position;
    s.digest_equal = reachable(p) && told && theirs.rev == mine.rev && theirs.digest == mine.digest;
    const std::string status_command = "mdsctl ha status " + shell_word(self_.domain);

    auto is = [&](SyncStatus status, std::string reason, std::string next) {
        s.status = status;
        s.reason = std::move(reason);
        s.next = std::move(next);
    };
    // Work that only waits for the Primary's word for a moment is nothing to tell.
    constexpr int64_t k_told_after_ms = 10'000;
    auto old = [&](uint32_t count, int64_t since) {
        return count > 0 && env_.wall_ms() - since > k_told_after_ms;
    };
    bool waits_there = old(p.last.tentative, p.last.tentative_since);
    bool waits = waits_there || old(waiting_, waiting_since_);
    Comparison c = compare(history(), p.last.history);
    bool active_here = role_ == Role::active;
    if (p.link_state == "no-trust") {
        is(SyncStatus::trust_missing, "trust is not established: " + p.link_reason,
           "mdsctl server add " + shell_word(p.peer.mds_name));
    } else if (p.foreign) {
        is(SyncStatus::version_mismatch,
           p.peer.name + " runs a release whose messages this one cannot read",
           fmt::format("upgrade {} or {}", self_.mds_name, p.peer.mds_name));
    } else if (!s.heard) {
        std::string last = p.contact_wall
                               ? "last contact " + rfc3339(p.contact_wall)
                               : std::string("no contact since this server started");
        std::string why = !p.refused.empty()             ? "what it sends is refused: " + p.refused
                          : p.link_state == "connected" ? "the Domain Server there does not answer"
                                                        : p.link_reason;
        is(SyncStatus::unreachable,
           fmt::format("not synchronized, no connection with peer: {} ({}){}{}", p.peer.mds_name,
                       p.peer.address, why.empty() ? "" : ", " + why, ", " + last),
           "mdsctl doctor " + p.peer.mds_name);
    } else if (p.last.schema > db_.schema_known() || db_.schema() > p.last.schema_known) {
        // Releases may differ as long as each can read what the other writes.
        bool here = p.last.schema > db_.schema_known();
        is(SyncStatus::version_mismatch,
           fmt::format("{} (release {}) cannot read the documents of {} (release {}): version {}, it "
                       "knows up to {}",
                       here ? self_.name : p.peer.name, here ? self_.version : p.last.version,
                       here ? p.peer.name : self_.name, here ? p.last.version : self_.version,
                       here ? p.last.schema : db_.schema(),
                       here ? db_.schema_known() : p.last.schema_known),
           "upgrade " + (here ? self_.mds_name : p.peer.mds_name));
    } else if (collision_ || c.relation == Relation::collision ||
               (active_here && p.last.role == Role::active)) {
        is(SyncStatus::collision,
           fmt::format("{} and {} were both made Active; the histories part after revision {}: {} "
                       "revisions only here, {} only there", self_.name, p.peer.name, c.common_rev,
                       mine.rev - std::min(mine.rev, c.common_rev),
                       theirs.rev - std::min(theirs.rev, c.common_rev)),
           "on the server whose changes may be parked: mdsctl ha set-standby " + shell_word(self_.domain));
    } else if (p.last.copy_percent != 255) {
        is(SyncStatus::synchronizing,
           fmt::format("full copy into {}: {}, {} %", p.peer.name,
                       s.step.empty() ? "transfer" : s.step, p.last.copy_percent),
           "wait");
    } else if (receiving_ && receiving_->from == p.peer.mds) {
        is(SyncStatus::synchronizing, "full copy from " + p.peer.name, "wait");
        s.percent = my_position().copy_percent;
    } else if (!p.last.damage.empty()) {
        is(SyncStatus::sync_failed,
           fmt::format("the database of {} is damaged: {}", p.peer.name, p.last.damage),
           fmt::format("mdsctl ha verify {} {}", shell_word(self_.domain), shell_word(p.peer.mds_name)));
    } else if (!health_.damage.empty()) {
        is(SyncStatus::sync_failed,
           fmt::format("the database of {} is damaged: {}", self_.name, health_.damage),
           fmt::format("mdsctl ha verify {} {}", shell_word(self_.domain), shell_word(self_.mds_name)));
    } else if (!p.last.failure.empty() && c.relation != Relation::same) {
        is(SyncStatus::sync_failed, "the last synchronization failed there: " + p.last.failure,
           fmt::format("mdsctl ha sync {} --to {}", shell_word(self_.domain), shell_word(p.peer.mds_name)));
    } else if (!failure_.empty() && c.relation != Relation::same) {
        is(SyncStatus::sync_failed, "the last synchronization failed here: " + failure_,
           status_command);
    } else if (c.relation == Relation::no_history || c.relation == Relation::foreign) {
        is(SyncStatus::never_synchronized, "first synchronization has not run", "wait");
    } else if (c.relation == Relation::diverged) {
        is(SyncStatus::synchronizing,
           alone_since_ != 0 && alone_against_ == p.peer.mds
               ? fmt::format("only {} has what {} published before its disk went back in time; it is taken back here "
                             "and kept apart", self_.name, p.peer.name)
               : fmt::format("{} takes back what it had not sent", c.mine_yields ? self_.name : p.peer.name),
           "wait");
    } else if (c.relation == Relation::ahead || (c.relation == Relation::behind && !active_here)) {
        bool here = c.relation == Relation::behind;
        uint64_t revisions = here ? theirs.rev - mine.rev : mine.rev - theirs.rev;
        std::string age;
        if (auto missing = db_.revisions(theirs.rev + 2, 1); !here && !missing.empty()) {
            int64_t ms = std::max<int64_t>(0, env_.wall_ms() - missing.front().time_ms);
            age = fmt::format(", the oldest of them {} s old", ms / 1000);
        }
        is(SyncStatus::lagging,
           fmt::format("{} is {} revision{} behind{}", here ? self_.name : p.peer.name, revisions,
                       revisions == 1 ? "" : "s", age),
           "wait; " + status_command);
    } else if (c.relation == Relation::behind) {
        is(SyncStatus::advanced, p.peer.name + " is newer than this server", status_command);
    } else if (!s.digest_equal) {
        is(SyncStatus::sync_failed,
           fmt::format("content differs at revision {}", mine.rev),
           fmt::format("mdsctl ha sync {} --to {}", shell_word(self_.domain), shell_word(p.peer.mds_name)));
    } else if (waits) {
        uint32_t count = waits_there ? p.last.tentative : waiting_;
        int64_t since = waits_there ? p.last.tentative_since : waiting_since_;
        is(SyncStatus::lagging,
           fmt::format("{} publish{} that {} has wait{} for the Primary since {}", count,
                       count == 1 ? "" : "es", waits_there ? p.peer.name : self_.name,
                       count == 1 ? "s" : "", rfc3339(since)),
           "mdsctl status");
    } else if (!p.last.verified || !verified()) {
        // Equal by what was applied; whether the disk still holds it is being read.
        is(SyncStatus::synchronizing,
           fmt::format("the database of {} is being verified",
                       p.last.verified ? self_.name : p.peer.name),
           "wait");
    } else {
        is(SyncStatus::synchronized, "", "");
    }
    if (s.heard && s.parked) {
        bool one = s.parked == 1;
        // What a log server has, it keeps.
        const char* where = p.peer.log_server ? (one ? " is kept there" : " are kept there")
                                              : (one ? " waits to be handed over" : " wait to be handed over");
        s.reason += fmt::format("{}{} publish{} that only {} had{}", s.reason.empty() ? "" : "; ", s.parked,
                                one ? "" : "es", p.peer.name, where);
    }
    s.since_ms = p.shown == s.status ? p.shown_since : env_.wall_ms();
    switch (s.status) {
        case SyncStatus::trust_missing:
        case SyncStatus::unreachable: s.sync_state = "Communication Error"; break;
        case SyncStatus::synchronized: s.sync_state = "Ok"; break;
        case SyncStatus::lagging: {
            bool grace = p.behind_since == 0 || env_.mono_ms() - p.behind_since <= timing_.grace_ms;
            s.sync_state = grace ? "Ok" : "Sync Error";
            break;
        }
        default: s.sync_state = "Sync Error";
    }
    return s;
}

std::vector<PeerStatus> Replica::peer_status() const {
    std::vector<PeerStatus> out;
    for (const PeerState& p : peers_) out.push_back(judge(p));
    return out;
}

void Replica::update_shown() {
    for (PeerState& p : peers_) {
        PeerStatus s = judge(p);
        if (s.status == SyncStatus::lagging) {
            // A server that is always the last publish behind is not late.
            auto [low, high] = std::minmax({db_.position().rev, p.last.history.position.rev});
            if (!p.behind_since || low >= p.behind_rev) {
                p.behind_since = env_.mono_ms();
                p.behind_rev = high;
            }
        } else {
            p.behind_since = 0;
        }
        if (s.status == SyncStatus::synchronized) p.last_good = env_.wall_ms();
        if (s.status == p.shown && s.sync_state == p.shown_state) continue;
        if (s.status != p.shown) p.shown_since = env_.wall_ms();
        p.shown = s.status;
        p.shown_state = s.sync_state;
        env_.status_changed();
    }
}

}  // namespace mds::repl
