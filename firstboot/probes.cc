#include "probes.hh"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/join_string.hh"
#include "base/printable.hh"
#include "base/roles.hh"
#include "base/text.hh"
#include "base/version.hh"
#include "client/https.hh"
#include "json/json.hh"

namespace mds::firstboot {
namespace {

/// What the sheet of set-up calls in time; members of a deployment may differ by 5 minutes (RF-12's table).
constexpr int64_t k_in_time_ms = 5000, k_too_far_ms = 300'000;
constexpr int k_primary_wait_s = 5;
/// Of what another server says about itself.
constexpr size_t k_longest = 64;

std::string span(int64_t milliseconds) {
    int64_t tenths = (std::llabs(milliseconds) + 50) / 100;
    if (tenths >= 1200) return age_text(std::llabs(milliseconds));
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

Finding look_at_name(const HostFacts& host, const std::string& name) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) {
        return {"", name + " does not resolve here; DNS or /etc/hosts of every server should know it.", ""};
    }
    std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
    std::string other;
    for (const addrinfo* one = found; one; one = one->ai_next) {
        char text[INET6_ADDRSTRLEN] = "";
        if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0) continue;
        std::string address = text;
        bool ours = address.starts_with("127.") || address == "::1" ||
                    std::any_of(host.addresses.begin(), host.addresses.end(),
                                [&](const HostFacts::Address& mine) { return mine.address == address; });
        if (ours) return {};
        other = address;
    }
    return {"", name + " resolves to " + other + ", which is no address of this host.", ""};
}

Finding look_at_address(const HostFacts& host, const std::string& address) {
    auto mine = std::find_if(host.addresses.begin(), host.addresses.end(),
                             [&](const HostFacts::Address& one) { return one.address == address; });
    if (mine == host.addresses.end()) return {};
    if (!mine->link) return {"", mine->interface + " has no link: is the cable in?", ""};
    std::string owner = other_owner(address, mine->interface);
    if (owner.empty()) return {};
    return {address + " is used by another machine too (" + owner + " on " + mine->interface + ")", "", ""};
}

Finding look_at_clock(const HostFacts& host, const std::vector<std::string>& servers) {
    std::string service = host.time_service.empty()
                              ? "No time service is installed on this host: apt install systemd-timesyncd."
                              : "";
    if (servers.empty()) return {"", service, ""};
    std::vector<std::string> silent;
    std::string far;
    for (const std::string& server : servers) {
        int64_t offset = 0;
        if (!clock_offset(server, offset)) {
            silent.push_back(server);
        } else if (far.empty() && std::llabs(offset) > k_in_time_ms) {
            far = "The clock of this host is " + span(offset) + (offset > 0 ? " behind " : " ahead of ") + server + ".";
        }
    }
    std::string text = service;
    auto add = [&text](const std::string& more) { text += (text.empty() ? "" : " ") + more; };
    if (!silent.empty()) {
        add(join(silent, ", ") + (silent.size() == 1 ? " does" : " do") + " not answer (UDP port 123).");
    }
    if (!far.empty()) add(far);
    return {"", text, ""};
}

/// What a management server says about itself to everybody.
struct About {
    std::string problem, role, name, deployment, version;
    int64_t ahead_ms = 0;
};

About ask(const std::string& address) {
    About about;
    try {
        client::Https line(address, "443", k_primary_wait_s, [](const std::string&) { return true; });
        int64_t asked = wall_ms();
        client::HttpReply reply = line.get("/about");
        int64_t now = (asked + wall_ms()) / 2;
        if (reply.status != 200) {
            about.problem = address + " answers on port 443, but is no management server that is set up";
            return about;
        }
        json::object said = json::parse_object(reply.body);
        // Nobody has checked who that is, and it goes to root's terminal.
        auto text = [&said](const char* key) {
            return printable(json::get_string(said, key), k_longest);
        };
        about.role = text("role");
        about.name = text("name");
        about.deployment = text("deployment");
        about.version = text("version");
        about.ahead_ms = json::get_int(said, "clock-ms") - now;
    } catch (const Error& e) {
        about.problem = e.code() == Code::unreachable ? e.what() : address + " is no management server";
    }
    return about;
}

Finding look_at_primary(const std::string& address) {
    About about = ask(address);
    if (!about.problem.empty()) {
        return {"", about.problem + ". The key is kept; the Primary can connect later.", ""};
    }
    if (about.role != "primary") {
        return {"", about.name + " (" + address + ") is a " + role_title(about.role) + ", not the Primary.", ""};
    }
    std::string text = address + " is " + about.name + ", the Primary of " + about.deployment;
    if (about.version != mds::version()) {
        return {"", text + ", but has version " + about.version + "; this server has " + mds::version() +
                        ". Upgrade one of them before it joins.", ""};
    }
    if (std::llabs(about.ahead_ms) > k_too_far_ms) {
        return {"", text + "; its clock is " + span(about.ahead_ms) + (about.ahead_ms > 0 ? " ahead of" : " behind") +
                        " this one. Set the time before it joins.", ""};
    }
    return {"", text + ", version " + about.version + ", clock " + (about.ahead_ms < 0 ? "-" : "+") +
                    span(about.ahead_ms) + ".", ""};
}

/// A Primary where there is one already.
Finding look_at_role(const Answers& others) {
    const std::string key = others.given_key(), address = others.get("primary");
    const std::string end = " A deployment has one Primary. Choose Secondary?";
    if (JoinString::looks_like(key)) {
        return {"a join string is given, with which a server joins an existing deployment." + end, "", "RF-01"};
    }
    if (address.empty() || address == "none") return {};
    About about = ask(address);
    if (!about.problem.empty() || about.role != "primary") return {};
    return {address + " is the Primary of " + about.deployment + "." + end, "", "RF-01"};
}

}  // namespace

Finding probe(const HostFacts& host, const Question& question, const std::string& text, const Answers& others) {
    std::string id = question.id;
    if (id == "host_name") return look_at_name(host, text);
    if (id == "address") return look_at_address(host, text);
    if (id == "time_servers") return look_at_clock(host, time_server_list(text));
    if (id == "primary" && text != "none") return look_at_primary(text);
    if (id == "role" && text == "primary") return look_at_role(others);
    return {};
}

void probe_all(const HostFacts& host, Answers& answers, const Answers* given) {
    for (const Question& question : questions()) {
        auto it = answers.values().find(question.id);
        if (it == answers.values().end() || !(question.roles & answers.role_bit())) continue;
        if (given && !given->has(question.id)) continue;
        // What this host has had before is not looked at: nobody has said it.
        if (it->second.is_default && std::string(question.id) != "address") continue;
        Finding found = probe(host, question, it->second.text, answers);
        if (!found.refusal.empty()) answers.add_problem(it->second.source, found.refusal, found.id);
        if (!found.remark.empty()) answers.add_note(found.remark);
    }
}

}  // namespace mds::firstboot
