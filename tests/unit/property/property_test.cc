// Random commands of several sessions against the workspace of a process that dies at any write,
// beside a plain model in memory: the database is always what the model says.
//
// A run is its seed: MDS_PROPERTY_SEED=<n> repeats one, MDS_PROPERTY_SECONDS=<n> makes new ones for
// that long.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <random>

#include "model.hh"
#include "victim.hh"

namespace mds::property {
namespace {

constexpr int k_users = 3, k_commands = 220;

/// One command as the product is asked and as the model does it.
struct Step {
    int user = 0;
    std::string command;
    json::object body;
    std::function<bool(Model&)> model;
    bool publishes = false;
};

class Run {
  public:
    Run(uint64_t seed, const std::string& folder) : random_(seed), victim_(folder) {}

    void go() {
        victim_.start();
        for (int user = 0; user < k_users; ++user) login(user);
        for (int i = 0; i < k_commands && !::testing::Test::HasFailure(); ++i) {
            int what = pick(100);
            if (what < 2) {
                restart();
            } else if (what < 6) {
                login(pick(k_users));
            } else {
                SCOPED_TRACE("command " + std::to_string(i));
                one(step());
            }
            compare();
        }
        compare();
        EXPECT_GT(deaths, 4);
    }
    int deaths = 0, refused = 0, done = 0;

  private:
    int pick(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }
    std::string name() { return "n" + std::to_string(pick(12)); }
    /// Mostly one that the user sees.
    std::string known_name(int user) {
        State seen = model_.view(user);
        if (seen.empty() || pick(8) == 0) return name();
        auto at = seen.begin();
        std::advance(at, pick(static_cast<int>(seen.size())));
        return at->second.name;
    }
    static std::string user_name(int user) { return "user" + std::to_string(user); }

    Step step() {
        Step s;
        s.user = pick(k_users);
        int user = s.user;
        std::string a = name(), b = pick(2) ? name() : known_name(user),
                    word = std::to_string(pick(1000));
        // The type is part of a command's name.
        int id = model_.find(user, a);
        bool group = id >= 0 && model_.view(user).at(id).group;
        std::string type = group ? "group" : "host";
        switch (pick(12)) {
            case 0:
            case 1: {
                std::string address =
                    "10.0." + std::to_string(pick(250)) + "." + std::to_string(1 + pick(250));
                s.command = "add-host";
                s.body = {{"name", a}, {"ip-address", address}, {"ignore-warnings", true}};
                s.model = [=](Model& m) { return m.add(user, {false, a, address, "", {}}, {}); };
                break;
            }
            case 2: {
                std::set<std::string> members{known_name(user), known_name(user)};
                json::array list;
                for (const std::string& member : members) list.push_back(json::value(member));
                s.command = "add-group";
                s.body = {{"name", a}, {"members", list}};
                s.model = [=](Model& m) { return m.add(user, {true, a, "", "", {}}, members); };
                break;
            }
            case 3:
                s.command = "set-" + type;
                s.body = {{"name", a}, {"new-name", b}};
                s.model = [=](Model& m) { return m.rename(user, a, b); };
                break;
            case 4:
            case 5:
                s.command = "set-" + type;
                s.body = {{"name", a}, {"comments", word}};
                s.model = [=](Model& m) { return m.comment(user, a, word); };
                break;
            case 6:
            case 7: {
                bool add = pick(3) > 0;
                s.command = "set-group";
                s.body = {{"name", a}, {"members", json::object{{add ? "add" : "remove", b}}}};
                s.model = [=](Model& m) { return m.edit_member(user, a, b, add); };
                break;
            }
            case 8:
                s.command = "delete-" + type;
                s.body = {{"name", a}};
                s.model = [=](Model& m) { return m.remove(user, a); };
                break;
            case 9:
                s.command = "discard";
                s.model = [=](Model& m) {
                    m.discard(user);
                    return true;
                };
                break;
            case 10:
                if (auto revert = revert_step(user)) return *revert;
                [[fallthrough]];
            default:
                s.command = "publish";
                s.publishes = true;
                s.model = [=](Model& m) { return m.publish(user); };
        }
        return s;
    }

    /// Going back ends other sessions, and what they have in work would collide: only when nobody
    /// has any.
    std::optional<Step> revert_step(int user) {
        if (revisions_.empty()) return std::nullopt;
        for (int other = 0; other < k_users; ++other) {
            if (!model_.idle(other)) return std::nullopt;
        }
        const auto& [uid, state] =
            revisions_[static_cast<size_t>(pick(static_cast<int>(revisions_.size())))];
        Step s;
        s.user = user;
        s.command = "revert-to-revision";
        s.body = {{"to-session", uid}};
        s.publishes = true;
        State to = state;
        s.model = [=](Model& m) { return m.revert(user, to); };
        return s;
    }

    void one(const Step& s) {
        // Most commands write a few pages, a publish some dozens.
        if (pick(4) == 0) victim_.arm(1 + pick(s.publishes ? 30 : 4));
        SCOPED_TRACE(user_name(s.user) + " " + s.command + " " + json::text(s.body));
        auto answer = victim_.ask(sids_[s.user], s.command, s.body);
        Model after = model_;
        bool allowed = s.model(after);
        if (answer) {
            ASSERT_EQ(answer->status == 200, allowed) << json::text(answer->body);
            ++(allowed ? done : refused);
            if (allowed) model_ = after;
        } else {
            // It died on the way: everything of the command is there, or nothing.
            ++deaths;
            victim_.start();
            for (int user = 0; user < k_users; ++user) login(user);
            if (allowed && same(after)) {
                model_ = after;
            } else {
                compare();
            }
        }
        if (s.command == "revert-to-revision") {
            for (int user = 0; user < k_users; ++user) login(user);
        }
        if (s.publishes) {
            check();
            auto last = victim_.ask(sids_[s.user], "show-last-published-session", {});
            ASSERT_TRUE(last);
            if (last->status == 200) {
                std::string uid = json::get_string(last->body, "uid");
                if (revisions_.empty() || revisions_.back().first != uid) {
                    revisions_.emplace_back(uid, model_.published());
                }
            }
        }
    }

    void login(int user) {
        auto answer = victim_.ask("", "#login", {{"user", user_name(user)}});
        ASSERT_TRUE(answer);
        ASSERT_EQ(answer->status, 200) << json::text(answer->body);
        sids_[user] = json::get_string(answer->body, "sid");
    }

    void restart() {
        victim_.stop();
        victim_.start();
    }

    /// What a user sees, in the model's words and order.
    std::string seen(const std::string& sid) {
        Lines lines;
        for (const char* command : {"show-hosts", "show-groups"}) {
            auto answer = victim_.ask(sid, command, {{"limit", 500}, {"details-level", "full"}});
            if (!answer || answer->status != 200) return "no answer";
            for (const json::value& v : json::get_array(answer->body, "objects")) {
                const json::object& o = v.as_object();
                std::set<std::string> members;
                for (const json::value& m : json::get_array(o, "members")) {
                    members.insert(json::get_string(m.as_object(), "name"));
                }
                std::string lock = json::get_string(json::get_object(o, "meta-info"), "lock");
                lines.insert(line(json::get_string(o, "name"), json::get_string(o, "type"), lock,
                                  json::get_string(o, "ipv4-address"),
                                  json::get_string(o, "comments"), members));
            }
        }
        return join(lines);
    }

    static std::string expected(const Model& model, int user) {
        Lines lines;
        State state = model.view(user);
        for (const auto& [id, thing] : state) {
            std::set<std::string> members;
            for (int member : thing.members) {
                auto found = state.find(member);
                members.insert(found == state.end() ? "" : found->second.name);
            }
            lines.insert(line(thing.name, thing.group ? "group" : "host", model.lock(user, id),
                              thing.address, thing.comments, members));
        }
        return join(lines);
    }

    static std::string line(const std::string& name, const std::string& type,
                            const std::string& lock, const std::string& address,
                            const std::string& comments, const std::set<std::string>& members) {
        std::string out = name + ": " + type + " " + lock + " " + address + " '" + comments + "'";
        for (const std::string& member : members) out += " " + member;
        return out;
    }

    /// Two things may have one name in a session: its own, and what another one published since.
    using Lines = std::multiset<std::string>;

    static std::string join(const Lines& lines) {
        std::string out;
        for (const std::string& text : lines) out += text + "\n";
        return out;
    }

    bool same(const Model& model) {
        for (int user = 0; user < k_users; ++user) {
            if (seen(sids_[user]) != expected(model, user)) return false;
        }
        return true;
    }

    void compare() {
        for (int user = 0; user < k_users; ++user) {
            ASSERT_EQ(seen(sids_[user]), expected(model_, user)) << user_name(user);
        }
    }

    void check() {
        auto answer = victim_.ask("", "#check", {});
        ASSERT_TRUE(answer);
        ASSERT_EQ(json::text(answer->body), R"({"problems":[]})");
    }

    std::mt19937_64 random_;
    Victim victim_;
    Model model_;
    std::map<int, std::string> sids_;
    /// Sessions that were published, oldest first, and what was published then.
    std::vector<std::pair<std::string, State>> revisions_;
};

void run_seed(uint64_t seed) {
    SCOPED_TRACE("MDS_PROPERTY_SEED=" + std::to_string(seed));
    char folder[] = "/tmp/property_XXXXXX";
    ASSERT_TRUE(mkdtemp(folder));
    Run run(seed, folder);
    run.go();
    std::printf("seed %llu: %d done, %d refused, %d deaths\n",
                static_cast<unsigned long long>(seed), run.done, run.refused, run.deaths);
    EXPECT_GT(run.done, 40);
    EXPECT_GT(run.refused, 10);
    if (!::testing::Test::HasFailure()) std::filesystem::remove_all(folder);
}

TEST(Property, FixedSeeds) {
    if (getenv("MDS_PROPERTY_SEED")) {
        run_seed(std::strtoull(getenv("MDS_PROPERTY_SEED"), nullptr, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= 6 && !HasFailure(); ++seed) run_seed(seed);
}

TEST(Property, NewSeeds) {
    const char* seconds = getenv("MDS_PROPERTY_SECONDS");
    auto end =
        std::chrono::steady_clock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 5);
    do {
        run_seed(std::random_device{}());
    } while (std::chrono::steady_clock::now() < end && !HasFailure());
}

}  // namespace
}  // namespace mds::property
