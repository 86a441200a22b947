// The revocation lists for gateways and third parties: signed by the Primary's mds-ca, carried to every server,
// kept where mds-crl serves them (security.md 3, K-16 to K-18). What is revoked between members is another
// matter (certificates.cc).
#include "base/clock.hh"
#include "blocking_bus.hh"
#include "bus/blob.hh"
#include "log/log.hh"
#include "service.hh"

namespace mds::core {
namespace {

/// A member that does not confirm what it was sent gets it again after this time.
constexpr int64_t k_again_ms = 2000;

json::object fetch(BlockingBus& bus, uint64_t after) {
    auto [bytes, fds] = bus.call<std::vector<uint8_t>, std::vector<sdbus::UnixFd>>(
        "org.openmds.Ca1", "ListsAfter", after);
    return json::parse_object(bus::unpack(bytes, fds));
}

}  // namespace

std::string list_server_url(const std::string& address, int port) {
    bool six = address.find(':') != std::string::npos;
    return "http://" + (six ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

uint64_t Service::keep_lists(const json::object& message) {
    std::vector<std::pair<std::string, std::string>> lists;
    for (const json::value& v : json::get_array(message, "lists")) {
        lists.emplace_back(json::get_string(v.as_object(), "name"), json::get_string(v.as_object(), "pem"));
    }
    std::lock_guard lock(lists_lock_);
    // Something between was lost; the next heartbeat says so.
    if (static_cast<uint64_t>(json::get_int(message, "after")) > lists_folder_.version()) {
        return lists_folder_.version();
    }
    lists_folder_.keep(lists, static_cast<uint64_t>(json::get_int(message, "version")));
    return lists_folder_.version();
}

void Service::follow_lists() {
    if (identity_->role != "primary" || json::get_string(authority_, "state") != "ready") return;
    std::vector<std::string> servers;
    int port = daemon_.config().get_int("Crl.Port");
    if (system_->db().has_history()) {
        for (const MdsRow& row : all_mdss()) servers.push_back(list_server_url(row.address, port));
    }
    int64_t state = json::get_int(authority_, "number");
    bool told = servers.empty() || servers == list_servers_;
    if (following_lists_ || (told && state == lists_state_)) return;
    following_lists_ = true;
    daemon_.work([this, told, servers, state] {
        try {
            BlockingBus bus;
            if (!told) bus.call<>("org.openmds.Ca1", "SetListServers", servers);
            uint64_t before;
            {
                std::lock_guard lock(lists_lock_);
                before = lists_folder_.version();
            }
            json::object lists = fetch(bus, before);
            bool news = static_cast<uint64_t>(json::get_int(lists, "version")) != before;
            uint64_t version = news ? keep_lists(lists) : before;
            daemon_.post([this, told, servers, state, version, news, text = json::text(lists)] {
                following_lists_ = false;
                lists_state_ = state;
                lists_version_ = version;
                if (!told) list_servers_ = servers;
                if (news) {
                    for (const repl::Peer& p : system_->config().peers) system_->send(p.mds, k_lists, text);
                }
                follow_lists();
            });
        } catch (const std::exception& e) {
            log::warning(std::string("revocation lists: ") + e.what());
            daemon_.post([this] { following_lists_ = false; });
        }
    });
}

void Service::catch_up_lists(const Uid& mds, const json::object& beat) {
    if (identity_->role != "primary" || json::get_string(authority_, "state") != "ready" ||
        lists_version_ == 0) {
        return;
    }
    // A server of an earlier release knows nothing of them.
    int64_t there = json::get_int(beat, "lists", -1);
    if (there < 0 || static_cast<uint64_t>(there) == lists_version_) return;
    int64_t& sent = lists_sent_[mds];
    if (sent != 0 && mono_ms() - sent < k_again_ms) return;
    sent = mono_ms();
    daemon_.work([this, mds, there] {
        try {
            BlockingBus bus;
            std::string text = json::text(fetch(bus, static_cast<uint64_t>(there)));
            daemon_.post([this, mds, text] { system_->send(mds, k_lists, text); });
        } catch (const std::exception& e) {
            log::warning(std::string("revocation lists for another server: ") + e.what());
        }
    });
}

void Service::take_lists(json::object message) {
    daemon_.work([this, message = std::move(message)] {
        try {
            uint64_t version = keep_lists(message);
            daemon_.post([this, version] { lists_version_ = version; });
        } catch (const std::exception& e) {
            log::warning(std::string("the revocation lists of the Primary cannot be kept: ") + e.what());
        }
    });
}

}  // namespace mds::core
