#include "server/sync_link.hh"

#include "bus/blob.hh"
#include "log/log.hh"

namespace mds::server {
namespace {

const bus::InterfaceName k_interface{"org.openmds.Sync1"};

}  // namespace

struct SyncLink::Impl : std::enable_shared_from_this<SyncLink::Impl> {
    Impl(bus::Connection& c, std::string ch, std::string p)
        : connection(c), channel(std::move(ch)), path(std::move(p)) {}

    void start(SyncLink* owner) {
        link = owner;
        sync = sdbus::createProxy(connection.raw(), bus::ServiceName{"org.openmds.Sync1"},
                                  sdbus::ObjectPath{"/org/openmds/Sync1"});
        sync->uponSignal(bus::MemberName{"PeerChanged"})
            .onInterface(k_interface)
            .call([this](const std::string& uid, const std::string& state,
                         const std::string& reason) { told(uid, state, reason); });
        bus::finish(*sync);
        // Of this one name: on a host with hundreds of Domain Servers names come and go all the time.
        appears = bus::match(
            connection.raw(),
            "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
            "member='NameOwnerChanged',arg0='org.openmds.Sync1'",
            [this](auto&& message) {
                std::string name, before, now;
                message >> name >> before >> now;
                if (!now.empty()) enlist();
            });
        enlist();
    }

    void told(const std::string& uid, const std::string& state, const std::string& reason) {
        auto id = Uid::parse(uid);
        if (id && link && link->on_link) link->on_link(*id, state, reason);
    }

    void enlist() {
        std::weak_ptr<Impl> weak = weak_from_this();
        sync->callMethodAsync(bus::MemberName{"Register"})
            .onInterface(k_interface)
            .withArguments(channel, sdbus::ObjectPath{path})
            .uponReplyInvoke([weak](bus::ReplyError error) {
                auto self = weak.lock();
                if (!self) return;
                const sdbus::Error* e = bus::error_ptr(error);
                if (e) {
                    // mds-sync is not there yet; its appearance on the bus brings us back.
                    log::debug("mds-sync: " + e->getMessage());
                    return;
                }
                self->ask_links();
            });
    }

    void ask_links() {
        std::weak_ptr<Impl> weak = weak_from_this();
        using Row = sdbus::Struct<std::string, std::string, std::string, std::string, int64_t,
                                  int64_t, std::string, uint32_t>;
        sync->callMethodAsync(bus::MemberName{"Peers"})
            .onInterface(k_interface)
            .uponReplyInvoke([weak](bus::ReplyError error, const std::vector<Row>& rows) {
                auto self = weak.lock();
                if (!self || bus::error_ptr(error)) return;
                for (const Row& row : rows) {
                    self->told(std::get<0>(row), std::get<3>(row), std::get<6>(row));
                }
            });
    }

    bus::Connection& connection;
    std::string channel, path;
    std::unique_ptr<sdbus::IProxy> sync;
    sdbus::Slot appears;
    SyncLink* link = nullptr;
};

SyncLink::SyncLink(bus::Connection& connection, std::string channel, std::string object_path)
    : impl_(std::make_shared<Impl>(connection, std::move(channel), std::move(object_path))) {}

SyncLink::~SyncLink() { impl_->link = nullptr; }

void SyncLink::start() { impl_->start(this); }

void SyncLink::send(const Uid& mds, uint16_t kind, const std::string& payload) {
    if (!impl_->sync) return;
    bus::Blob blob = bus::pack(payload);
    try {
        impl_->sync->callMethod(bus::MemberName{"Send"})
            .onInterface(k_interface)
            .withArguments(mds.text(), impl_->channel, kind, blob.bytes, blob.fds)
            .dontExpectReply();
    } catch (const sdbus::Error& e) {
        log::debug("mds-sync: " + e.getMessage());
    }
}

}  // namespace mds::server
