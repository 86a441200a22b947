// What goes wrong in a run.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/text.hh"
#include "simulation/world.hh"

namespace mds::simulation {
namespace fs = std::filesystem;

void World::fault() {
    if (healing_) return;
    at(now_ + random.between(1, 2 * plan.fault_every_ms), [this] { fault(); });
    ++outcome_.faults;
    Server& s = *servers_[random.below(servers_.size())];
    Server& t = *servers_[random.below(servers_.size())];
    int64_t off = random.between(50, random.percent(15) ? 60'000 : 12'000);
    switch (random.below(14)) {
        case 0:
            if (plan.crashes && s.up()) crash(s, false, off);
            break;
        case 1:
            if (plan.power_cuts && s.up()) crash(s, true, off);
            break;
        case 2:
            if (plan.deaths && s.up()) {
                int64_t calls = random.between(1, 80);
                trace(s, fmt::format("will die after {} writes", calls));
                s.disk->die_after(calls);
            }
            break;
        case 3:
        case 4:
            if (plan.partitions) partition();
            break;
        case 5:
            if (plan.one_way && &s != &t) {
                trace(s, "is no longer heard by " + t.name);
                line(s, t).cut = true;
                at(now_ + random.between(500, 20'000), [this, &s, &t] {
                    line(s, t).cut = false;
                    links_changed(s);
                });
            }
            break;
        case 6:
            if (plan.stalls && &s != &t) {
                int64_t held = random.between(500, 20'000);
                trace(s, fmt::format("the line to {} stalls for {} ms", t.name, held));
                line(s, t).held_until = now_ + held;
            }
            break;
        case 7:
            if (plan.pauses && s.up()) {
                s.paused_until = now_ + random.between(200, 30'000);
                trace(s, fmt::format("stands still until {}", s.paused_until));
            }
            break;
        case 8:
            if (plan.full_disks) {
                trace(s, "disk full");
                s.disk->full = true;
                at(now_ + random.between(500, 20'000), [this, &s] {
                    s.disk->full = false;
                    trace(s, "space again");
                });
            }
            break;
        case 9:
            if (plan.failing_disks) {
                s.disk->failing = static_cast<uint64_t>(random.between(2000, 300'000));
                trace(s, "disk fails");
                at(now_ + random.between(500, 8000), [&s] { s.disk->failing = 0; });
            }
            break;
        case 10:
            if (plan.clock_jumps) {
                int64_t most = random.percent(50) ? 60'000 : 30ll * 86'400'000;
                s.wall_offset += random.between(-most, most);
                trace(s, "the clock jumps");
            }
            break;
        case 11:
            if (plan.snapshots && s.has_snapshot && random.percent(50)) {
                restore_snapshot(s);
            } else if (plan.snapshots && s.head) {
                trace(s, fmt::format("snapshot of the disk at revision {}", s.head->record.rev));
                s.disk->save(s.snapshot_folder());
                s.has_snapshot = true;
            }
            break;
        case 12:
            if (plan.bad_lines) {
                loss_percent_ = random.below(40);
                twice_percent_ = random.below(30);
                trace(s, fmt::format("all lines: {} % lost, {} % twice", loss_percent_,
                                     twice_percent_));
                at(now_ + random.between(1000, 20'000),
                   [this] { loss_percent_ = twice_percent_ = 0; });
            }
            break;
        case 13:
            if (plan.damaged_files && !damaged_once_) damage(s);
            break;
    }
}

void World::partition() {
    // Two sides at random; some lines of a partition may be spared.
    std::vector<bool> side;
    std::string left;
    for (const auto& s : servers_) {
        side.push_back(random.percent(50));
        if (side.back()) left += s->name;
    }
    std::vector<std::pair<Server*, Server*>> cut;
    for (const auto& a : servers_) {
        for (const auto& b : servers_) {
            if (a->index >= b->index || side[a->index] == side[b->index]) continue;
            line(*a, *b).cut = line(*b, *a).cut = true;
            cut.emplace_back(a.get(), b.get());
        }
    }
    if (cut.empty()) return;
    trace(*servers_[0], "partition: " + left + " is apart");
    int64_t heal_at = now_ + random.between(500, random.percent(40) ? 60'000 : 15'000);
    at(now_ + random.between(100, 6000), [this, cut] {
        for (auto [a, b] : cut) {
            if (!lost_network(*a, *b)) continue;
            tell_link(*a, *b);
            tell_link(*b, *a);
        }
    });
    at(heal_at, [this, cut, left] {
        trace(*servers_[0], "partition ends: " + left);
        for (auto [a, b] : cut) {
            line(*a, *b).cut = line(*b, *a).cut = false;
            tell_link(*a, *b);
            tell_link(*b, *a);
        }
    });
}

void World::excuse(const Server& server) {
    for (Published& p : published_) {
        if (p.excused || kept(p.entry, &server)) continue;
        // 2: the first disk that is lost never takes what a Standby has confirmed.
        if (p.confirmed && p.losses == losses_) {
            throw Violation(2, fmt::format("revision {} was confirmed and goes with {}",
                                           p.entry->record.rev, server.name));
        }
        p.excused = true;
    }
    ++losses_;
}

void World::restore_snapshot(Server& s) {
    if (s.up()) {
        s.kill();
        links_changed(s);
    }
    trace(s, "its disk goes back in time");
    excuse(s);
    chronicle_.disk_went_back = forced_ = true;
    s.disk->restore(s.snapshot_folder());
    s.head = nullptr;
    s.parked.clear();
    s.kept.clear();
    ++s.life;
    at(now_ + random.between(50, 8000), [this, &s, life = s.life] {
        if (s.life == life) start(s);
    });
}

void World::damage(Server& s) {
    // Somebody else must have the history, or there is nothing left to save.
    bool other = false;
    for (const auto& o : servers_) other |= o.get() != &s && !o->log_server && o->up() && o->head;
    if (!other || !s.head) return;
    damaged_once_ = true;
    if (s.up()) {
        s.kill();
        links_changed(s);
    }
    s.disk->restart();
    excuse(s);
    chronicle_.disk_went_back = forced_ = true;
    for (const auto& entry : fs::recursive_directory_iterator(s.disk->root())) {
        if (entry.path().filename() != "public.db") continue;
        fs::remove(entry.path().string() + "-wal");
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        file << random.bytes(200);
    }
    trace(s, "its database is damaged");
    s.head = nullptr;
    s.kept.clear();
    ++s.life;
    at(now_ + random.between(50, 8000), [this, &s, life = s.life] {
        if (s.life == life) start(s);
    });
}

void World::flip() {
    if (healing_) return;
    at(now_ + flips_.between(2000, 20'000), [this] { flip(); });
    Server& s = *servers_[flips_.below(servers_.size())];
    if (!s.up() || now_ < s.paused_until || !s.head || s.head->state->empty()) return;
    if (s.disk->full || s.disk->failing || s.disk->will_die()) return;
    // One at a time, and what it had is somewhere else too.
    bool elsewhere = false;
    for (const auto& o : servers_) {
        if (o->altered_at >= 0) return;
        elsewhere |= o.get() != &s && o->up() && o->head == s.head;
    }
    if (!elsewhere) return;
    ++outcome_.faults;
    const State& state = *s.head->state;
    auto row = std::next(state.begin(), static_cast<int64_t>(flips_.below(state.size())));
    Server::Inside guard(s);
    SQLite::Database file(s.db->file(), SQLite::OPEN_READWRITE, 1000);
    auto alter = [&](const char* sql) {
        SQLite::Statement statement(file, sql);
        statement.bind(1, row->first.bytes.data(), 16);
        statement.exec();
    };
    bool twin = false;
    switch (flips_.below(plan.forcing ? 3 : 4)) {
        case 0: alter("UPDATE object SET doc=doc||' ' WHERE uid=?"); break;
        case 1: alter("UPDATE object SET hash=zeroblob(32) WHERE uid=?"); break;
        case 2: alter("DELETE FROM object WHERE uid=?"); break;
        case 3:
            // Where nobody forces, no line is left whose records would have to be parked.
            alter_record(s, row->second.rev);
            twin = plan.doubles;
            break;
    }
    s.altered_at = now_;
    trace(s, "its disk alters what it holds of '" + row->second.name + "'");
    if (twin) at(now_, [this, &s, rev = row->second.rev] { alter_twin(s, rev); });
}

void World::alter_record(const Server& s, uint64_t rev) {
    SQLite::Database file(s.db->file(), SQLite::OPEN_READWRITE, 1000);
    SQLite::Statement record(file, "UPDATE revision SET payload=payload||x'00' WHERE rev=?");
    record.bind(1, static_cast<int64_t>(rev));
    record.exec();
}

void World::alter_twin(const Server& s, uint64_t rev) {
    // The content does not need the log: it is the same record on all, or another one.
    Server& twin = *servers_[doubles_.below(servers_.size())];
    if (&twin == &s || !twin.up() || now_ < twin.paused_until || !twin.head) return;
    if (twin.disk->full || twin.disk->failing || twin.disk->will_die()) return;
    if (doubles_.percent(40)) rev = static_cast<uint64_t>(doubles_.between(1, static_cast<int64_t>(rev)));
    Server::Inside guard(twin);
    alter_record(twin, rev);
    twin.altered_at = now_;
    trace(twin, fmt::format("its disk alters record {}", rev));
}

void World::heal() {
    healing_ = true;
    trace(*servers_[0], "everything is mended");
    loss_percent_ = twice_percent_ = 0;
    plan.failing_copies = false;
    for (const auto& a : servers_) {
        a->disk->full = false;
        a->disk->failing = 0;
        a->disk->cancel_death();
        a->paused_until = std::min(a->paused_until, now_);
        for (const auto& b : servers_) {
            if (a == b) continue;
            line(*a, *b).cut = false;
            line(*a, *b).held_until = 0;
        }
    }
    for (const auto& s : servers_) {
        if (s->up()) {
            // A paused one: its next tick is far away.
            tick(*s, s->life);
        } else {
            start(*s);
        }
        links_changed(*s);
    }
    choice_open_since_ = chosen_at_ = now_;
    at(now_ + 1000, [this] { choose(); });
}

}  // namespace mds::simulation
