// mdsctl trust.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>

#include "base/clock.hh"
#include "base/environment.hh"
#include "base/ids.hh"
#include "base/join_string.hh"
#include "base/text.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

constexpr uint32_t k_key_seconds = 86400;

}  // namespace

int trust_status(Client& client, const Options& options) {
    const json::object grid = client.grid();
    Rows table("servers", {"SERVER", "STATE", "CERTIFICATE UNTIL", "ENDS IN", "RENEWAL"});
    for (const json::value& v : json::get_array(grid, "servers")) {
        const json::object& s = v.as_object();
        std::string state = json::get_string(s, "state"), problem = json::get_string(s, "renewal-problem");
        int64_t until = json::get_int(s, "certificate-until"), left = until - wall_ms();
        table.row({{"server", json::get_string(s, "name")},
                   {"state", state},
                   {"certificate-until", until},
                   {"renewal-problem", problem}},
                  {json::get_string(s, "name"), state_cell(options, state, state), day_cell(until),
                   until == 0 ? "-"
                   : left < 0 ? "ended"
                              : age_text(left),
                   problem.empty() ? "by itself" : problem});
    }
    table.print(options);
    return 0;
}

int trust_reset(Client& client, const Options& options, const std::string& key_file) {
    client.require_here("trust reset");
    json::object plan = client.run("", "reset-trust", {{"plan", true}});
    std::string name = safe(json::get_string(plan, "server"));
    if (options.dry_run) {
        std::printf(
            "The trust of %s would be reset: it is cut off until the Primary connects it anew.\n"
            "Nothing was changed.\n",
            name.c_str());
        return 0;
    }
    if (!confirm(options, "The trust of " + name +
                              " is reset: it is cut off until the Primary connects it anew. Its data is "
                              "kept. Go on?")) {
        throw Error(Code::unconfirmed, "not confirmed, nothing was changed").refusal("", "mdsctl trust reset --yes");
    }
    std::string key = read_secret(key_file, "New activation key (at least 8 characters, not shown)");
    if (key_file.empty() && isatty(STDIN_FILENO) && read_secret("", "Again") != key) {
        throw Error(Code::invalid_parameter, "the two keys differ; nothing was changed")
            .refusal("RF-32", "mdsctl trust reset");
    }
    client.run("", "reset-trust", {{"one-time-password", key}});
    print_done(options, name + ": Initialized but trust not established", {{"server", name}});
    if (options.people() && !options.quiet) {
        std::printf("Next:  on the Primary: mdsctl trust connect %s\n", shell_word(name).c_str());
    }
    return 0;
}

int trust_connect(Client& client, const Options& options, const std::string& name, const std::string& key_file) {
    client.require_change();
    std::string key = read_secret(key_file, "Activation key");
    json::object reply = client.run("", "set-mds", {{"name", name}, {"one-time-password", key}});
    std::string server = json::get_string(reply, "name");
    print_done(options, server + ": Trust established", {{"server", server}});
    return 0;
}

int trust_state(Client& client) {
    std::printf("%s\n", client.sic_property("State").c_str());
    return 0;
}

int trust_set_key(Client& client, const Options& options, bool generate) {
    client.require_here("trust set-key");
    client.require_change();
    std::string key;
    if (generate) {
        // Crockford base 32 without I, L, O, U: 4 groups of 4 are 80 bits (K-1).
        constexpr char k_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        for (unsigned char c : random_bytes(16)) {
            if (!key.empty() && key.size() % 5 == 4) key += '-';
            key += k_digits[c & 31];
        }
    } else {
        key = read_secret("", "Activation key (at least 8 characters, not shown)");
        if (options.terminal && isatty(STDIN_FILENO) && read_secret("", "Again") != key) {
            throw Error(Code::invalid_parameter, "the two keys differ; nothing was stored")
                .refusal("RF-32", "mdsctl trust set-key");
        }
    }
    client.set_key(key, k_key_seconds);
    if (generate && options.json) {
        print_json(options, json::object{{"key", key}, {"valid-seconds", k_key_seconds}});
    } else if (generate) {
        std::printf("%s\n", key.c_str());
    }
    if (!options.quiet) std::fprintf(stderr, "The key is valid for 24 hours, for one use.\n");
    return 0;
}

int trust_join_string(Client& client, const Options& options, std::string name, std::string address) {
    bool here = name.empty();
    if (here) {
        // On the new server: the one it was set up as.
        std::string file = environment("MDS_STATE", "/var/lib/mds") + "/setup.json";
        if (access(file.c_str(), R_OK) != 0) {
            throw Error(Code::ha_invalid, "this server is not set up, or you are not root; at the Primary, name the new "
                                          "server and its address").refusal("", "mdsctl trust join-string SERVER --ip A");
        }
        json::object done = json::parse_object(read_file(file));
        std::string host = json::get_string(done, "host_name");
        name = host.substr(0, host.find('.'));
        if (address.empty()) address = json::get_string(done, "address");
    }
    JoinString join = JoinString::make(name, address, int64_t{k_key_seconds} * 1000);
    std::string text = join.text();
    if (here) client.set_key(join.key, k_key_seconds);
    if (options.json) {
        print_json(options, json::object{{"join-string", text}, {"server", name}, {"address", address},
                                         {"valid-until", rfc3339(join.expires_ms)}});
    } else {
        std::printf("%s\n", text.c_str());
    }
    if (!options.quiet) {
        std::fprintf(stderr, "Valid until %s, for one use.\nNext:  %s\n", rfc3339(join.expires_ms).c_str(),
                     here ? "on the Primary: mdsctl server add --join-string"
                          : "paste it there as activation key (mds-setup), then here: mdsctl server add --join-string");
    }
    return 0;
}

}  // namespace mds::ctl
