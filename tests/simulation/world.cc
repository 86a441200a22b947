#include "simulation/world.hh"

#include <fmt/core.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hh"

namespace mds::simulation {

Plan::Plan(Random& r) {
    servers = static_cast<int>(r.between(2, 5));
    log_server = servers >= 3 && r.percent(50);
    duration_ms = r.between(20'000, 150'000);
    tick_ms = std::array{50, 50, 100, 250}[r.below(4)];
    latency_ms = r.between(1, r.percent(30) ? 800 : 40);
    jitter_ms = r.between(0, r.percent(30) ? 1500 : 30);
    haste = r.percent(70) ? 4 : 1;
    fault_every_ms = r.between(500, 12'000);
    publish_every_ms = r.between(100, 4000);
    operator_every_ms = r.between(1500, 20'000);
    auto some = [&](uint64_t percent) { return r.percent(percent); };
    crashes = some(50), power_cuts = some(40), deaths = some(50), partitions = some(60);
    one_way = some(30), stalls = some(30), pauses = some(30), full_disks = some(30);
    failing_disks = some(20), clock_jumps = some(40), snapshots = some(25), bad_lines = some(40);
    damaged_files = some(15), corrupted = some(30), slow_copies = some(40),
    failing_copies = some(30);
    purges = some(40), forcing = some(60), full_syncs = some(50), reordering = some(25);
}

std::string Plan::text() const {
    std::string out = fmt::format("{} servers{}, {} s, tick {} ms, latency {}+{} ms;", servers,
                                  log_server ? " (one for logs)" : "", duration_ms / 1000, tick_ms,
                                  latency_ms, jitter_ms);
    auto say = [&](bool on, const char* word) {
        if (on) out += std::string(" ") + word;
    };
    say(crashes, "crashes"), say(power_cuts, "power-cuts"), say(deaths, "deaths");
    say(partitions, "partitions"), say(one_way, "one-way"), say(stalls, "stalls");
    say(pauses, "pauses"), say(full_disks, "full-disks"), say(failing_disks, "failing-disks");
    say(clock_jumps, "clock-jumps"), say(snapshots, "snapshots"), say(bad_lines, "bad-lines");
    say(damaged_files, "damaged-files"), say(corrupted, "corrupted"),
        say(slow_copies, "slow-copies");
    say(failing_copies, "failing-copies"), say(purges, "purges"), say(forcing, "forcing");
    say(full_syncs, "full-syncs"), say(reordering, "reordering"), say(flips, "flips");
    say(doubles, "doubles");
    return out + (haste > 1 ? " haste" : "");
}

World::World(const RunOptions& options)
    : random(options.seed), plan(random), options_(options), flips_(~options.seed),
      doubles_(options.seed * 6364136223846793005u + 29) {
    plan.flips = flips_.percent(25);
    plan.doubles = plan.flips && !plan.forcing && doubles_.percent(40);
    if (plan.flips) {
        // What is damaged here must be whole elsewhere.
        plan.snapshots = plan.damaged_files = false;
        timing.verify_ms = 15'000;
    }
    for (int* ms : {&timing.idle_beat_ms, &timing.heartbeat_ms, &timing.silent_ms,
                    &timing.startup_ms, &timing.grace_ms, &timing.handover_ms, &timing.repeat_ms}) {
        *ms /= plan.haste;
    }
    // SQLite's own randomness is part of the seed too.
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(options.seed | 1), nullptr);
    sqlite3_randomness(0, nullptr);
    std::filesystem::remove_all(options_.folder);
    std::filesystem::create_directories(options_.folder);
    for (int i = 0; i < plan.servers; ++i) {
        bool log = plan.log_server && i == plan.servers - 1;
        servers_.push_back(std::make_unique<Server>(*this, i, std::string(1, 'A' + i), log));
    }
}

World::~World() {
    servers_.clear();
    std::error_code ignored;
    std::filesystem::remove_all(options_.folder, ignored);
}

void World::trace(const Server& server, const std::string& raw_text) {
    // The name of the folder is another one in each process.
    std::string text = raw_text;
    for (size_t at; (at = text.find(options_.folder)) != std::string::npos;) {
        text.erase(at, options_.folder.size());
    }
    for (unsigned char c : text) outcome_.trace_hash = (outcome_.trace_hash ^ c) * 0x100000001b3;
    if (!options_.trace) return;
    lines_.push_back(fmt::format("{:>9.3f} {:>6} {} {}", static_cast<double>(now_) / 1000,
                                 outcome_.steps, server.name, text));
}

void World::at(int64_t when, std::function<void()> act) {
    events_.push({std::max(when, now_), ++order_, std::move(act)});
}

void World::later(Server& server, int64_t delay_ms, std::function<void()> then) {
    at(now_ + delay_ms, [this, &server, life = server.life, then = std::move(then)] {
        if (server.up() && server.life == life) inside(server, then);
    });
}

std::vector<repl::Peer> World::peers_of(const Server& server) const {
    std::vector<repl::Peer> out;
    for (const auto& other : servers_) {
        if (other.get() != &server) out.push_back(other->as_peer());
    }
    return out;
}

bool World::lost_network(const Server& a, const Server& b) {
    return line(a, b).cut && line(b, a).cut;
}

void World::send(Server& from, const Uid& to_mds, repl::Kind kind, std::string payload) {
    auto it = std::find_if(servers_.begin(), servers_.end(),
                           [&](const auto& s) { return s->mds == to_mds; });
    if (it == servers_.end()) throw Violation(0, from.name + " sends to nobody");
    Server& to = **it;
    Line& way = line(from, to);
    if (!to.up() || way.cut) return;
    if (loss_percent_ && random.percent(loss_percent_)) return;
    using repl::Kind;
    if (plan.corrupted && !healing_ && !payload.empty() && random.chance(4000) &&
        (kind == Kind::delta || kind == Kind::copy_chunk || kind == Kind::copy_offer)) {
        payload[random.below(payload.size())] ^= static_cast<char>(1 << random.below(8));
        trace(from, fmt::format("sends a damaged message {}", static_cast<int>(kind)));
    }
    int copies = twice_percent_ && random.percent(twice_percent_) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
        int64_t arrival = now_ + plan.latency_ms + random.between(0, plan.jitter_ms);
        arrival = std::max(arrival, way.held_until);
        // In order, as one connection gives them; across connections they may overtake each other.
        bool overtakes = plan.reordering && !healing_ && random.percent(3);
        if (!overtakes) arrival = std::max(arrival, way.last_arrival);
        if (!overtakes) way.last_arrival = arrival;
        if (i > 0) arrival += random.between(0, 3000);
        at(arrival, [this, &from, &to, life = to.life, kind, payload] {
            deliver(from, to, life, kind, payload);
        });
    }
}

void World::deliver(Server& from, Server& to, uint64_t life, repl::Kind kind,
                    const std::string& payload) {
    if (!to.up() || to.life != life) return;
    if (now_ < to.paused_until) {
        at(to.paused_until,
           [this, &from, &to, life, kind, payload] { deliver(from, to, life, kind, payload); });
        return;
    }
    if (kind == repl::Kind::position) {
        to.told[from.index] = {to.mono_ms(),
                               repl::PositionMessage::decode(payload).history.position};
    } else if (kind == repl::Kind::pull) {
        to.told[from.index] = {to.mono_ms(), repl::PullMessage::decode(payload).position};
    } else {
        trace(to, fmt::format("gets message {} of {}, {} bytes", static_cast<int>(kind), from.name,
                              payload.size()));
    }
    inside(to, [&] { to.replica->receive(from.mds, kind, payload); });
}

void World::inside(Server& server, const std::function<void()>& act) {
    std::string ended;
    {
        Server::Inside guard(server);
        uint64_t refused = server.disk->refused;
        try {
            act();
        } catch (const Violation&) {
            throw;
        } catch (const std::exception& e) {
            if (!server.disk->dead()) {
                // A disk that fails is the one reason to end: what it holds is unknown then.
                if (server.disk->failing == 0 || server.disk->refused == refused) {
                    throw Violation(0, server.name + " ends by an exception: " + e.what());
                }
                ended = e.what();
            }
        }
        if (server.disk->dead()) ended = "killed between two writes";
        if (ended.empty() && !server.db->failure().empty()) ended = server.db->failure();
        if (!ended.empty()) {
            // What its last commit was is still to be seen in the connection.
            if (const Entry* last = chronicle_.learn(server.index, *server.db)) server.head = last;
        }
    }
    if (!ended.empty()) {
        trace(server, "dies: " + ended);
        crash(server, plan.power_cuts && random.percent(50), random.between(50, 8000));
        return;
    }
    check(server);
}

void World::start(Server& server) {
    if (server.up()) return;
    bool founder = server.index == 0;
    if (!server.boot(founder)) {
        server.kill();
        server.disk->restart();
        at(now_ + random.between(200, 3000), [this, &server] { start(server); });
        return;
    }
    if (server.disk->dead()) {
        crash(server, false, random.between(50, 3000));
        return;
    }
    trace(server, fmt::format("starts at revision {}", server.db->position().rev));
    if (!server.db->set_aside().empty()) trace(server, "put its database aside");
    server.paused_until = 0;
    check(server);
    links_changed(server);
    tick(server, server.life);
}

void World::tick(Server& server, uint64_t life) {
    if (!server.up() || server.life != life) return;
    if (now_ >= server.paused_until) {
        inside(server, [&] { server.replica->tick(); });
    }
    at(std::max(now_ + plan.tick_ms, server.paused_until),
       [this, &server, life] { tick(server, life); });
}

void World::crash(Server& server, bool power, int64_t off_ms) {
    trace(server, power ? "power cut" : "process ends");
    server.kill();
    if (power) {
        server.disk->restart_after_power_cut();
    } else {
        server.disk->restart();
    }
    links_changed(server);
    at(now_ + off_ms, [this, &server, life = server.life] {
        if (server.life == life) start(server);
    });
}

void World::links_changed(const Server& server) {
    for (const auto& other : servers_) {
        if (other.get() == &server) continue;
        Server& a = const_cast<Server&>(server);
        for (auto [here, there] : {std::pair(&a, other.get()), std::pair(other.get(), &a)}) {
            int64_t delay = random.between(5, random.percent(20) ? 4000 : 300);
            at(now_ + delay, [this, here, there] { tell_link(*here, *there); });
        }
    }
}

void World::tell_link(Server& here, Server& there) {
    if (!here.up()) return;
    bool connected = there.up() && !lost_network(here, there);
    inside(here, [&] {
        here.replica->set_link(there.mds, connected ? "connected" : "unreachable",
                               connected ? "" : "connection refused");
        if (!there.up()) here.replica->receive(there.mds, repl::Kind::gone, "");
    });
}

void World::loop(const std::function<bool()>& until) {
    while (!events_.empty() && !until()) {
        Event next = events_.top();
        events_.pop();
        now_ = next.at;
        ++outcome_.steps;
        next.act();
        if (outcome_.steps % 64 == 0) check_kept();
    }
}

Outcome World::run() {
    try {
        if (plan.deaths && random.percent(30)) servers_[0]->disk->die_after(random.between(1, 80));
        start(*servers_[0]);
        for (size_t i = 1; i < servers_.size(); ++i) {
            at(random.between(0, 5000), [this, i] { start(*servers_[i]); });
        }
        at(3000, [this] { fault(); });
        at(1000, [this] { administrator(); });
        at(4000, [this] { operate(); });
        if (plan.flips) at(5000, [this] { flip(); });
        loop([&] {
            return now_ >= plan.duration_ms || (options_.steps && outcome_.steps >= options_.steps);
        });
        heal();
        loop([&] { return settled(); });
        finish();
    } catch (const Violation& v) {
        outcome_.violation = v.what();
        outcome_.number = v.number;
    }
    outcome_.virtual_ms = now_;
    for (const auto& s : servers_) outcome_.parked += s->parked.size();
    return outcome_;
}

}  // namespace mds::simulation
