// The rules of replication.md 13 that are looked at in every run. Their numbers stand in the text
// of each violation; 3, 5 to 9, 11 and 15 are in chronicle.cc, where a second replay of every
// record gives what each database must hold (9: after an undo too; 10: duplicates, deaths between
// two writes; 19: after a full copy, however often it was broken off).
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "simulation/world.hh"
#include "store/verify.hh"

namespace mds::simulation {

void World::check(Server& server) {
    if (!server.up()) return;
    const Entry* before = server.head;
    bool replaced = server.content_replaced;
    server.content_replaced = false;
    Server::Inside guard(server);
    if (replaced || !server.kept_known) look_at_kept(server);
    if (!server.db->has_history()) {
        if (before) throw Violation(1, server.name + " has lost its history");
    } else if (!before || server.db->position().hash != before->record.hash || replaced) {
        const Entry* now = chronicle_.learn(server.index, *server.db);
        server.head = now;
        if (before != now) {
            trace(server, fmt::format("is at revision {}", now ? now->record.rev : 0));
            check_actives();
        }
        if (now && server.altered_at < 0) {
            chronicle_.check_content(server.name, *server.db, now);
        }
        check_tail(server, before);
        server.oldest = server.db->oldest_record();
    }
    check_damaged(server);
    check_confirmed(server);
    if (server.replica->role() == repl::Role::active) {
        if (server.log_server) throw Violation(5, server.name + " is a log server and Active");
        check_actives();
    }
    check_status(server);
}

void World::check_tail(Server& server, const Entry* before) {
    // 1, 14: what leaves this line was put aside first, whole.
    const Entry* base = Chronicle::common(before, server.head);
    for (const Entry* e = before; e && e != base; e = e->parent) {
        if (e->record.kind != "publish") continue;
        // Purged, because the others had it; then the disk of one of them went back in time.
        if (e->record.rev < server.oldest && server.keeps_whole(e)) continue;
        auto it = server.parked.find({e->record.term_id, e->record.rev});
        if (it == server.parked.end()) {
            throw Violation(14, fmt::format("{} gives up revision {} and does not park it",
                                            server.name, e->record.rev));
        }
        if (it->second.hash != e->record.hash || it->second.payload != e->record.payload ||
            it->second.author != e->record.author) {
            throw Violation(14, fmt::format("{} parked revision {} with other content", server.name,
                                            e->record.rev));
        }
    }
}

void World::look_at_kept(Server& server) {
    Disk* inside = std::exchange(Disk::current, nullptr);
    std::map<std::string, const Entry*> found;
    for (const std::string& folder : server.db->replaced()) {
        const Entry*& head = found[folder];
        try {
            SQLite::Database db(folder + "/public.db", SQLite::OPEN_READWRITE);
            SQLite::Statement last(db, "SELECT hash FROM revision ORDER BY rev DESC LIMIT 1");
            if (last.executeStep()) head = chronicle_.find(store::hash_from(last.getColumn(0).getString()));
        } catch (const SQLite::Exception&) {
            // Damaged by a fault of this run.
        }
    }
    Disk::current = inside;
    server.kept = std::move(found);
    server.kept_known = true;
}

void World::check_actives() {
    // CA-1: without force, and without a disk that goes back, never two.
    if (forced_) return;
    std::string active;
    for (const auto& s : servers_) {
        if (s->up() && s->replica->role() == repl::Role::active) active += s->name;
    }
    if (active.size() > 1) throw Violation(5, "two are Active and nobody was forced: " + active);
}

void World::check_damaged(Server& server) {
    if (server.altered_at < 0 || !server.head) return;
    if (!server.replica->verified()) return;
    if (store::verify(server.db->file()).good()) {
        chronicle_.check_content(server.name, *server.db, server.head);
        trace(server, "is whole again");
        server.altered_at = -1;
    } else if (now_ - server.altered_at > timing.verify_ms + timing.verify_ms / 4 + 1000) {
        // 12: what was read before the damage is believed for one period, no longer.
        throw Violation(12, server.name + " calls a damaged database good");
    }
}

void World::check_confirmed(Server& server) {
    // 2: told to be on a Standby too, and nothing was lost since: then it is there.
    store::Position mine = server.db->position();
    bool active = server.replica->role() == repl::Role::active;
    std::erase_if(server.unconfirmed, [&](size_t i) {
        Published& p = published_[i];
        if (!active || mine.term_id != p.entry->record.term_id) return true;
        if (!server.replica->confirmed(p.entry->record.rev)) return false;
        p.confirmed = true;
        if (p.losses == losses_ && !kept(p.entry, &server)) {
            throw Violation(2, fmt::format("{} calls revision {} confirmed and nobody else has it",
                                           server.name, p.entry->record.rev));
        }
        return true;
    });
}

void World::check_status(Server& server) {
    // 12, 21: "synchronized" means compared, lately, and equal.
    store::Position mine = server.db->position();
    int64_t patience = std::max(timing.silent_ms, 3 * timing.idle_beat_ms);
    for (const repl::PeerStatus& s : server.replica->peer_status()) {
        bool ok = s.status == repl::SyncStatus::synchronized;
        if (!ok && !s.digest_equal) continue;
        auto other = std::find_if(servers_.begin(), servers_.end(),
                                  [&](const auto& o) { return o->mds == s.peer.mds; });
        auto told = server.told.find((*other)->index);
        if (told == server.told.end() || server.mono_ms() - told->second.heard_at > patience) {
            throw Violation(12, fmt::format("{} shows {} as equal without having heard from it",
                                            server.name, s.peer.name));
        }
        const store::Position& theirs = told->second.position;
        if (theirs.digest != mine.digest || (ok && theirs.hash != mine.hash)) {
            throw Violation(12, fmt::format("{} shows {} as equal; it has said otherwise",
                                            server.name, s.peer.name));
        }
    }
}

bool World::kept(const Entry* entry, const Server* except) const {
    return std::any_of(servers_.begin(), servers_.end(), [&](const auto& s) {
        if (s.get() == except) return false;
        if (s->head && Chronicle::contains(s->head, entry)) return true;
        if (s->keeps_whole(entry)) return true;
        auto it = s->parked.find({entry->record.term_id, entry->record.rev});
        return it != s->parked.end() && it->second.hash == entry->record.hash;
    });
}

void World::check_kept() {
    for (const Published& p : published_) {
        if (!p.excused && !kept(p.entry)) {
            throw Violation(1, fmt::format("revision {} of term {} was acknowledged and is nowhere",
                                           p.entry->record.rev, p.entry->record.term_no));
        }
    }
}

std::string World::describe() {
    std::string out;
    for (const auto& s : servers_) {
        const char* words[] = {"starting", "standby", "active"};
        if (!s->up()) {
            out += fmt::format("; {} is down", s->name);
            continue;
        }
        store::Position p = s->db->position();
        out += fmt::format("; {} {}{} rev {} term {} {}", s->name,
                           words[static_cast<int>(s->replica->role())],
                           s->replica->collision() ? " (collision)" : "", p.rev, p.term_no,
                           store::text(p.hash).substr(0, 8));
        for (const auto& status : s->replica->peer_status()) {
            out += fmt::format(" [{}: {}{}{}]", status.peer.name, repl::status_word(status.status),
                               status.reason.empty() ? "" : ", ", status.reason);
        }
    }
    return out.substr(std::min<size_t>(2, out.size()));
}

bool World::settled() {
    // Nothing but waiting is left when one is Active and nobody collides.
    if (now_ - choice_open_since_ > 90'000) {
        throw Violation(13, "no convergence 90 s after the last choice: " + describe());
    }
    if (now_ - plan.duration_ms > 900'000) {
        throw Violation(13, "operators come to no end: " + describe());
    }
    // Whoever was ordered to take a full copy begins it a moment later, and cannot follow meanwhile.
    for (const auto& order : ordered_) {
        if (order->by && order->by->up() && order->by->life == order->life) return false;
    }
    int active = 0;
    for (const auto& s : servers_) {
        if (!s->up() || !s->head || s->head != servers_[0]->head || s->altered_at >= 0) return false;
        active += s->replica->role() == repl::Role::active;
    }
    if (active != 1) return false;
    for (const auto& s : servers_) {
        Server::Inside guard(*s);
        if (s->replica->domain_state() != "normal") return false;
        for (const auto& status : s->replica->peer_status()) {
            if (status.status != repl::SyncStatus::synchronized) return false;
        }
    }
    return true;
}

void World::finish() {
    check_kept();
    for (const auto& s : servers_) {
        Server::Inside guard(*s);
        chronicle_.check_content(s->name, *s->db, s->head);
        store::Verification found = store::verify(s->db->file());
        if (!found.good()) throw Violation(7, s->name + ": " + found.text());
    }
    // 14: whatever is not in the common line is parked, with what it was.
    const Entry* head = servers_[0]->head;
    for (const Published& p : published_) {
        if (p.excused || Chronicle::contains(head, p.entry)) continue;
        bool parked = std::any_of(servers_.begin(), servers_.end(), [&](const auto& s) {
            if (s->keeps_whole(p.entry)) return true;
            auto it = s->parked.find({p.entry->record.term_id, p.entry->record.rev});
            return it != s->parked.end() && it->second.hash == p.entry->record.hash &&
                   it->second.payload == p.entry->record.payload && !it->second.undo.empty();
        });
        if (!parked) {
            throw Violation(
                14, fmt::format("revision {} is in no line and not parked", p.entry->record.rev));
        }
    }
    // The Domain works: one more publish, and everybody has it.
    uint64_t before = outcome_.publishes;
    int64_t deadline = now_ + 20'000;
    while (outcome_.publishes == before) {
        for (const auto& s : servers_) {
            if (s->replica->role() == repl::Role::active) publish(*s);
        }
        if (++names_ > 100'000) throw Violation(13, "nothing can be published after the end");
    }
    loop([&] { return settled() || now_ > deadline; });
    if (!settled()) throw Violation(13, "the last publish does not arrive: " + describe());
}

}  // namespace mds::simulation
