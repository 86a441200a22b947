// The audit trails as the servers witness them for each other (security.md S-14): every mds-core signs how
// far the trails of its host are and tells the others with its heartbeat; they keep that. Who then alters a
// trail, with all that hangs on it, is found by what the others have seen.
#include <fmt/core.h>

#include <filesystem>
#include <future>

#include "base/clock.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "log/messages.hh"
#include "mgmt/witness.hh"
#include "service.hh"

namespace mds::core {
namespace {

constexpr char k_system_log[] = "system";
constexpr char k_verified_file[] = "/audit-verified.json";
/// Of the 200,000 records of a trail the reading takes a second.
constexpr int64_t k_check_ms = 60'000;

pki::CheckpointKey load_key(const std::string& file) {
    if (std::filesystem::exists(file)) {
        std::string pem = read_file(file);
        crypto::WipeAtEnd wipe(pem);
        return pki::CheckpointKey::from_pem(pem);
    }
    pki::CheckpointKey key = pki::CheckpointKey::generate();
    std::string pem = key.pem();
    crypto::WipeAtEnd wipe(pem);
    replace_file(file, pem, 0600);
    return key;
}

/// The bytes of a head that are signed.
std::string signed_text(const std::string& mds, const std::string& log, const mgmt::AuditHead& head) {
    return fmt::format("mds-audit-head/1\n{}\n{}\n{}\n{}\n{}\n{}\n", mds, log, head.chain, head.id, head.hash,
                       head.time_ms);
}

json::object body_of(const mgmt::Reply& reply) {
    try {
        return json::parse_object(reply.body);
    } catch (const Error&) {
        return {};
    }
}

}  // namespace

json::object Service::audit_heads(bool all) {
    if (!audit_key_) audit_key_ = load_key(daemon_.state_folder() + "/audit.key");
    std::string me = identity_->uid.text();
    auto look = [&](const std::string& log, const json::object& status) {
        const json::object& told = json::get_object(status, "audit");
        // A service that has just started has not looked yet.
        if (json::get_string(told, "chain").empty()) return;
        mgmt::AuditHead head = mgmt::AuditHead::from_json(told);
        json::object& known = audit_heads_[log];
        if (json::get_string(known, "chain") == head.chain && json::get_int(known, "id") == head.id) return;
        known = head.to_json();
        known["log"] = log;
        known["signature"] = hex(audit_key_->sign(signed_text(me, log, head)));
        audit_news_.insert(log);
    };
    look(k_system_log, json::object{{"audit", system_->workspace().audit_checkpoint().to_json()}});
    for (const std::string& server : placed_) {
        const json::object* status = grid_->local(server);
        if (status) look(json::get_string(*status, "domain-uid"), *status);
    }
    json::array heads;
    for (const auto& [log, head] : audit_heads_) {
        if (all || audit_news_.count(log)) heads.push_back(head);
    }
    return {{"key", hex(audit_key_->public_bytes())}, {"heads", std::move(heads)}};
}

void Service::witness(const Uid& mds, const json::object& beat) {
    const json::object& audit = json::get_object(beat, "audit");
    std::string key = unhex(json::get_string(audit, "key")).value_or("");
    mgmt::Witness witness(system_->workspace().work());
    for (const json::value& v : json::get_array(audit, "heads")) {
        if (!v.is_object()) continue;
        const json::object& o = v.as_object();
        std::string log = json::get_string(o, "log");
        std::string signature = unhex(json::get_string(o, "signature")).value_or("");
        mgmt::AuditHead head = mgmt::AuditHead::from_json(o);
        if (log != k_system_log && !Uid::parse(log)) throw Error(Code::invalid_parameter, "a trail of nothing");
        if (!pki::checkpoint_signed_by(key, signed_text(mds.text(), log, head), signature)) {
            throw Error(Code::forbidden, "the head of an audit trail is not signed by its server");
        }
        std::string problem = witness.keep(mds.text(), log, head, key, signature, wall_ms());
        if (problem.empty()) continue;
        auto row = find_mds(mds.text());
        std::string name = row ? row->name : mds.text();
        log::event(log::message::audit_broken,
                   fmt::format("the audit trail {} of {} is not what it was: {}", log, name, problem),
                   {{"MDS_PEER", name}, {"MDS_AUDIT_LOG", log}, {"MDS_REASON", problem}});
    }
}

std::vector<std::string> Service::audit_problems() {
    std::vector<std::string> out;
    auto add = [&](const std::string& what, const std::string& problem) {
        if (!problem.empty()) out.push_back(fmt::format("the audit trail of {} cannot be written: {}", what, problem));
    };
    add("System Data here", system_->workspace().audit_problem());
    for (const DomainRow& d : all_domains()) {
        for (const json::value& s : d.servers) {
            auto mds = Uid::parse(json::get_string(s.as_object(), "mds"));
            const json::object* cell = mds ? grid_->cell(*mds, d.uid) : nullptr;
            if (cell) add("Domain " + d.name + " on " + json::get_string(s.as_object(), "mds-name"),
                          json::get_string(*cell, "audit-problem"));
        }
    }
    return out;
}

json::object Service::audit_seen(const Uid& mds) {
    json::object logs;
    for (const auto& [log, heads] : mgmt::Witness(system_->workspace().work()).of(mds.text())) {
        json::array list;
        for (const mgmt::AuditHead& head : heads) list.push_back(head.to_json());
        logs[log] = std::move(list);
    }
    return {{"seen", std::move(logs)}};
}

void Service::check_audit_here(const json::object& seen, Then then) {
    struct Gathered {
        json::array logs;
        std::set<std::string> asked;
        size_t left = 1;
    };
    auto gathered = std::make_shared<Gathered>();
    // A trail that others have seen and nobody here has is missing as a whole.
    auto end = [gathered, seen, then] {
        if (--gathered->left > 0) return;
        json::array unknown;
        for (const auto& member : seen) {
            if (!gathered->asked.count(std::string(member.key()))) unknown.push_back(json::value(member.key()));
        }
        then(mgmt::ok_reply({{"logs", std::move(gathered->logs)}, {"gone", std::move(unknown)}}));
    };
    auto add = [gathered](const std::string& name, json::object report) {
        report["log"] = name;
        gathered->logs.push_back(std::move(report));
    };
    gathered->asked.insert(k_system_log);
    add("System Data",
        system_->workspace().check_audit(mgmt::witnesses_from(json::get_array(seen, k_system_log))).to_json());
    for (const DomainRow& d : all_domains()) {
        for (const json::value& v : d.servers) {
            const json::object& s = v.as_object();
            if (json::get_string(s, "mds") != identity_->uid.text()) continue;
            std::string log = d.uid.text();
            gathered->asked.insert(log);
            ++gathered->left;
            call_domain(json::get_string(s, "name"), "CheckAudit",
                        json::text(json::object{{"seen", json::get_array(seen, log)}}),
                        [add, end, name = d.name](std::optional<Error> error, const std::string& text) {
                            add(name, error ? json::object{{"problem", error->message()}} : json::parse_object(text));
                            end();
                        });
        }
    }
    end();
}

std::set<std::string> Service::trails_of(const Uid& mds) {
    std::set<std::string> out{k_system_log};
    for (const DomainRow& d : all_domains()) {
        for (const json::value& s : d.servers) {
            if (json::get_string(s.as_object(), "mds") == mds.text()) out.insert(d.uid.text());
        }
    }
    return out;
}

json::object Service::verify_audit(const std::vector<MdsRow>& servers, const std::vector<MdsRow>& witnesses) {
    auto ask_one = [&](const MdsRow& m, const json::object& body, const std::function<void(Then)>& here) {
        return ask([&](Then then) {
            if (m.uid == identity_->uid) return here(then);
            request(m.uid, body, then, k_check_ms);
        });
    };
    json::array out;
    for (const MdsRow& of : servers) {
        json::object seen;
        const std::set<std::string> trails = daemon_.on_loop([&] { return trails_of(of.uid); });
        json::array silent;
        size_t told = 0;
        for (const MdsRow& by : witnesses) {
            if (by.uid == of.uid) continue;
            mgmt::Reply reply = ask_one(by, {{"op", "audit-seen"}, {"mds", of.uid.text()}}, [&](Then then) {
                then(mgmt::ok_reply(audit_seen(of.uid)));
            });
            if (reply.status != 200) {
                silent.push_back(json::value(by.name));
                continue;
            }
            ++told;
            json::object said = body_of(reply);
            for (const auto& member : json::get_object(said, "seen")) {
                // A Domain Server that was deleted took its trail with it; that it was is in the trail of System Data.
                if (!trails.count(std::string(member.key()))) continue;
                json::value& list = seen[member.key()];
                if (!list.is_array()) list = json::array{};
                if (!member.value().is_array()) continue;
                for (const json::value& head : member.value().as_array()) {
                    if (!head.is_object()) continue;
                    json::object o = head.as_object();
                    o["by"] = by.name;
                    list.as_array().push_back(std::move(o));
                }
            }
        }
        mgmt::Reply reply = ask_one(of, {{"op", "audit-check"}, {"seen", seen}},
                                    [&](Then then) { check_audit_here(seen, then); });
        json::object row = reply.status == 200 ? body_of(reply) : json::object{};
        row["server"] = of.name;
        row["witnesses"] = told;
        row["silent"] = std::move(silent);
        if (reply.status != 200) row["problem"] = json::get_string(body_of(reply), "message", "it does not answer");
        out.push_back(std::move(row));
    }
    daemon_.post([this, out] { keep_audit_verified(out); });
    return {{"servers", std::move(out)}};
}

void Service::load_audit_verified() {
    std::string file = daemon_.state_folder() + k_verified_file;
    if (!std::filesystem::exists(file)) return;
    try {
        audit_verified_ = json::parse_object(read_file(file));
    } catch (const std::exception&) {
        audit_verified_ = {};  // then nothing was verified; the next verification writes it anew
    }
}

void Service::keep_audit_verified(const json::array& servers) {
    for (const json::value& v : servers) {
        const json::object& row = v.as_object();
        std::string name = json::get_string(row, "server"), what;
        // A server that was not read was not verified.
        if (!json::get_string(row, "problem").empty()) continue;
        bool read = true;
        for (const json::value& gone : json::get_array(row, "gone")) {
            what = "the trail " + std::string(gone.as_string()) + " is gone; others have seen it";
        }
        for (const json::value& l : json::get_array(row, "logs")) {
            const json::object& log = l.as_object();
            read = read && json::get_string(log, "problem").empty();
            const json::array& findings = json::get_array(log, "findings");
            if (!findings.empty()) {
                what = json::get_string(log, "log") + ": " + json::get_string(findings[0].as_object(), "what");
            }
        }
        if (!read && what.empty()) continue;
        audit_verified_[name] = json::object{{"time", wall_ms()}, {"good", what.empty()}};
        if (what.empty()) continue;
        log::event(log::message::audit_broken, fmt::format("the audit trail of {} is not what it was: {}", name, what),
                   {{"MDS_PEER", name}, {"MDS_REASON", what}});
    }
    try {
        replace_file(daemon_.state_folder() + k_verified_file, json::text(audit_verified_), 0600);
    } catch (const std::exception& e) {
        log::warning(std::string("when the audit trails were verified is not kept: ") + e.what());
    }
}

void Service::register_audit_commands() {
    load_audit_verified();
    mgmt::CommandFlags flags;
    flags.anywhere = flags.system_only = flags.internal = true;
    flags.description = "Reads the audit trails and compares them with what the other servers have seen";
    system_->workspace().add_async_command("verify-audit", [this](mgmt::Call& call, Then then) {
        if (!call.client().empty()) {
            throw Error(Code::command_not_found, "Unknown command [" + call.command() + "]");
        }
        call.only({"server"});
        std::vector<MdsRow> all = all_mdss(), servers;
        std::string name = call.text_or("server", "");
        for (const MdsRow& m : all) {
            if (name.empty() || fold(m.name) == fold(name)) servers.push_back(m);
        }
        if (servers.empty()) throw Error(Code::object_not_found, "Requested object [" + name + "] not found");
        answer_from_worker(std::move(then), [this, servers, all] { return verify_audit(servers, all); });
    }, flags);
}

}  // namespace mds::core
