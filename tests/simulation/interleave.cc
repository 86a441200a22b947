// Conflicting transactions on three servers, in every order that chance finds (replication.md 13,
// invariants 15 to 17): see README.md here.
#include <getopt.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "repl/office.hh"
#include "simulation/random.hh"

namespace mds::repl {
namespace {

using simulation::Random;

struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void require(bool good, const std::string& rule) {
    if (!good) throw Violation(rule);
}

/// One run: a network, three servers, people who publish what contradicts, and all that can come between.
class Run {
  public:
    Run(uint64_t seed, const std::string& disks, bool trace)
        : random(seed), trace_(trace), net(3, disks, [this](Node& n) {
              offices.push_back(std::make_unique<Office>(n));
          }, [this] { return random.uid(); }) {}

    struct Counts {
        uint64_t accepted = 0, refused = 0, returned = 0, parked = 0, acts = 0;
    } counts;

    void go() {
        std::vector<store::Change> first;
        for (const char* name : {"all", "some"}) first.push_back(profile(random.uid(), name));
        boss = random.uid();
        first.push_back(administrator(boss, "boss", first.front().uid, true));
        require(at(0).publish(std::move(first)).has_value(), "the first publish");
        net.run(2000);
        for (int64_t acts = random.between(10, 50); acts > 0; --acts) {
            ++counts.acts;
            act();
            net.run(random.percent(70) ? random.between(0, 300) : random.between(0, 15'000));
        }
        heal();
        check();
    }

  private:
    Office& at(size_t i) { return *offices[i]; }
    void say(const std::string& what) {
        if (trace_) std::printf("  %8ld %s\n", static_cast<long>(net.now), what.c_str());
    }
    bool up(size_t i) { return net[i].replica != nullptr; }
    std::string some_name() { return std::string(1, static_cast<char>('a' + random.below(8))); }

    static store::Change profile(const Uid& uid, const std::string& name, int64_t value = 0) {
        return Office::put("profile", uid, name, {{"value", value}});
    }
    static store::Change administrator(const Uid& uid, const std::string& name, const Uid& profile,
                                       bool super, int64_t value = 0) {
        return Office::put(
            "administrator", uid, name,
            {{"profile", store::make_reference(profile)}, {"super", super}, {"value", value}});
    }
    static std::vector<store::Object> all(Office& office, const char* type) { return office.shown->all(type); }

    std::vector<store::Change> changes(Office& office) {
        std::map<Uid, store::Change> out;
        auto profiles = all(office, "profile"), administrators = all(office, "administrator");
        for (int64_t n = random.between(1, 3); n > 0; --n) {
            auto value = static_cast<int64_t>(random.next() >> 20);
            auto any = [&](const std::vector<store::Object>& from) {
                return from.empty() ? Uid{} : from[random.below(from.size())].uid;
            };
            store::Change c;
            switch (random.below(7)) {
                case 0: c = profile(random.uid(), "p" + some_name(), value); break;
                case 1: c = profile(any(profiles), "p" + some_name(), value); break;
                case 2: c = Office::remove("profile", any(profiles)); break;
                case 3:
                    c = administrator(random.uid(), some_name(), any(profiles), random.percent(20), value);
                    break;
                case 4:
                case 5:
                    c = administrator(any(administrators), some_name(), any(profiles), random.percent(50),
                                      value);
                    break;
                default: c = Office::remove("administrator", any(administrators));
            }
            if (!c.uid.is_nil()) out[c.uid] = std::move(c);
        }
        std::vector<store::Change> list;
        for (auto& [uid, change] : out) list.push_back(std::move(change));
        return list;
    }

    void publish() {
        size_t i = random.below(3);
        if (!up(i)) return;
        Office& office = at(i);
        std::vector<store::Change> what = changes(office);
        if (what.empty()) return;
        bool ask = random.percent(50) && office.shared->shared();
        std::string told;
        if (ask) {
            told = office.ask(std::move(what)).text();
        } else if (auto session = office.publish(std::move(what))) {
            told = session->text();
        } else {
            ++counts.refused;
        }
        say(net[i].name + (ask ? " asks " : " publishes ") + told + " " + office.problem);
    }

    void act() {
        size_t i = random.below(3), j = (i + 1 + random.below(2)) % 3;
        switch (random.below(30)) {
            case 0:
                say("cut " + net[i].name + net[j].name);
                net.partition(i, j);
                return;
            case 1:
                say("cut one way " + net[i].name + net[j].name);
                net.cut.insert({net[i].mds, net[j].mds});
                return;
            case 2:
                say("alone " + net[i].name);
                net.partition(i, (i + 1) % 3);
                net.partition(i, (i + 2) % 3);
                return;
            case 3:
                say("connected");
                net.cut.clear();
                return;
            case 4:
                if (!up(i)) return;
                say("off " + net[i].name);
                net[i].power_off();
                return;
            case 5:
                if (up(i)) return;
                say("on " + net[i].name);
                net[i].boot(i == 0);
                return;
            case 6: {
                auto part = random.below(30);
                say("loses " + std::to_string(part) + " %");
                net.lose = [this, part](const Net::Message&) { return random.percent(part); };
                return;
            }
            case 7:
                if (!up(i)) return;
                at(i).held = random.percent(50);
                return;
            case 8:
                if (!up(i) || net[i].replica->role() == Role::active) return;
                try {
                    net[i].replica->force_active("bob");
                    say("forced " + net[i].name);
                } catch (const Error& e) {
                    say("not forced " + net[i].name + ": " + e.message());
                }
                return;
            case 9:
                at(i).skew_ms = random.percent(30) ? random.between(-7'200'000, 7'200'000) : 0;
                return;
            default: publish();
        }
    }

    void heal() {
        net.lose = nullptr;
        net.cut.clear();
        for (size_t i = 0; i < 3; ++i) {
            at(i).held = false;
            if (!up(i)) net[i].boot(i == 0);
        }
        net.run(30'000);
        // Two may be Active now, or nobody: somebody decides.
        for (int rounds = 0; rounds < 5; ++rounds) {
            std::vector<size_t> active;
            for (size_t i = 0; i < 3; ++i) {
                if (net[i].replica->role() == Role::active) active.push_back(i);
            }
            if (active.size() == 1) break;
            if (active.empty()) {
                for (size_t i = 0; i < 3; ++i) {
                    try {
                        net[i].replica->force_active("bob");
                        break;
                    } catch (const Error&) {
                    }
                }
            } else {
                net[active[1]].replica->set_standby("bob");
            }
            net.run(30'000);
        }
        net.run(30'000);
    }

    void check() {
        size_t actives = 0;
        for (size_t i = 0; i < 3; ++i) {
            actives += net[i].replica->role() == Role::active;
            require(at(i).disk.empty(), "13: " + net[i].name + " still has what nobody decided");
            require(at(i).shown->same_as(*net[i].db), "16: " + net[i].name + " shows something else");
            require(net[i].db->position().hash == net[0].db->position().hash &&
                        net[i].db->position().digest == net[0].db->position().digest,
                    "16: " + net[i].name + " is in another state");
            require(store::verify(net[i].db->file()).good(), "7: the content is not what its digest says");
        }
        require(actives == 1, "13: not one Active");
        check_state();
        check_ends();
    }

    void check_state() {
        std::set<std::string> names;
        size_t supers = 0;
        for (const char* type : {"profile", "administrator"}) {
            for (const store::Object& o : all(at(0), type)) {
                require(names.insert(std::string(type) + fold(o.name)).second, "15: two have the name " + o.name);
                for (const Uid& other : store::references_of(o.doc)) {
                    require(net[0].db->get(other).has_value(), "15: " + o.name + " refers to nothing");
                }
                supers += o.doc.find("\"super\":true") != std::string::npos;
            }
        }
        require(supers > 0, "15: nobody is superuser");
    }

    /// Whoever was told that a publish is accepted finds it published, or has it back, once.
    void check_ends() {
        std::map<Uid, int> back;
        // One that steps down releases what nobody has gone on with; the next one has it then.
        std::set<Uid> recovered;
        for (size_t i = 0; i < 3; ++i) {
            for (const auto& [session, reasons] : at(i).given_back) {
                require(!reasons.empty(), "17: given back without a reason");
                ++back[session];
                ++counts.returned;
            }
            for (const ParkedPublish& p : net[i].recovered) {
                ++counts.parked;
                // What the Active after the old one has carried out itself is no work any more.
                if (!net[0].db->published(p.record.session)) recovered.insert(p.record.session);
            }
        }
        for (const Uid& session : recovered) ++back[session];
        for (const auto& [session, times] : back) {
            require(times == 1, "17: given back more than once: " + session.text());
        }
        for (size_t i = 0; i < 3; ++i) {
            for (const Uid& session : at(i).accepted) {
                ++counts.accepted;
                bool published = net[0].db->published(session);
                int returned = back[session];
                require(published || returned > 0, "1: the publish " + session.text() + " of " + net[i].name +
                                                       " is lost");
                require(!(published && returned), "17: published and given back: " + session.text());
                if (published) check_seen(at(i), session);
            }
        }
    }

    /// SY-2: nothing was published over what its author had not seen.
    void check_seen(Office& office, const Uid& session) {
        auto record = net[0].db->revision(*net[0].db->revision_of_session(session));
        for (const store::Image& image : store::decode(record->undo)) {
            const std::string& before = image.change.op == store::Change::Op::put ? image.change.doc : "";
            require(office.seen[session][image.change.uid] == before,
                    "SY-2: " + session.text() + " was published over what its author had not seen");
        }
    }

    Random random;
    bool trace_;
    std::vector<std::unique_ptr<Office>> offices;
    Net net;
    Uid boss;
};

constexpr const char* k_help = R"(usage: interleave [--count N] [--seconds N] [--seed S] [--trace]
Three servers publish what contradicts, through partitions, losses, restarts and forced takeovers;
all must come to one state, and every author has his work published or back.
  --count N    so many runs (default 40)
  --seconds N  as many as fit
  --seed S     this one, then the ones after it
  --trace      what happens
)";

}  // namespace
}  // namespace mds::repl

int main(int argc, char** argv) {
    using namespace mds::repl;
    static const option k_options[] = {{"help", no_argument, nullptr, 'h'},
                                       {"count", required_argument, nullptr, 'c'},
                                       {"seconds", required_argument, nullptr, 'n'},
                                       {"seed", required_argument, nullptr, 's'},
                                       {"trace", no_argument, nullptr, 't'},
                                       {nullptr, 0, nullptr, 0}};
    auto now = [] { return std::chrono::steady_clock::now(); };
    auto begin = now();
    auto took = [&] { return std::chrono::duration<double>(now() - begin).count(); };
    auto seed = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    uint64_t count = 40;
    double seconds = 0;
    bool trace = false, given = false;
    for (int c; (c = getopt_long(argc, argv, "h", k_options, nullptr)) != -1;) {
        switch (c) {
            case 'h': std::fputs(k_help, stdout); return 0;
            case 'c': count = std::strtoull(optarg, nullptr, 10); given = true; break;
            case 'n': seconds = std::atof(optarg); break;
            case 's': seed = std::strtoull(optarg, nullptr, 10); if (!given) count = 1; break;
            case 't': trace = true; break;
            default: return 2;
        }
    }
    std::string disks = "/dev/shm/mds-interleave-" + std::to_string(getpid());
    std::filesystem::create_directories(disks);
    Run::Counts sum;
    uint64_t runs = 0, failed = 0;
    for (; seconds > 0 ? took() < seconds : runs < count; ++runs, ++seed) {
        std::string violation;
        try {
            Run run(seed, disks, trace);
            run.go();
            sum.accepted += run.counts.accepted;
            sum.refused += run.counts.refused;
            sum.returned += run.counts.returned;
            sum.parked += run.counts.parked;
            sum.acts += run.counts.acts;
        } catch (const std::exception& e) {
            violation = e.what();
        }
        if (violation.empty()) continue;
        ++failed;
        std::printf("SEED %lu: %s\n  replay: ./dev interleave --seed %lu --trace\n", seed, violation.c_str(), seed);
    }
    std::filesystem::remove_all(disks);
    std::printf("%lu runs, %lu acts, %lu publishes accepted, %lu refused at once, %lu given back, %lu "
                "recovered after a takeover; %.1f s; %lu violations\n",
                runs, sum.acts, sum.accepted, sum.refused, sum.returned, sum.parked, took(), failed);
    return failed ? 1 : 0;
}
