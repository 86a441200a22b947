#include "service.hh"

#include "enrol_peer.hh"

#include <boost/asio/post.hpp>

#include "base/ids.hh"
#include "bus/blob.hh"
#include "log/log.hh"

namespace mds::sync {
namespace {

constexpr char k_name[] = "org.openmds.Sync1";
constexpr char k_path[] = "/org/openmds/Sync1";
/// Milliseconds: deadlines and heartbeats are looked at so often; changes are announced so late.
constexpr int k_tick_ms = 250;
constexpr int k_announce_ms = 50;

std::string canonical_uid(const std::string& text) {
    auto uid = Uid::parse(text);
    if (!uid) throw Error(Code::invalid_parameter, "not a uid: " + text);
    return uid->text();
}

}  // namespace

Service::Service(app::Daemon& daemon)
    : AdaptorInterfaces(daemon.bus().raw(), sdbus::ObjectPath{k_path}),
      daemon_(daemon),
      channels_(daemon.bus()),
      network_(
          daemon.io(), static_cast<uint16_t>(daemon.config().get_int("Sync.Port")),
          {[this](const std::string& uid, wire::Message&& message) {
               deliver(uid, std::move(message));
           },
           [this](const std::string& uid) { peer_changed(uid); }, [this] { announce("State"); },
           [this](const wire::PeerIdentity& gateway, const std::string& address, const std::string& request,
                  std::function<void(std::string)> then) {
               ask_for_gateway(gateway, address, request, std::move(then));
           }}) {
    registerAdaptor();
    names_ = bus::match(
        daemon.bus().raw(),
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
        "member='NameOwnerChanged',arg2=''",
        [this](auto&& message) {
            std::string name;
            message >> name;
            for (const std::string& channel : channels_.forget(name)) {
                // Its peers need not wait for silence to see that it is gone.
                for (const auto& [uid, peer] : network_.peers()) {
                    network_.send(uid, {channel, wire::k_no_owner, ""});
                }
            }
            callers_.forget(name);
        });
    load_trust();
    daemon.bus().own(k_name);
    daemon.every(k_tick_ms, [this] { network_.tick(); });
    daemon.on_stop([this] { network_.stop(); });
    daemon.ready(status_line());
}

Service::~Service() {
    unregisterAdaptor();
}

void Service::require_ours() {
    callers_.require(*bus::current_message(getObject()));
}

void Service::Register(const std::string& channel, const sdbus::ObjectPath& path) {
    bus::guarded([&] {
        require_ours();
        if (channel.empty() || channel.size() > wire::k_max_channel) {
            throw Error(Code::invalid_parameter, "a channel has 1 to 255 bytes");
        }
        channels_.add(channel, std::string{bus::current_message(getObject())->getSender()}, path);
    });
}

void Service::Send(const std::string& peer, const std::string& channel, const uint16_t& kind,
                   const std::vector<uint8_t>& payload,
                   const std::vector<sdbus::UnixFd>& payload_fd) {
    try {
        require_ours();
        network_.send(peer, {channel, kind, bus::unpack(payload, payload_fd)});
    } catch (const std::exception& e) {
        // Nobody waits for an answer.
        log::warning("Dropped a message for channel " + channel + ": " + e.what());
    }
}

void Service::deliver(const std::string& peer, wire::Message&& message) {
    std::string channel = message.channel;
    bool answer = message.kind != wire::k_no_owner;
    if (!channels_.deliver(peer, std::move(message)) && answer) {
        network_.send(peer, {channel, wire::k_no_owner, ""});
    }
}

void Service::SetMembers(const std::string& self_uid, const std::vector<MemberRow>& members) {
    bus::guarded([&] {
        require_ours();
        std::string self = self_uid.empty() ? "" : canonical_uid(self_uid);
        std::vector<Member> list;
        for (const MemberRow& row : members) {
            Member member{canonical_uid(row.get<0>()), row.get<1>(), row.get<2>(), row.get<3>()};
            if (member.uid != self) list.push_back(std::move(member));
        }
        if (!self.empty() && self != self_) {
            self_ = self;
            announce("Self");
        }
        network_.set_members(list);
        announce("Connected");
    });
}

void Service::ask_for_gateway(const wire::PeerIdentity& gateway, const std::string& address,
                              const std::string& request, std::function<void(std::string)> then) {
    auto refuse = [then](std::string_view code, const std::string& why) {
        then(json::text(json::object{{"code", code}, {"message", why}}));
    };
    sdbus::IProxy* domain = channels_.owner("domain/" + gateway.domain);
    if (!domain) return refuse(code_word(Code::object_not_found), "this server has no server of the gateway's Domain");
    std::string who = json::text(json::object{
        {"sic-name", gateway.sic_name}, {"serial", gateway.serial}, {"address", address}});
    domain->callMethodAsync(bus::MemberName{"Ask"})
        .onInterface(bus::InterfaceName{"org.openmds.Internal.Gateway1"})
        .withArguments(who, request)
        .uponReplyInvoke([then, refuse](bus::ReplyError failed, const std::vector<uint8_t>& reply,
                                        const std::vector<sdbus::UnixFd>& fds) {
            if (const sdbus::Error* e = bus::error_ptr(failed)) {
                Error error = bus::from_bus_error(*e);
                return refuse(code_word(error.code()), error.message());
            }
            try {
                then(bus::unpack(reply, fds));
            } catch (const Error& e) {
                refuse(code_word(e.code()), e.message());
            }
        });
}

void Service::Enrol(sdbus::Result<std::string>&& result, std::vector<uint8_t> given,
                    std::vector<sdbus::UnixFd> given_fd) {
    auto answer = std::make_shared<sdbus::Result<std::string>>(std::move(result));
    std::string request;
    try {
        require_ours();
        request = bus::unpack(given, given_fd);
    } catch (const Error& e) {
        answer->returnError(bus::to_bus_error(e));
        return;
    }
    // SPAKE2, scrypt and waiting for the other machine: on a worker thread.
    daemon_.work([this, answer, request = std::move(request)] {
        std::string reply;
        std::optional<Error> error;
        try {
            reply = enrol_peer(json::parse_object(request), trust_.deployment());
        } catch (const Error& e) {
            error = e;
        } catch (const std::exception& e) {
            error = Error(Code::internal, e.what());
        }
        daemon_.post([answer, reply, error] {
            if (error) {
                answer->returnError(bus::to_bus_error(*error));
            } else {
                answer->returnResults(reply);
            }
        });
    });
}

std::tuple<std::string, std::string> Service::PrepareIdentity(const std::string& name,
                                                              const std::string& uid) {
    return bus::guarded([&] {
        require_ours();
        auto [identity, sealing] = trust_.prepare(name, canonical_uid(uid));
        return std::tuple<std::string, std::string>(identity, sealing);
    });
}

void Service::InstallIdentity(const std::string& identity_pem, const std::string& sealing_pem,
                              const std::string& chain_pem, const std::string& root_pem,
                              const std::string& crl_pem, const std::string& deployment_json) {
    bus::guarded([&] {
        require_ours();
        json::object deployment = json::parse_object(deployment_json);
        enrol::Issued issued;
        issued.identity_cert_pem = identity_pem;
        issued.sealing_cert_pem = sealing_pem;
        issued.chain_pem = chain_pem;
        issued.root_pem = root_pem;
        issued.crl_pem = crl_pem;
        issued.deployment_id = json::get_string(deployment, "id");
        issued.deployment_name = json::get_string(deployment, "name");
        issued.members_json = json::text(json::get_array(deployment, "members"));
        trust_.install(issued);
        load_trust();
    });
}

void Service::InstallRevocations(const std::string& crl_pem) {
    bus::guarded([&] {
        require_ours();
        if (trust_.install_revocations(crl_pem)) load_trust();
    });
}

std::tuple<std::string, std::string, std::string> Service::Authorities() {
    return bus::guarded([&] {
        require_ours();
        auto [chain, root, crl] = trust_.authorities();
        return std::tuple(chain, root, crl);
    });
}

void Service::ReloadTrust() {
    bus::guarded([&] {
        require_ours();
        load_trust();
    });
}

std::vector<Service::PeerRow> Service::Peers() {
    std::vector<PeerRow> rows;
    for (const auto& [uid, peer] : network_.peers()) {
        const Member& member = peer->member();
        rows.emplace_back(uid, member.name, member.address, state_text(peer->state()),
                          peer->since(), peer->last_contact(), peer->reason(),
                          peer->round_trip_us());
    }
    return rows;
}

void Service::TestPeer(sdbus::Result<std::string>&& result, std::string uid) {
    auto answer = std::make_shared<sdbus::Result<std::string>>(std::move(result));
    try {
        require_ours();
        network_.test(canonical_uid(uid), [answer](const json::object& told) {
            answer->returnResults(json::text(told));
        });
    } catch (const Error& e) {
        answer->returnError(bus::to_bus_error(e));
    }
}

void Service::load_trust() {
    std::shared_ptr<wire::Tls> tls;
    std::string why;
    try {
        tls = trust_.load();
    } catch (const std::exception& e) {
        why = e.what();
        log::error(why);
    }
    if (tls) {
        std::string self = tls->self().uid.text();
        if (!self_.empty() && self_ != self) {
            log::warning("The certificate of this server is for " + self + ", its uid is " + self_);
        }
        self_ = self;
        announce("Self");
    }
    deployment_ = tls ? trust_.deployment() : "";
    announce("Deployment");
    certificate_ = tls ? trust_.certificate() : "{}";
    announce("Certificate");
    network_.set_trust(std::move(tls), why);
}

void Service::peer_changed(const std::string& uid) {
    // Posted, so that a handler of a socket ends before the bus gets its turn.
    daemon_.post([this, uid] {
        auto peer = network_.find(uid);
        if (peer) {
            emitPeerChanged(uid, state_text(peer->state()), peer->reason());
        } else {
            emitPeerChanged(uid, "removed", "");
        }
    });
    announce("Connected");
}

void Service::announce(const char* property) {
    changed_.insert(property);
    if (announcing_) return;
    announcing_ = true;
    auto timer = std::make_shared<boost::asio::steady_timer>(daemon_.io());
    timer->expires_after(std::chrono::milliseconds(k_announce_ms));
    timer->async_wait([this, timer](boost::system::error_code error) {
        if (!error) flush();
    });
}

void Service::flush() {
    announcing_ = false;
    std::vector<std::string> names(changed_.begin(), changed_.end());
    changed_.clear();
    for (const std::string& name : names) {
        bus::emit_changed(getObject(), INTERFACE_NAME, {name});
    }
    daemon_.status(status_line());
}

std::string Service::status_line() {
    if (network_.state() == "waiting for trust") return "Waiting for trust";
    size_t all = network_.peers().size();
    std::string line = all == 0 ? "No other servers"
                                : "Connected to " + std::to_string(network_.connected()) + " of " +
                                      std::to_string(all) + " servers";
    return network_.state() == "listening" ? line : line + "; " + network_.state();
}

}  // namespace mds::sync
