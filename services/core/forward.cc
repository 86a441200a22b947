// Commands that belong to a Domain or to another server: local Domain Servers by the bus, others by
// the mds-core of their host.
#include <fmt/core.h>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "bus/blob.hh"
#include "log/log.hh"
#include "service.hh"

namespace mds::core {
namespace {

constexpr int64_t k_keep_tasks_ms = 7LL * 24 * 3'600'000;

bool starts_with_any(const std::string& text, std::initializer_list<const char*> heads) {
    for (const char* head : heads) {
        if (text.rfind(head, 0) == 0) return true;
    }
    return false;
}

}  // namespace

void Service::request(const Uid& mds, json::object body, Then then, int64_t timeout_ms) {
    if (grid_->silent(mds)) {
        std::string name = mds.text(), when = "never since this server started";
        for (const MdsRow& row : all_mdss()) {
            if (row.uid == mds) name = row.name;
        }
        if (grid_->last_contact(mds)) when = rfc3339(grid_->last_contact(mds));
        return then(mgmt::error_reply(
            Error(Code::ha_invalid, fmt::format("{} does not answer; last contact {}", name, when))
                .refusal("RF-21", "mdsctl server list")));
    }
    std::string id = Uid::make().text();
    body["id"] = id;
    requests_[id] = {std::move(then), mono_ms() + timeout_ms};
    system_->send(mds, k_request, json::text(json::value(std::move(body))));
}

void Service::ask_primary(const char* op, json::object message, Then then) {
    for (const MdsRow& row : all_mdss()) {
        if (row.role != "primary") continue;
        message["op"] = op;
        return request(row.uid, std::move(message), std::move(then));
    }
    throw Error(Code::ha_invalid, "there is no Primary");
}

void Service::on_message(const Uid& mds, uint16_t kind, const std::string& payload) {
    try {
        if (kind == k_authority) {
            auto sender = find_mds(mds.text());
            if (!sender || sender->role != "primary" || identity_->log_server()) return;
            return daemon_.work([this, payload] { keep_authority(payload); });
        }
        json::object message = json::parse_object(payload);
        if (kind == k_heartbeat) {
            catch_up_authority(mds, message);
            catch_up_revocations(mds, message);
            catch_up_lists(mds, message);
            witness(mds, message);
            // A mds-core that has started again knows nothing of what was told before.
            if (grid_->heard(mds, std::move(message))) tell_whole(mds);
        } else if (kind == k_revocations) {
            auto sender = find_mds(mds.text());
            if (sender && sender->role == "primary") {
                install_revocations(json::get_string(message, "lists"));
            }
        } else if (kind == k_lists) {
            auto sender = find_mds(mds.text());
            if (sender && sender->role == "primary") take_lists(std::move(message));
        } else if (kind == k_request) {
            answer_request(mds, message);
        } else if (kind == k_reply) {
            auto it = requests_.find(json::get_string(message, "id"));
            if (it == requests_.end()) return;
            Then then = std::move(it->second.then);
            requests_.erase(it);
            then({static_cast<int>(json::get_int(message, "status")),
                  json::get_string(message, "body")});
        }
    } catch (const Error& e) {
        log::warning("message of another server: " + e.message());
    }
}

void Service::answer_from_worker(Then then, std::function<json::object()> work) {
    daemon_.work([this, then = std::move(then), work = std::move(work)] {
        mgmt::Reply reply = mgmt::guarded(work);
        daemon_.post([then, reply] { then(reply); });
    });
}

void Service::answer_request(const Uid& mds, const json::object& message) {
    std::string id = json::get_string(message, "id"), op = json::get_string(message, "op");
    Then then = [this, mds, id](mgmt::Reply reply) {
        system_->send(mds, k_reply,
                      json::text(json::object{
                          {"id", id}, {"status", reply.status}, {"body", reply.body}}));
    };
    try {
        if (op == "run") {
            run_in_domain(json::get_string(message, "domain"), json::get_string(message, "command"),
                          json::get_string(message, "body"), then, false);
        } else if (op == "renew") {
            sign_for(mds, message, then);
        } else if (op == "certify-administrator") {
            auto sender = find_mds(mds.text());
            if (!sender || sender->log_server()) {
                throw Error(Code::forbidden, "only a Multi-Domain Server asks for certificates");
            }
            certify_administrator(message, then);
        } else if (op == "certify-gateway" || op == "settle-gateways") {
            gateway_message(mds, op, message, then);
        } else if (op == "revoke-certificate" || op == "renew-certificate") {
            trust_message(mds, op, message, then);
        } else if (op == "ha-action") {
            local_ha_action(json::get_string(message, "server"),
                            json::get_object(message, "request"), then);
        } else if (op == "control-domain-server") {
            control_here(json::get_object(message, "order"), then);
        } else if (op == "assign-global") {
            take_global_assignment(message, then);
        } else if (op == "code-used") {
            code_used_elsewhere(message);
            then(mgmt::ok_reply(json::object{{"message", "OK"}}));
        } else if (op == "audit-seen") {
            auto of = Uid::parse(json::get_string(message, "mds"));
            if (!of) throw Error(Code::invalid_parameter, "no server is named");
            then(mgmt::ok_reply(audit_seen(*of)));
        } else if (op == "audit-check") {
            check_audit_here(json::get_object(message, "seen"), then);
        } else if (op == "backup") {
            backup_step(message, then);
        } else if (op == "former-authority") {
            take_former_authority(mds, message, then);
        } else if (op == "hears") {
            auto asked = Uid::parse(json::get_string(message, "mds"));
            bool hears = asked && (*asked == identity_->uid || !grid_->silent(*asked));
            then(mgmt::ok_reply(json::object{{"hears", hears}}));
        } else if (op == "promote-domain-server") {
            promote_domain_server(json::get_string(message, "domain"), mds,
                                  json::get_string(message, "user"));
            then(mgmt::ok_reply(json::object{{"message", "OK"}}));
        } else if (op == "task") {
            call_domain(json::get_string(message, "server"), "Task",
                        json::get_string(message, "task"),
                        [then](std::optional<Error> error, std::string text) {
                            then(error ? mgmt::error_reply(*error) : mgmt::Reply{200, text});
                        });
        } else {
            throw Error(Code::command_not_found, "unknown request " + op);
        }
    } catch (const Error& e) {
        then(mgmt::error_reply(e));
    } catch (const std::exception& e) {
        then(mgmt::error_reply(Error(Code::internal, e.what())));
    }
}

void Service::execute_in_domain(const std::string& server, const std::string& sid,
                                const std::string& command, const std::string& body, Then then) {
    bus::Blob blob = bus::pack_body(body);
    domain_proxy(server)
        .callMethodAsync(bus::MemberName{"Execute"})
        .onInterface(bus::InterfaceName{"org.openmds.Internal.Command1"})
        .withArguments(sid, command, std::string(), blob.bytes, blob.fds,
                       std::map<std::string, std::string>{{"user-agent", "mdsctl"}})
        .uponReplyInvoke([then = std::move(then)](bus::ReplyError error, const uint16_t& status,
                                                  const std::vector<uint8_t>& reply,
                                                  const std::vector<sdbus::UnixFd>& fds) {
            if (const sdbus::Error* e = bus::error_ptr(error)) {
                return then(mgmt::error_reply(bus::from_bus_error(*e)));
            }
            then({status, bus::unpack(reply, fds)});
        });
}

void Service::run_in_domain(const std::string& domain, const std::string& command, std::string body,
                            Then then, bool may_pass_on) {
    auto row = find_domain(domain);
    if (!row) throw Error(Code::object_not_found, "Requested object [" + domain + "] not found");
    std::string server;
    for (const json::value& s : row->servers) {
        if (json::get_string(s.as_object(), "mds") == identity_->uid.text()) {
            server = json::get_string(s.as_object(), "name");
        }
    }
    // One that is stopped answers nothing; the others know the Domain as well.
    if (!server.empty() && grid_->stopped(identity_->uid, row->uid, server)) server.clear();
    if (server.empty()) {
        for (const json::value& s : may_pass_on ? row->servers : json::array{}) {
            auto mds = Uid::parse(json::get_string(s.as_object(), "mds"));
            if (!mds || *mds == identity_->uid || grid_->silent(*mds)) continue;
            if (grid_->stopped(*mds, row->uid, json::get_string(s.as_object(), "name"))) continue;
            return request(*mds, {{"op", "run"}, {"domain", row->uid.text()}, {"command", command},
                                  {"body", body}}, std::move(then));
        }
        if (auto stopped = stopped_problem(*row, {}, false)) throw *stopped;
        throw Error(Code::unreachable, "no server of Domain " + row->name + " answers");
    }
    auto it = local_sessions_.find(server);
    const json::object* cell = grid_->cell(identity_->uid, row->uid);
    if (it != local_sessions_.end() && it->second.read_only && cell &&
        json::get_string(*cell, "role") == "active") {
        // It was opened on a Standby and stays read-only; the server is Active by now.
        execute_in_domain(server, it->second.sid, "logout", "{}", [](mgmt::Reply) {});
        local_sessions_.erase(it);
        it = local_sessions_.end();
    }
    if (it == local_sessions_.end()) {
        login_local({{"domain", row->uid.text()}},
                    [this, server, domain, command, body, then](mgmt::Reply reply) {
                        if (reply.status != 200) return then(std::move(reply));
                        json::object opened = json::parse_object(reply.body);
                        local_sessions_[server] = {json::get_string(opened, "sid"),
                                                   json::get_bool(opened, "read-only")};
                        run_in_domain(domain, command, body, then);
                    });
        return;
    }
    std::string sid = it->second.sid;
    bool writes = starts_with_any(command, {"add-", "set-", "delete-"}) && command != "set-ha-state";
    execute_in_domain(server, sid, command, body,
                      [this, server, domain, command, body, sid, writes, then](mgmt::Reply reply) {
                          if (reply.status == 401) {
                              local_sessions_.erase(server);
                              return run_in_domain(domain, command, body, then);
                          }
                          if (!writes) return then(std::move(reply));
                          bool good = reply.status == 200;
                          execute_in_domain(server, sid, good ? "publish" : "discard", "{}",
                                            [reply, good, then](mgmt::Reply end) {
                                                then(good && end.status != 200 ? end : reply);
                                            });
                      });
}

void Service::local_ha_action(const std::string& server, const json::object& request, Then then) {
    call_domain(server, "HaAction", json::text(request),
                [then](std::optional<Error> error, std::string text) {
                    then(error ? mgmt::error_reply(*error) : mgmt::Reply{200, std::move(text)});
                });
}

void Service::ha_action(const json::object& body, Then then) {
    std::string action = json::get_string(body, "action");
    std::string target = json::get_string(body, "target");
    if (fold(json::get_string(body, "domain")) == "system data") {
        // Who is Active is not changed here: it is the Primary. Only the way out of two Primaries is.
        auto named = target.empty() ? std::nullopt : find_mds(target);
        bool here = target.empty() || (named && named->uid == identity_->uid);
        bool collision = json::get_string(system_->status(), "state") == "collision";
        bool fits = action == "full-sync" || (action == "verify" && here) ||
                    (action == "set-standby" && here && collision);
        if (!target.empty() && !named) {
            throw Error(Code::object_not_found, "Requested object [" + target + "] not found")
                .refusal("", "mdsctl server list");
        }
        if (!fits) {
            Error refused(Code::ha_invalid, action == "verify"
                                                ? "the system data of " + named->name + " is verified there"
                                                : "the system data is Active on the Primary; only when two servers "
                                                  "are, one of them is set Standby, on itself");
            if (action != "verify") throw refused;
            throw std::move(refused).refusal("", "on " + named->name + ": mdsctl ha verify 'System Data'");
        }
        return then(mgmt::ok_reply(system_->ha_action({{"action", action},
                                                       {"target", action == "full-sync" ? target : std::string()},
                                                       {"user", json::get_string(body, "user", "root")},
                                                       {"plan", json::get_bool(body, "plan")},
                                                       {"confirmed", json::get_bool(body, "confirmed")}})));
    }
    auto row = find_domain(json::get_string(body, "domain"));
    if (!row) {
        throw Error(Code::object_not_found,
                    "Requested object [" + json::get_string(body, "domain") + "] not found");
    }
    // The server that carries it out: the one that becomes Active itself; the Active for the rest.
    Uid active = grid_->active_mds(row->uid), where = active;
    auto server_on = [&](const Uid& mds) {
        for (const json::value& s : row->servers) {
            if (json::get_string(s.as_object(), "mds") == mds.text()) {
                return json::get_string(s.as_object(), "name");
            }
        }
        return std::string();
    };
    Uid named;
    for (const json::value& s : row->servers) {
        const json::object& o = s.as_object();
        if (fold(target) == fold(json::get_string(o, "mds-name")) || target == json::get_string(o, "mds") ||
            (row->type != "global domain" && fold(target) == fold(json::get_string(o, "name")))) {
            named = *Uid::parse(json::get_string(o, "mds"));
        }
    }
    if (!target.empty() && named.is_nil()) {
        std::vector<std::string> names;
        for (const json::value& s : row->servers) {
            names.push_back(json::get_string(s.as_object(), "mds-name"));
        }
        throw Error(Code::object_not_found,
                    fmt::format("Domain {} has no server on {}; it has servers on {}", row->name,
                                target, join(names, ", ")));
    }
    if (action == "set-active" || action == "force-active") {
        where = named.is_nil() ? identity_->uid : named;
    } else if (action == "set-standby" && !named.is_nil()) {
        where = named;
    } else if (action == "verify") {
        bool here = !server_on(identity_->uid).empty();
        where = !named.is_nil() ? named : here ? identity_->uid : active;
    }
    // Whoever becomes Active asks the one that is, which does not run.
    if (action == "set-active" && active.is_nil()) {
        if (auto stopped = stopped_problem(*row, {}, true)) throw *stopped;
    }
    // Not "it does not answer": it would, if somebody started it.
    if (where.is_nil()) {
        if (auto stopped = stopped_problem(*row, {}, true)) throw *stopped;
    } else if (auto stopped = stopped_problem(*row, where, false)) {
        throw *stopped;
    }
    if (where.is_nil()) {
        throw Error(Code::ha_invalid, "Domain " + row->name + " has no Active server that answers")
            .refusal("RF-21", "mdsctl ha status " + shell_word(row->name));
    }
    json::object request_body{
        {"action", action},
        {"user", json::get_string(body, "user", "root")},
        {"plan", json::get_bool(body, "plan")},
        {"confirmed", json::get_bool(body, "confirmed")},
        {"target", action == "full-sync" && !named.is_nil() ? named.text() : std::string()}};
    std::string server = server_on(where);
    Then remember = [this, where, server, row = *row, then](mgmt::Reply reply) {
        if (reply.status != 200) {
            const json::object told = json::parse_object(reply.body);
            bool lost = json::get_string(json::get_object(told, "refusal"), "id") == "RF-21";
            if (auto stopped = lost ? stopped_problem(row, {}, true) : std::nullopt) {
                return then(mgmt::error_reply(*stopped));
            }
        }
        std::string task = reply.status == 200
                               ? json::get_string(json::parse_object(reply.body), "task-id")
                               : std::string();
        if (!task.empty()) remember_task(task, where, server);
        then(std::move(reply));
    };
    if (where == identity_->uid) return local_ha_action(server, request_body, remember);
    request(where, {{"op", "ha-action"}, {"server", server}, {"request", request_body}}, remember);
}

void Service::load_tasks_elsewhere() {
    SQLite::Database& db = system_->workspace().work().db();
    db.exec(
        "CREATE TABLE IF NOT EXISTS task_elsewhere(id TEXT PRIMARY KEY, mds TEXT NOT NULL, "
        "server TEXT NOT NULL, time_ms INTEGER NOT NULL)");
    // Deleted servers whose certificates are not revoked yet (certificates.cc).
    db.exec("CREATE TABLE IF NOT EXISTS departing(uuid TEXT PRIMARY KEY)");
    // Who has logged in with which certificate (personal_certificates.cc).
    db.exec("CREATE TABLE IF NOT EXISTS certificate_login(certificate TEXT PRIMARY KEY, administrator TEXT NOT NULL)");
    db.exec("CREATE TABLE IF NOT EXISTS withdrawing(domain TEXT PRIMARY KEY)");
    db.exec("CREATE TABLE IF NOT EXISTS superseded(uuid TEXT PRIMARY KEY, serial TEXT NOT NULL)");
    SQLite::Statement old(db, "DELETE FROM task_elsewhere WHERE time_ms<?");
    old.bind(1, wall_ms() - k_keep_tasks_ms);
    old.exec();
    SQLite::Statement s(db, "SELECT id,mds,server FROM task_elsewhere");
    while (s.executeStep()) {
        auto mds = Uid::parse(s.getColumn(1).getString());
        if (mds) tasks_elsewhere_[s.getColumn(0).getString()] = {*mds, s.getColumn(2).getString()};
    }
}

void Service::remember_task(const std::string& id, const Uid& mds, const std::string& server) {
    tasks_elsewhere_[id] = {mds, server};
    // Whoever comes back to the task later finds it after a restart of this process too.
    SQLite::Statement s(system_->workspace().work().db(),
                        "INSERT OR REPLACE INTO task_elsewhere VALUES(?,?,?,?)");
    s.bind(1, id);
    s.bind(2, mds.text());
    s.bind(3, server);
    s.bind(4, wall_ms());
    s.exec();
}

void Service::task_elsewhere(const std::string& id, Then then) {
    auto [mds, server] = tasks_elsewhere_.at(id);
    Then wrap = [then](mgmt::Reply reply) {
        if (reply.status == 200) {
            reply.body =
                json::text(json::object{{"tasks", json::array{json::parse(reply.body)}}});
        }
        then(std::move(reply));
    };
    if (mds == identity_->uid) {
        call_domain(server, "Task", id, [wrap](std::optional<Error> error, std::string text) {
            wrap(error ? mgmt::error_reply(*error) : mgmt::Reply{200, std::move(text)});
        });
        return;
    }
    request(mds, {{"op", "task"}, {"server", server}, {"task", id}}, wrap);
}

}  // namespace mds::core
