#include "server/install_database.hh"

#include <fmt/core.h>

#include "base/clock.hh"
#include "base/text.hh"
#include "model/coerce.hh"

namespace mds::server {
namespace {

/// A server that is not there by then has failed.
constexpr int64_t k_patience_ms = 20'000;

}  // namespace

DatabaseInstalls::DatabaseInstalls(mgmt::Workspace& workspace, repl::Replica& replica, const Config& config)
    : workspace_(workspace), replica_(replica), config_(config) {}

Uid DatabaseInstalls::server_named(const std::string& name) const {
    auto is = [&](const std::string& server, const std::string& mds_name, const Uid& uid) {
        return fold(name) == fold(server) || fold(name) == fold(mds_name) || name == uid.text();
    };
    if (is(config_.self.name, config_.mds_name, config_.self.server)) return config_.self.mds;
    for (const repl::Peer& p : config_.peers) {
        if (is(p.name, p.mds_name, p.server)) return p.mds;
    }
    return {};
}

json::object DatabaseInstalls::start(mgmt::Call& call) {
    call.only({"targets"});
    const json::value* given = json::find(call.params(), "targets");
    std::vector<std::pair<std::string, Uid>> servers;
    size_t others = 0;
    if (given && !given->is_null()) {
        for (const json::value& v : model::as_list(*given)) {
            std::string name = model::coerce_string(v, "targets");
            Uid mds = server_named(name);
            others += mds.is_nil();
            if (!mds.is_nil()) servers.emplace_back(name, mds);
        }
    }
    if (servers.empty()) return workspace_.generic("install-database", call);
    if (others > 0) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [targets]. Servers of the Domain and gateways are given apart.");
    }
    json::array tasks;
    for (const auto& [name, mds] : servers) {
        Waiting w;
        w.task = workspace_.create_task("Install database", name, call.user(), false, call.session_uid());
        w.mds = mds;
        w.name = name;
        w.revision = workspace_.db().position().rev;
        w.until_ms = mono_ms() + k_patience_ms;
        tasks.push_back(json::object{{"target", name}, {"task-id", w.task.text()}});
        waiting_.push_back(std::move(w));
    }
    tick();
    return {{"tasks", std::move(tasks)}};
}

void DatabaseInstalls::done(const Waiting& w, uint64_t revision) {
    std::string text = fmt::format("{} has revision {}: users and objects are there", w.name, revision);
    workspace_.finish_task(w.task, "succeeded",
                           json::array{json::object{{"target", w.name},
                                                    {"revision", revision},
                                                    {"statusCode", "succeeded"},
                                                    {"statusDescription", text}}},
                           text);
}

void DatabaseInstalls::tick() {
    std::erase_if(waiting_, [this](const Waiting& w) {
        if (w.mds == config_.self.mds) {
            done(w, w.revision);
            return true;
        }
        std::string why = "it is no server of this Domain any more";
        for (const repl::PeerStatus& p : replica_.peer_status()) {
            if (p.peer.mds != w.mds) continue;
            if (p.heard && p.revision >= w.revision &&
                (p.status == repl::SyncStatus::synchronized || p.revision > w.revision)) {
                done(w, p.revision);
                return true;
            }
            why = p.reason.empty() ? "it has revision " + std::to_string(p.revision) : p.reason;
            if (p.status != repl::SyncStatus::unreachable && mono_ms() < w.until_ms) return false;
        }
        std::string text = fmt::format("{} does not have revision {}: {}", w.name, w.revision, why);
        workspace_.finish_task(w.task, "failed",
                               json::array{json::object{{"target", w.name},
                                                        {"statusCode", "failed"},
                                                        {"fault-message", text},
                                                        {"statusDescription", text}}},
                               text);
        return true;
    });
}

}  // namespace mds::server
