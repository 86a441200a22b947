#include "apply.hh"

#include <langinfo.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/join_string.hh"
#include "base/roles.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "bus/blob.hh"
#include "bus/connection.hh"
#include "dialog.hh"
#include "json/json.hh"
#include "log.hh"
#include "time_settings.hh"
#include "wrap.hh"

namespace mds::firstboot {
namespace {

using Proxy = std::unique_ptr<sdbus::IProxy>;
constexpr const char* k_manager = "org.freedesktop.systemd1.Manager";
constexpr auto k_setup_time = std::chrono::minutes(10);
constexpr int k_start_ms = 60'000, k_stop_ms = 5'000;

/// One connection whose signals arrive while a call waits.
class Bus {
  public:
    Bus() : connection_(sdbus::createSystemBusConnection()) { connection_->enterEventLoopAsync(); }
    ~Bus() { connection_->leaveEventLoop(); }
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    sdbus::IConnection& raw() { return *connection_; }
    Proxy proxy(const std::string& service, const std::string& path) {
        return sdbus::createProxy(*connection_, bus::ServiceName(service), sdbus::ObjectPath(path));
    }

  private:
    std::unique_ptr<sdbus::IConnection> connection_;
};

class Steps {
  public:
    explicit Steps(FILE* out)
        : out_(out), mark_(std::string(nl_langinfo(CODESET)) == "UTF-8" ? "✓" : "ok") {}
    void done(const std::string& step, int64_t milliseconds) {
        std::string text = step;
        if (text.size() < 56) text.resize(56, ' ');
        std::fprintf(out_, "  %s %s %4.1f s\n", mark_, text.c_str(),
                     static_cast<double>(milliseconds) / 1000);
        std::fflush(out_);
        log_line("  done: " + step + ", " + std::to_string(milliseconds) + " ms");
    }

  private:
    FILE* out_;
    const char* mark_;
};

/// What a unit is, "active" or "failed" say; "" while its start is under way: a unit that failed earlier says so
/// until then.
std::string state_after_start(sdbus::IProxy& manager, Bus& bus, const std::string& unit) {
    constexpr char k_unit[] = "org.freedesktop.systemd1.Unit";
    sdbus::ObjectPath path;
    manager.callMethod("LoadUnit").onInterface(k_manager).withArguments(unit).storeResultsTo(path);
    auto proxy = bus.proxy("org.freedesktop.systemd1", path);
    auto job = proxy->getProperty("Job").onInterface(k_unit).get<sdbus::Struct<uint32_t, sdbus::ObjectPath>>();
    auto state = proxy->getProperty("ActiveState").onInterface(k_unit).get<std::string>();
    return job.get<0>() != 0 && state == "failed" ? "" : state;
}

void start_unit(sdbus::IProxy& manager, Bus& bus, const std::string& unit) {
    sdbus::ObjectPath job;
    manager.callMethod("StartUnit")
        .onInterface(k_manager)
        .withArguments(unit, std::string("replace"))
        .storeResultsTo(job);
    int64_t begin = mono_ms();
    for (;;) {
        std::string state = state_after_start(manager, bus, unit);
        if (state == "active") return;
        if (state == "failed" || mono_ms() - begin > k_start_ms) {
            throw std::move(Error(Code::unreachable, unit + " did not start"))
                .refusal("", "journalctl -u " + unit);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

/// Until it has stopped; one that is not there has.
void stop_unit(sdbus::IProxy& manager, Bus& bus, const std::string& unit) {
    try {
        sdbus::ObjectPath job;
        manager.callMethod("StopUnit")
            .onInterface(k_manager)
            .withArguments(unit, std::string("replace"))
            .storeResultsTo(job);
    } catch (const sdbus::Error&) {
        return;
    }
    for (int64_t end = mono_ms() + k_stop_ms; mono_ms() < end;) {
        std::string state = state_after_start(manager, bus, unit);
        if (state == "inactive" || state == "failed") return;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

template <class T>
T property(sdbus::IProxy& proxy, const char* interface, const char* name) {
    return proxy.getProperty(name).onInterface(interface).get<T>();
}

/// The certificate's fingerprint; empty when mds-api does not say it within some seconds.
std::string fingerprint(Bus& bus) {
    for (int i = 0; i < 100; ++i) {
        try {
            auto proxy = bus.proxy("org.openmds.Api1", "/org/openmds/Api1");
            std::string text = property<std::string>(*proxy, "org.openmds.Api1", "Fingerprint");
            if (!text.empty()) return text;
        } catch (const sdbus::Error&) {
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return "";
}

void closing(FILE* out, Bus& bus, const Answers& answers, int64_t milliseconds) {
    std::fprintf(out, "\n  Ready in %.1f s.\n\n", static_cast<double>(milliseconds) / 1000);
    std::string print = fingerprint(bus);
    if (answers.role_bit() == k_primary) {
        std::fprintf(out, "  API          https://%s/web_api/\n", answers.get("host_name").c_str());
        if (!print.empty()) {
            std::fprintf(out, "  Fingerprint  SHA-256  %s", in_two_lines(print, std::string(24, ' ')).c_str());
        }
        std::fprintf(out,
                     "  Next         mdsctl status\n"
                     "               log in as %s: mgmt_cli login\n"
                     "               add a second server: mdsctl server add\n",
                     answers.get("administrator").c_str());
    } else {
        std::string host = answers.get("host_name");
        std::fprintf(out,
                     "  Waiting for the Primary. There, with the activation key:\n"
                     "  mdsctl server add %s --ip %s%s\n",
                     shell_word(host.substr(0, host.find('.'))).c_str(), answers.get("address").c_str(),
                     answers.role_bit() == k_log ? " --log" : "");
        if (!print.empty()) {
            std::fprintf(out, "  This server's fingerprint starts with %s.\n", in_pairs(print.substr(0, 8)).c_str());
        }
    }
    std::fflush(out);
}

constexpr const char* k_kept[] = {"role",          "host_name",   "address",   "interface",    "deployment",
                                  "administrator", "gui_clients", "time_zone", "time_servers", "recovery"};
constexpr const char* k_can_change[] = {"gui_clients", "time_zone", "time_servers"};

void say_notes(FILE* out, const std::vector<std::string>& notes) {
    for (const std::string& note : notes) {
        std::fputs(indented_for(out, "Note: " + note, "  ").c_str(), out);
        log_line("  note: " + note);
    }
}

}  // namespace

Done read_done(const std::string& path) {
    Done done;
    if (access(path.c_str(), F_OK) != 0) return done;
    json::object o = json::parse_object(read_file(path));
    done.exists = true;
    for (const char* id : k_kept) {
        std::string value = json::get_string(o, id);
        if (!value.empty()) done.answers[id] = value;
    }
    done.key_hash = json::get_string(o, "key_hash");
    for (const json::value& one : json::get_array(o, "open")) {
        if (one.is_string()) done.open.emplace_back(one.as_string());
    }
    return done;
}

namespace {

void save_done(const std::string& path, const Done& done) {
    json::object o;
    for (const auto& [id, value] : done.answers) o[id] = value;
    if (!done.key_hash.empty()) o["key_hash"] = done.key_hash;
    if (!done.open.empty()) {
        json::array open;
        for (const std::string& id : done.open) open.emplace_back(id);
        o["open"] = open;
    }
    o["done"] = rfc3339(wall_ms());
    replace_file(path, json::pretty(o) + "\n", 0600);
}

std::string why_it_stays(const std::string& id) {
    if (id == "role") return "mds-setup --change-role, until it has joined";
    if (id == "administrator") return "others are added by mgmt_cli";
    if (id == "recovery") return "mds-setup --recovery-key makes one";
    return "set once";
}

/// One of the two; true when it is in effect now. What could not be done is said.
bool change_time(FILE* out, Bus& bus, const HostFacts& host, Done& done, const std::string& id,
                 const std::string& value) {
    TimeResult result =
        set_time(bus.raw(), host, id == "time_zone" ? value : host.time_zone,
                 id == "time_servers" ? time_server_list(value) : host.time_servers);
    std::erase(done.open, id);
    done.open.insert(done.open.end(), result.failed.begin(), result.failed.end());
    say_notes(out, result.notes);
    return result.failed.empty();
}

}  // namespace

void write_done(const std::string& path, const Answers& answers,
                const std::vector<std::string>& open) {
    Done done;
    done.open = open;
    for (const char* id : k_kept) {
        const Question& question = *find_question(id);
        if (answers.has(id) && (question.roles & answers.role_bit())) done.answers[id] = answers.get(id);
    }
    if (answers.role_bit() & k_joining) done.key_hash = hash_password(answers.get("activation_key"));
    save_done(path, done);
}

std::vector<Difference> differences(const Done& done, const Answers& answers) {
    std::vector<Difference> found;
    for (const char* id : k_kept) {
        const Question& question = *find_question(id);
        auto it = answers.values().find(id);
        if (it == answers.values().end() || it->second.is_default) continue;
        auto before = done.answers.find(id);
        if (before == done.answers.end() || before->second == it->second.text) continue;
        bool changes = std::find(std::begin(k_can_change), std::end(k_can_change), std::string(id)) !=
                       std::end(k_can_change);
        found.push_back({&question, before->second, it->second.text, changes, changes ? "" : why_it_stays(id)});
    }
    return found;
}

std::string setup_request(const Answers& answers) {
    json::object o;
    unsigned role = answers.role_bit();
    o["role"] = answers.get("role");
    o["host-name"] = answers.get("host_name");
    o["address"] = answers.get("address");
    o["interface"] = answers.get("interface");
    if (role == k_primary) {
        o["deployment"] = answers.get("deployment");
        o["administrator"] = answers.get("administrator");
        o["password-hash"] = answers.has("password_hash") ? answers.get("password_hash")
                                                          : hash_password(answers.get("password"));
        o["gui-clients"] = answers.get("gui_clients");
        o["recovery-certificate"] = answers.get("recovery_words");
    } else {
        std::string key = answers.get("activation_key");
        if (JoinString::looks_like(key)) {
            JoinString join = JoinString::parse(key);
            key = join.key;
            o["activation-key-seconds"] = (join.expires_ms - wall_ms()) / 1000;
        }
        o["activation-key"] = key;
    }
    return json::text(o);
}

void print_plan(FILE* out, const Answers& answers) {
    std::fprintf(out, "Would set up %s as %s\n\n", answers.get("host_name").c_str(),
                 role_title(answers.get("role")).c_str());
    for (const Question& question : questions()) {
        auto it = answers.values().find(question.id);
        if (it == answers.values().end() || !(question.roles & answers.role_bit())) continue;
        std::fprintf(out, "  %-28s %s  (%s)\n", *question.key ? question.key : question.id,
                     shown_value(question, it->second.text).c_str(), it->second.source.c_str());
    }
    std::fputs("\n", out);
    for (const std::string& line : effects(answers)) std::fprintf(out, "  %s\n", line.c_str());
    std::fputs("\nNothing was changed.\n", out);
}

std::string core_state() {
    try {
        Bus bus;
        auto core = bus.proxy("org.openmds.Core1", "/org/openmds/Core1");
        return property<std::string>(*core, "org.openmds.Core1", "State");
    } catch (const sdbus::Error&) {
        return "";
    }
}

void apply(FILE* out, const Answers& answers, const HostFacts& host, const std::string& done_file,
           const std::function<bool()>& page_leaves) {
    std::string role = role_title(answers.get("role"));
    log_line("setting up " + answers.get("host_name") + " as " + role);
    log_answers(answers);
    std::fprintf(out, "Setting up %s as %s\n\n", answers.get("host_name").c_str(), role.c_str());
    std::fflush(out);
    std::string request = setup_request(answers);
    int64_t begin = mono_ms();
    try {
        Bus bus;
        Steps steps(out);
        auto manager = bus.proxy("org.freedesktop.systemd1", "/org/freedesktop/systemd1");
        int64_t time_begin = mono_ms();
        TimeResult time = set_time(bus.raw(), host, answers.get("time_zone"),
                                   time_server_list(answers.get("time_servers")));
        steps.done("Time zone and time servers", mono_ms() - time_begin);
        say_notes(out, time.notes);
        for (const char* unit : {"mds-sync.service", "mds-ca.service", "mds-core.service"}) {
            start_unit(*manager, bus, unit);
        }
        steps.done("Services started", mono_ms() - begin);

        auto core = bus.proxy("org.openmds.Core1", "/org/openmds/Core1");
        core->uponSignal("SetupStep").onInterface("org.openmds.Core1")
            .call([&steps](const std::string& step, const uint32_t& milliseconds) {
                steps.done(step, milliseconds);
            });
        bus::finish(*core);
        std::string result;
        // With the activation key or the hash of the password.
        bus::Blob blob = bus::pack_secret(request);
        core->callMethod("Setup")
            .onInterface("org.openmds.Core1")
            .withTimeout(k_setup_time)
            .withArguments(blob.bytes, blob.fds)
            .storeResultsTo(result);
        // Signals come before the reply, and are handled on the other thread.
        std::this_thread::sleep_for(std::chrono::milliseconds(50));

        // The port is the claim page's until now: while something can be refused people need it.
        int64_t target = mono_ms();
        bool stays = page_leaves && page_leaves();
        stop_unit(*manager, bus, "mds-claim.socket");
        if (!stays) stop_unit(*manager, bus, "mds-claim.service");
        for (const char* unit : {"mds-api.socket", "mds-api.service"}) start_unit(*manager, bus, unit);
        steps.done("Management API", mono_ms() - target);

        target = mono_ms();
        bool carries = false;
        std::vector<sdbus::Struct<std::string, std::string, std::string>> changes;
        manager->callMethod("EnableUnitFiles")
            .onInterface(k_manager)
            .withArguments(std::vector<std::string>{"mds.target"}, false, false)
            .storeResultsTo(carries, changes);
        manager->callMethod("Reload").onInterface(k_manager).withTimeout(std::chrono::seconds(90));
        start_unit(*manager, bus, "mds.target");
        steps.done("Start at boot", mono_ms() - target);
        write_done(done_file, answers, time.failed);
        closing(out, bus, answers, mono_ms() - begin);
        log_line("ready after " + std::to_string(mono_ms() - begin) + " ms");
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

void change(FILE* out, const std::vector<Difference>& wanted, Done done, const HostFacts& host,
            const std::string& done_file) {
    try {
        Bus bus;
        Steps steps(out);
        for (const Difference& one : wanted) {
            if (!one.changes) continue;
            int64_t begin = mono_ms();
            std::string id = one.question->id;
            bool good = true;
            log_line("changing " + std::string(one.question->key) + " from " + one.before + " to " + one.now);
            if (id == "gui_clients") {
                json::object o{{"gui-clients", one.now}, {"change", true}};
                for (const char* kept : {"role", "host_name", "address", "deployment"}) {
                    std::string key = kept;
                    std::replace(key.begin(), key.end(), '_', '-');
                    o[key] = done.answers[kept];
                }
                auto core = bus.proxy("org.openmds.Core1", "/org/openmds/Core1");
                std::string result;
                bus::Blob blob = bus::pack_secret(json::text(o));
                core->callMethod("Setup").onInterface("org.openmds.Core1").withTimeout(k_setup_time)
                    .withArguments(blob.bytes, blob.fds).storeResultsTo(result);
            } else {
                good = change_time(out, bus, host, done, id, one.now);
            }
            done.answers[id] = one.now;
            save_done(done_file, done);
            if (good)
                steps.done(std::string(one.question->key) + " is " + one.now + " now",
                           mono_ms() - begin);
        }
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

bool settle(FILE* out, Done done, const HostFacts& host, const std::string& done_file) {
    if (done.open.empty()) return false;
    try {
        Bus bus;
        Steps steps(out);
        for (const std::string& id : std::vector<std::string>(done.open)) {
            const Question* question = find_question(id);
            if (!question || !done.answers.count(id)) continue;
            int64_t begin = mono_ms();
            const std::string& value = done.answers[id];
            bool good = change_time(out, bus, host, done, id, value);
            save_done(done_file, done);
            if (good)
                steps.done(std::string(question->key) + " is " + value + " now", mono_ms() - begin);
        }
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
    return true;
}

}  // namespace mds::firstboot
