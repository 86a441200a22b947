// Administrators who publish, operators who change roles.
#include <fmt/core.h>

#include <algorithm>

#include "base/error.hh"
#include "simulation/world.hh"

namespace mds::simulation {

void World::administrator() {
    if (healing_) return;
    at(now_ + random.between(1, 2 * plan.publish_every_ms), [this] { administrator(); });
    // Mostly where it is allowed; now and then at a Standby, which must refuse.
    std::vector<Server*> up, active;
    for (const auto& s : servers_) {
        if (!s->up() || now_ < s->paused_until) continue;
        up.push_back(s.get());
        if (s->replica->role() == repl::Role::active) active.push_back(s.get());
    }
    if (up.empty()) return;
    auto& from = active.empty() || random.percent(10) ? up : active;
    Server& server = *from[random.below(from.size())];
    if (plan.purges && random.percent(4)) {
        purge(server);
    } else {
        publish(server);
    }
}

std::vector<store::Change> World::some_changes(const State& state) {
    using Op = store::Change::Op;
    std::map<Uid, store::Change> changes;
    auto any = [&]() -> State::const_iterator {
        if (state.empty()) return state.end();
        return std::next(state.begin(), static_cast<int64_t>(random.below(state.size())));
    };
    auto some_doc = [&] {
        size_t size = random.percent(5) ? 3000 : random.below(60);
        return "{\"comments\":\"" + hex(random.bytes(size)) + "\"}";
    };
    auto put = [&](const Uid& uid, const Row& row) {
        changes[uid] = {Op::put, uid, row.type, row.scope, row.name, row.doc};
        // As sessions do: a row that the disk has lost is not taken for a new one.
        if (plan.flips) changes[uid].base_rev = row.rev;
    };
    int count = static_cast<int>(random.percent(5) ? 40 : random.between(1, 4));
    for (int i = 0; i < count; ++i) {
        auto one = any(), two = any();
        uint64_t what = random.below(state.size() > 60 ? 6 : 10);
        if (what == 0 && one != state.end() && !changes.count(one->first)) {
            changes[one->first] = {Op::remove,        one->first,       one->second.type,
                                   one->second.scope, one->second.name, ""};
            if (plan.flips) changes[one->first].base_rev = one->second.rev;
        } else if (what == 1 && one != state.end() && !changes.count(one->first)) {
            Row row = one->second;
            row.name = fmt::format("Name{}", random.below(60));
            put(one->first, row);
        } else if (what == 2 && one != two && !changes.count(one->first) &&
                   !changes.count(two->first)) {
            Row a = one->second, b = two->second;
            std::swap(a.name, b.name);
            put(one->first, a);
            put(two->first, b);
        } else if (what <= 4 && one != state.end() && !changes.count(one->first)) {
            Row row = one->second;
            if (row.type == "host") row.doc = some_doc();
            put(one->first, row);
        } else if (what == 5 && one != state.end()) {
            Row row{"group", "network", fmt::format("Group{}", ++names_), "", 0};
            row.doc = "{\"members\":[\"\\u001f" + one->first.text() + "\",\"\\u001f" +
                      two->first.text() + "\"]}";
            put(random.uid(), row);
        } else {
            std::string name = random.percent(70) ? fmt::format("Host{}", ++names_)
                                                  : fmt::format("name{}", random.below(60));
            put(random.uid(), {"host", "network", name, some_doc(), 0});
        }
    }
    std::vector<store::Change> out;
    for (auto& [uid, change] : changes) out.push_back(std::move(change));
    // In any order: the order of operations must not matter.
    for (size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[random.below(i)]);
    return out;
}

void World::publish(Server& server) {
    static const State k_nothing;
    store::PublicDb::PublishRequest request;
    request.session = random.uid();
    request.author = "anna";
    request.changes = some_changes(server.head ? *server.head->state : k_nothing);
    std::optional<store::Revision> done;
    inside(server, [&] {
        try {
            server.replica->require_writable();
        } catch (const Error&) {
            return;
        }
        uint64_t refused = server.disk->refused;
        try {
            done = server.db->publish(request, [&] { server.replica->require_writable(); });
        } catch (const Error& e) {
            bool full = e.code() == Code::disk_full && server.disk->refused > refused;
            bool damaged = e.code() == Code::damaged && server.altered_at >= 0;
            if (e.code() != Code::validation_failed && !full && !damaged) throw;
            if (damaged) trace(server, "publish refused: " + e.message());
            return;
        } catch (const std::exception& e) {
            if (server.disk->refused == refused) throw;
            trace(server, std::string("publish refused: ") + e.what());
            return;
        }
        server.replica->committed();
        if (server.disk->dead()) done.reset();  // the answer does not get out
    });
    if (!done) return;
    ++outcome_.publishes;
    const Entry* entry = chronicle_.find(done->hash);
    if (!entry) throw Violation(1, server.name + " acknowledges what it has not committed");
    published_.push_back({entry, losses_});
    if (server.up()) server.unconfirmed.push_back(published_.size() - 1);
    trace(server, fmt::format("publishes revision {}", done->rev));
}

void World::purge(Server& server) {
    if (!server.db->has_history() || server.db->position().rev < 3) return;
    inside(server, [&] {
        try {
            server.replica->require_writable();
            uint64_t newest = server.db->position().rev;
            uint64_t up_to = newest - 1 - random.below(std::min<uint64_t>(newest - 2, 10));
            up_to = std::min(up_to, server.replica->held_by_all());
            if (up_to < server.db->oldest_record()) return;
            server.db->purge(up_to, "anna", [&] { server.replica->require_writable(); });
            server.replica->committed();
            trace(server, "purges");
        } catch (const Error&) {
        } catch (const std::exception&) {
            if (!server.disk->full && !server.disk->failing && !server.disk->dead()) throw;
        }
    });
}

void World::act(Server& server, const std::string& what, const std::function<void(Server&)>& how) {
    ++outcome_.acts;
    trace(server, "operator: " + what);
    inside(server, [&] {
        uint64_t refused = server.disk->refused;
        try {
            how(server);
        } catch (const Error& e) {
            trace(server, "refused: " + e.message());
        } catch (const std::exception& e) {
            // A command is answered by an error; the process goes on.
            if (server.disk->refused == refused && !server.disk->dead()) throw;
            trace(server, std::string("failed: ") + e.what());
        }
    });
}

repl::Replica::Done World::told(Server& server, const std::string& what, bool becomes_active) {
    return [this, &server, what, becomes_active](std::optional<Error> error) {
        trace(server, what + (error ? " failed: " + error->message() : " is done"));
        if (!error && becomes_active && server.replica->role() != repl::Role::active) {
            throw Violation(0, server.name + " says that it is Active and is not");
        }
    };
}

void World::force(Server& server) {
    try {
        server.replica->force_active("olga");
    } catch (const Error&) {
        throw;  // refused
    } catch (...) {
        forced_ = true;  // a disk that fails may have kept it
        throw;
    }
    forced_ = true;
}

void World::operate() {
    if (healing_) return;
    at(now_ + random.between(1, 2 * plan.operator_every_ms), [this] { operate(); });
    std::vector<Server*> up;
    for (const auto& s : servers_) {
        if (s->up() && now_ >= s->paused_until) up.push_back(s.get());
    }
    if (up.empty()) return;
    // Where nobody is Active somebody wants to work: that is where operators are called to.
    std::vector<Server*> alone;
    for (Server* s : up) {
        if (!s->log_server && s->replica->domain_state() == "no-active") alone.push_back(s);
    }
    if (plan.forcing && !alone.empty() && random.percent(60)) {
        act(*alone[random.below(alone.size())], "force-active", [&](Server& s) {
            force(s);
        });
        return;
    }
    Server& server = *up[random.below(up.size())];
    Server& other = *servers_[random.below(servers_.size())];
    bool active = server.replica->role() == repl::Role::active;
    switch (random.below(7)) {
        case 0:
        case 1:
            act(server, "set-active",
                [&](Server& s) { s.replica->set_active("olga", told(s, "set-active", true)); });
            break;
        case 2:
            if (&other == &server || !active) break;
            act(server, "hand over to " + other.name, [&](Server& s) {
                s.replica->hand_over(other.mds, "olga", told(s, "hand-over", false));
            });
            break;
        case 3:
            if (!active || random.percent(50)) break;
            act(server, "set-standby", [](Server& s) { s.replica->set_standby("olga"); });
            break;
        case 4:
            if (!plan.forcing) break;
            act(server, "force-active", [&](Server& s) {
                force(s);
            });
            break;
        case 5:
            if (&other == &server || !plan.full_syncs) break;
            act(server, "full sync of " + other.name, [&](Server& s) {
                auto open = std::make_shared<Ordered>(Ordered{&s, s.life});
                auto done = told(s, "full sync", false);
                s.replica->full_sync(other.mds, s.random_id(), "olga",
                                     [done, open](std::optional<Error> error, const std::string&) {
                                         open->by = nullptr;
                                         done(std::move(error));
                                     });
                ordered_.push_back(std::move(open));
            });
            break;
        case 6:
            act(server, "reload", [&](Server& s) { s.replica->set_peers(peers_of(s)); });
            break;
    }
}

void World::choose() {
    // What an operator does who looks at the status after everything was mended: one side of a
    // collision yields; somebody becomes Active when nobody is. Then nothing more (13).
    at(now_ + 1000, [this] { choose(); });
    std::vector<Server*> active, able;
    bool collision = false;
    for (const auto& s : servers_) {
        if (!s->up()) return;
        collision |= s->replica->collision();
        if (s->replica->role() == repl::Role::active) active.push_back(s.get());
        if (!s->log_server && s->db->has_history()) able.push_back(s.get());
    }
    if (active.size() == 1 && !collision) return;
    choice_open_since_ = now_;
    if (now_ - chosen_at_ < 15'000) return;
    chosen_at_ = now_;
    if (!active.empty()) {
        Server& s = *active[random.below(active.size())];
        if (collision) act(s, "set-standby", [](Server& x) { x.replica->set_standby("olga"); });
        return;
    }
    if (able.empty()) return;
    Server& s = *able[random.below(able.size())];
    bool refused = false;
    act(s, "set-active", [&](Server& x) {
        try {
            x.replica->set_active("olga", told(x, "set-active", true));
        } catch (const Error&) {
            refused = true;
            throw;
        }
    });
    if (refused && s.up()) {
        act(s, "force-active", [&](Server& x) {
            force(x);
        });
    }
}

}  // namespace mds::simulation
