// Certificates before their time: revoked, one or all of a server; renewed at once (security.md 3).
// Only the Primary revokes; whoever is asked hands it on.
#include <fmt/core.h>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "blocking_bus.hh"
#include "log/log.hh"
#include "service.hh"

namespace mds::core {
namespace {

const std::vector<std::string> k_reasons = {"unspecified", "key-compromise", "affiliation-changed",
                                            "superseded", "cessation-of-operation"};
/// So much of a serial number names a certificate, when it is the only one that begins so.
constexpr size_t k_shortest_serial = 8;
/// Longer than an answer of the Primary, which the server that renews waits for.
constexpr int64_t k_renewal_ms = 60'000;

std::string reason_in(const mgmt::Call& call) {
    std::string given = call.text_or("revocation-reason", "unspecified");
    if (std::find(k_reasons.begin(), k_reasons.end(), given) != k_reasons.end()) return given;
    throw Error(Code::invalid_parameter, "Invalid parameter for [revocation-reason]. '" + given +
                                             "' is none of: " + join(k_reasons, ", ") + ".");
}

/// As mds-ca keeps it, also from what openssl and browsers show.
std::string serial_in(const mgmt::Call& call) {
    std::string serial;
    for (char c : fold(call.text("serial-number"))) {
        if (c != ':' && c != ' ') serial += c;
    }
    if (serial.starts_with("0x")) serial.erase(0, 2);
    if (serial.size() < k_shortest_serial ||
        serial.find_first_not_of("0123456789abcdef") != std::string::npos) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [serial-number]. It is hexadecimal; its first 8 "
                    "digits or more")
            .refusal("", "mdsctl ca certs");
    }
    return serial;
}

mgmt::View server_in(mgmt::Call& call) {
    try {
        return call.object("mds");
    } catch (const Error& e) {
        if (e.code() != Code::object_not_found) throw;
        throw Error(e.code(), e.message()).refusal("", "mdsctl server list");
    }
}

std::string day(int64_t ms) {
    return rfc3339(ms).substr(0, 10);
}

}  // namespace

/// What is known of the deployment when a certificate is to be revoked.
struct Service::Revocation {
    std::string serial, reason, in_use;
    Uid self;
    bool plan = false;
    std::vector<MdsRow> servers;
    std::map<std::string, std::string> domains;

    const MdsRow* server(const std::string& uuid) const {
        for (const MdsRow& row : servers) {
            if (row.uid.text() == uuid) return &row;
        }
        return nullptr;
    }
    json::object find() const;
    void check(const json::object& row) const;
    int64_t earlier(const json::object& row) const;
    std::string effect(const json::object& row) const;
};

json::object Service::Revocation::find() const {
    json::value found = ask_authority({{"serial", serial}, {"limit", 2}});
    const json::array& rows = json::get_array(found.as_object(), "certificates");
    if (rows.empty()) {
        throw Error(Code::object_not_found,
                    "no certificate with the serial number " + serial + " was issued")
            .refusal("", "mdsctl ca certs");
    }
    if (rows.size() > 1) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [serial-number]. More than one certificate begins "
                    "with " +
                        serial + "; give more of it")
            .refusal("", "mdsctl ca certs -o wide");
    }
    return rows.front().as_object();
}

void Service::Revocation::check(const json::object& row) const {
    std::string kind = json::get_string(row, "kind"), uuid = json::get_string(row, "uuid"),
                subject = json::get_string(row, "subject");
    if (kind == "administrator") {
        throw Error(Code::ha_invalid, "that is the certificate of an administrator (" + subject +
                                          "), which has a command and a right of its own")
            .refusal("", "mdsctl administrator revoke ADMINISTRATOR");
    }
    if (kind == "servers-ca") {
        throw Error(
            Code::ha_invalid,
            "every server has its certificate from this authority; without it nobody trusts "
            "anybody, and it cannot be replaced")
            .refusal("", "mdsctl ca certs servers");
    }
    if (kind == "domain-ca" && domains.contains(uuid)) {
        throw Error(Code::ha_invalid,
                    "the gateways of Domain " + domains.at(uuid) +
                        " have their certificates from this authority, and it cannot be replaced "
                        "while the Domain is there")
            .refusal("", "mdsctl ca certs " + shell_word(domains.at(uuid)));
    }
    if (uuid != self.text() || (kind != "server" && kind != "sealing")) return;
    // Whatever was issued since goes with it, as the earlier ones of a certificate that is revoked
    // do.
    json::value used = ask_authority({{"serial", in_use}, {"limit", 1}});
    const json::array& rows = json::get_array(used.as_object(), "certificates");
    if (!rows.empty() &&
        json::get_int(row, "issued") < json::get_int(rows.front().as_object(), "issued"))
        return;
    const MdsRow* primary = server(uuid);
    std::string name = primary ? primary->name : "the Primary";
    throw Error(Code::ha_invalid,
                "that is the certificate in use of " + name +
                    ", the Primary: every server would cut it "
                    "off, and nobody could issue a new one. Renew it first, then revoke this one")
        .refusal("", "mdsctl trust renew " + shell_word(name));
}

int64_t Service::Revocation::earlier(const json::object& row) const {
    if (json::get_string(row, "uuid").empty()) return 0;
    int64_t count = 0;
    for (const char* state : {"valid", "renewed"}) {
        json::value found = ask_authority({{"authority", json::get_string(row, "authority")},
                                           {"uuid", json::get_string(row, "uuid")},
                                           {"kind", json::get_string(row, "kind")},
                                           {"state", state}});
        for (const json::value& v : json::get_array(found.as_object(), "certificates")) {
            const json::object& other = v.as_object();
            count += json::get_int(other, "issued") <= json::get_int(row, "issued") &&
                     json::get_string(other, "serial") != json::get_string(row, "serial");
        }
    }
    return count;
}

std::string Service::Revocation::effect(const json::object& row) const {
    std::string kind = json::get_string(row, "kind"), uuid = json::get_string(row, "uuid"),
                state = json::get_string(row, "state"),
                authority = json::get_string(row, "authority");
    if (state == "revoked")
        return "it is revoked already, since " + rfc3339(json::get_int(row, "revoked-at"));
    if (state == "expired")
        return "it ended on " + day(json::get_int(row, "not-after")) + "; nothing uses it any more";
    if (kind == "server") {
        const MdsRow* owner = server(uuid);
        if (!owner) return "whoever has its key cannot connect to any server any more";
        if (state == "renewed") {
            return "connections that " + owner->name +
                   " made with it end at once and come back with its present one";
        }
        return owner->name +
               " is cut off from every other server at once, until its trust is reset there and "
               "established anew here; its data is kept";
    }
    if (kind == "sealing")
        return "nothing is sealed for this certificate any more; connections stay";
    if (kind == "gateway") {
        auto domain = domains.find(authority);
        return "the gateway gets no policy from " +
               (domain == domains.end() ? std::string("its Domain") : "Domain " + domain->second) +
               " and its logs are refused, until trust with it is established anew";
    }
    if (kind == "domain-ca")
        return "certificates of gateways of the deleted Domain are not trusted any more";
    return "whoever has its key is not trusted any more";
}

void Service::revoke_here(const json::object& message, Then then) {
    require_primary("Revoking a certificate");
    Revocation what{json::get_string(message, "serial"),
                    json::get_string(message, "reason"),
                    json::get_string(certificate_, "serial"),
                    identity_->uid,
                    json::get_bool(message, "plan"),
                    all_mdss(),
                    authority_names()};
    if (std::find(k_reasons.begin(), k_reasons.end(), what.reason) == k_reasons.end() ||
        what.serial.size() < k_shortest_serial) {
        throw Error(Code::invalid_parameter, "no certificate or no reason is named");
    }
    answer_from_worker(std::move(then), [what] {
        json::object row = what.find();
        std::string authority = json::get_string(row, "authority"),
                    state = json::get_string(row, "state");
        json::object out = shown_certificate(
            row, what.domains.contains(authority) ? what.domains.at(authority) : authority);
        bool done = state == "revoked";
        if (!done) what.check(row);
        out["already-revoked"] = done;
        out["earlier"] = done ? 0 : what.earlier(row);
        out["effect"] = what.effect(row);
        if (what.plan || done) return out;
        BlockingBus bus;
        bus.call<>("org.openmds.Ca1", "Revoke", json::get_string(row, "serial"), what.reason);
        out["status"] = "revoked";
        return out;
    });
}

void Service::revoke_certificate(mgmt::Call& call, Then then) {
    const bool plan = call.only_or_plan({"serial-number", "revocation-reason"});
    require_certificates();
    json::object message{{"serial", serial_in(call)}, {"reason", reason_in(call)}, {"plan", plan}};
    if (identity_->role == "primary") return revoke_here(message, std::move(then));
    ask_primary("revoke-certificate", std::move(message), std::move(then));
}

void Service::revoke_trust(mgmt::Call& call, Then then) {
    const bool plan = call.only_or_plan({"uid", "name", "revocation-reason"});
    require_primary("Revoking the trust of a server");
    std::string reason = reason_in(call);
    mgmt::View view = server_in(call);
    if (view.uid == identity_->uid) {
        throw Error(Code::ha_invalid,
                    view.name +
                        " is the Primary: the others have their trust from it, and nobody could "
                        "establish it anew")
            .refusal("RF-31", "mdsctl trust renew " + shell_word(view.name));
    }
    json::array active;
    for (const DomainRow& row : all_domains()) {
        if (grid_->active_mds(row.uid) == view.uid) active.emplace_back(row.name);
    }
    answer_from_worker(std::move(then), [uuid = view.uid.text(), name = view.name, active, reason,
                                         plan] {
        // The newest of each kind; mds-ca takes the earlier ones along. First what it connects
        // with.
        int64_t count = 0;
        std::vector<std::string> newest;
        for (const char* kind : {"server", "sealing"}) {
            std::string last;
            for (const char* state : {"renewed", "valid"}) {
                json::value found = ask_authority(
                    {{"authority", "servers"}, {"uuid", uuid}, {"kind", kind}, {"state", state}});
                for (const json::value& v : json::get_array(found.as_object(), "certificates")) {
                    last = json::get_string(v.as_object(), "serial");
                    ++count;
                }
            }
            if (!last.empty()) newest.push_back(last);
        }
        if (!plan) {
            BlockingBus bus;
            for (const std::string& serial : newest)
                bus.call<>("org.openmds.Ca1", "Revoke", serial, reason);
        }
        return json::object{{"name", name}, {"certificates", count}, {"active-domains", active}};
    });
}

void Service::renew_now(Then then) {
    std::string name = identity_->name, before = json::get_string(certificate_, "serial");
    if (before.empty()) {
        throw Error(Code::ha_invalid, name + " has no certificate: it waits for trust")
            .refusal("", "mdsctl trust connect " + shell_word(name));
    }
    renewal_waits_.push_back([this, name, before, then](const std::string& problem) {
        if (!problem.empty()) {
            return then(
                mgmt::error_reply(Error(Code::ha_invalid, "the certificate of " + name +
                                                              " was not renewed: " + problem)
                                      .refusal("", "mdsctl doctor " + shell_word(name))));
        }
        then(mgmt::ok_reply({{"name", name},
                             {"serial-number", json::get_string(certificate_, "serial")},
                             {"previous-serial-number", before},
                             {"valid-from", model::date(json::get_int(certificate_, "not-before"))},
                             {"valid-to", model::date(json::get_int(certificate_, "not-after"))}}));
    });
    // One that goes on already is as good.
    if (!renewing_) renew_certificate();
}

void Service::end_renewal(const std::string& problem) {
    renewing_ = false;
    auto waits = std::exchange(renewal_waits_, {});
    for (const auto& wait : waits) wait(problem);
}

void Service::renew_named(mgmt::Call& call, Then then) {
    call.only({"uid", "name"});
    if (call.read_only())
        throw Error(Code::no_permissions, "this session is read-only; nothing was changed");
    mgmt::View view = server_in(call);
    if (view.uid == identity_->uid) return renew_now(std::move(then));
    request(view.uid, {{"op", "renew-certificate"}}, std::move(then), k_renewal_ms);
}

void Service::trust_message(const Uid& mds, const std::string& op, const json::object& message,
                            Then then) {
    auto sender = find_mds(mds.text());
    if (!sender || sender->log_server()) {
        throw Error(Code::forbidden,
                    "only a Multi-Domain Server has certificates revoked and renewed");
    }
    if (op == "revoke-certificate") return revoke_here(message, std::move(then));
    renew_now(std::move(then));
}

void Service::register_trust_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags flags;
    flags.system_only = true;
    flags.permission = "mds-provisioning";
    flags.write = true;
    flags.description =
        "Revokes a certificate at once, and the earlier ones of the same owner and kind";
    w.add_async_command(
        "revoke-certificate",
        [this](mgmt::Call& call, Then then) { revoke_certificate(call, std::move(then)); }, flags);
    flags.description =
        "Revokes every certificate of a server: it is cut off until trust with it is established "
        "anew";
    w.add_async_command(
        "revoke-trust",
        [this](mgmt::Call& call, Then then) { revoke_trust(call, std::move(then)); }, flags);
    // Nothing of the system data changes.
    flags.write = false;
    flags.anywhere = true;
    flags.description =
        "Has a server get new certificates at once; the answer comes when they are installed";
    w.add_async_command(
        "renew-certificate",
        [this](mgmt::Call& call, Then then) { renew_named(call, std::move(then)); }, flags);
}

}  // namespace mds::core
