#include "server/server_objects.hh"
#include "base/shell.hh"

#include <fmt/core.h>

#include <algorithm>

#include "log/log.hh"

namespace mds::server {

ServerObjects::ServerObjects(mgmt::Workspace& workspace, repl::Replica& replica, const Config& config)
    : workspace_(workspace), replica_(replica), config_(config) {}

bool ServerObjects::active() const {
    return config_.domain_type != "mds" && replica_.role() == repl::Role::active;
}

std::vector<mgmt::ServerFacts> ServerObjects::servers() const {
    std::vector<mgmt::ServerFacts> out;
    mgmt::ServerFacts self;
    self.uid = config_.self.server;
    self.name = shown_name(config_);
    self.address = config_.address.empty() ? config_.beside : config_.address;
    self.log_server = config_.self.log_server;
    self.primary = config_.primary;
    self.self = true;
    out.push_back(self);
    for (const repl::Peer& p : config_.peers) {
        out.push_back({p.server, shown_name(config_, p), p.address, p.log_server, p.primary, false});
    }
    return out;
}

void ServerObjects::tick() {
    if (!active()) return;
    const store::Position position = workspace_.db().position();
    // The first publish of a Domain is its standard policy.
    if (position.rev <= 1) return;
    const std::vector<mgmt::ServerFacts> all = servers();
    std::string now = store::text(position.hash);
    for (const mgmt::ServerFacts& s : all) {
        now += "\n" + s.uid.text() + s.name + " " + s.address + (s.primary ? " primary" : "");
    }
    if (now == seen_) return;
    keeping_ = true;
    try {
        if (!mgmt::keep_server_objects(workspace_, all)) seen_ = std::move(now);
        told_.clear();
    } catch (const Error& e) {
        // Held for a backup, not writable in a collision: again at the next tick.
        if (told_ != e.message()) {
            told_ = e.message();
            log::notice("the objects of the servers of " + config_.domain_name + " wait: " + told_,
                        {{"MDS_DOMAIN", config_.domain_name}});
        }
    }
    keeping_ = false;
}

json::object ServerObjects::state() const {
    if (!active()) return {};
    const std::vector<mgmt::ServerFacts> all = servers();
    std::string of = store::text(workspace_.db().position().hash);
    for (const mgmt::ServerFacts& s : all) of += s.uid.text();
    if (of != state_of_) {
        state_ = mgmt::server_objects_state(workspace_, all);
        state_of_ = std::move(of);
    }
    return state_;
}

bool ServerObjects::answers(const Uid& server) const {
    if (server == config_.self.server) return true;
    for (const repl::PeerStatus& p : replica_.peer_status()) {
        if (p.peer.server == server) return p.heard && p.status != repl::SyncStatus::unreachable;
    }
    return false;
}

void ServerObjects::check_removal(const Uid& uid) const {
    for (const mgmt::ServerFacts& s : servers()) {
        if (s.uid != uid) continue;
        std::string where = config_.mds_name;
        for (const repl::Peer& p : config_.peers) {
            if (p.server == uid) where = p.mds_name;
        }
        if (s.self) {
            throw Error(Code::object_deletion,
                        s.name + " is the Active server of " + config_.domain_name + "; it cannot be deleted")
                .refusal("RF-16", fmt::format("mdsctl ha set-active {} SERVER", shell_word(config_.domain_name)));
        }
        if (s.primary) {
            throw Error(Code::object_deletion,
                        s.name + " is the Primary server of " + config_.domain_name + "; promote another first")
                .refusal("RF-17", fmt::format("mdsctl ds promote {}", shell_word(config_.domain_name)));
        }
        if (answers(uid)) {
            std::string next = config_.domain_type == "domain"
                                   ? fmt::format("mdsctl ds delete {} {}", shell_word(config_.domain_name), shell_word(where))
                                   : "mdsctl server delete " + shell_word(where);
            throw Error(Code::object_deletion,
                        fmt::format("{} stands for a server of {} that works; the server is deleted, and this "
                                    "object goes with it", s.name, config_.domain_name))
                .refusal("", next);
        }
        if (config_.domain_type != "domain") {
            throw Error(Code::object_deletion, s.name + " is a Multi-Domain Server; its object goes when the "
                                                        "server is taken out of the deployment")
                .refusal("", "mdsctl server delete " + shell_word(where));
        }
    }
}

void ServerObjects::check(const std::vector<store::Change>& changes) const {
    if (keeping_ || config_.domain_type == "mds") return;
    for (const store::Change& c : changes) {
        if (c.type != "checkpoint-host") continue;
        if (c.op == store::Change::Op::remove) {
            check_removal(c.uid);
            continue;
        }
        auto here = workspace_.db().get(c.uid);
        if (!here) continue;
        const json::object before = json::parse_object(here->doc), after = json::parse_object(c.doc);
        if (!json::get_bool(before, "domain-server")) continue;
        for (const char* field : {"name", "ipv4-address", "ipv6-address", "domain-server"}) {
            const json::value *a = json::find(before, field), *b = json::find(after, field);
            if ((a ? *a : json::value()) == (b ? *b : json::value())) continue;
            std::string shown = std::string_view(field) == "name" ? "new-name" : field;
            throw Error(Code::invalid_parameter,
                        fmt::format("Invalid parameter for [{}]. '{}' stands for a server of {}: its name and "
                                    "addresses are those of the server.",
                                    shown, here->name, config_.domain_name))
                .refusal("", fmt::format("leave {} out; or add a host of your own", shown));
        }
    }
}

json::object ServerObjects::gateway_managers(mgmt::Call& call) const {
    call.only({});
    json::array gateways;
    size_t lost = 0;
    const std::vector<mgmt::ServerFacts> all = servers();
    for (const mgmt::View& gateway : call.all("simple-gateway")) {
        call.require_area(*gateway.type, false);
        json::array managers;
        json::object best;
        std::string names;
        for (const mgmt::View& m : mgmt::managers_of(call, gateway)) {
            auto server = std::find_if(all.begin(), all.end(),
                                       [&](const mgmt::ServerFacts& s) { return s.uid == m.uid; });
            bool member = server != all.end(), up = member && answers(m.uid);
            json::object row{{"name", m.name},
                             {"uid", m.uid.text()},
                             {"ip-address", json::get_string(m.document, "ipv4-address")},
                             {"primary", member && server->primary},
                             {"state", !member ? "deleted" : up ? "answers" : "does not answer"}};
            // The Primary is first in the list.
            if (up && best.empty()) best = row;
            names += (names.empty() ? "" : ", ") + m.name;
            managers.push_back(std::move(row));
        }
        json::object out = call.render_obj(gateway);
        out["ipv4-address"] = json::get_string(gateway.document, "ipv4-address");
        out["management-servers"] = std::move(managers);
        if (best.empty()) {
            ++lost;
            out["problem"] = names.empty()
                                 ? std::string("no management server of the Domain is left to it")
                                 : "its only management server" + std::string(names.find(',') == std::string::npos
                                                                                 ? " does"
                                                                                 : "s do") +
                                       " not answer: " + names;
            out["next"] = "set-simple-gateway name " + gateway.name + " management-servers SERVER, publish, "
                          "install-policy";
        } else {
            out["manager"] = std::move(best);
        }
        gateways.push_back(std::move(out));
    }
    size_t total = gateways.size();
    return {{"gateways", std::move(gateways)}, {"total", total}, {"without-manager", lost}};
}

}  // namespace mds::server
