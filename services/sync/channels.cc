#include "channels.hh"

#include "base/clock.hh"
#include "bus/blob.hh"
#include "log/log.hh"

namespace mds::sync {
namespace {

/// Bytes that may wait here for one owner.
constexpr size_t k_queue_limit = 64u << 20;
/// Bytes and memory files on the way to one owner; the bus allows few descriptors per connection.
constexpr size_t k_window_bytes = 4u << 20;
constexpr size_t k_window_files = 8;
/// What a message costs beside its payload.
constexpr size_t k_overhead = 256;
constexpr int64_t k_drop_log_ms = 10'000;

}  // namespace

struct Channels::Owner {
    struct Waiting {
        std::string peer;
        wire::Message message;
    };
    struct Load {
        size_t bytes = 0, files = 0;
    };
    std::unique_ptr<sdbus::IProxy> proxy;
    std::deque<Waiting> queue;
    size_t queued = 0;
    /// Sent and not known to be read; `fresh` is the part after the last ping.
    Load under_way, fresh;
    bool gone = false;
    int64_t drop_logged_ms = 0;
    uint64_t dropped = 0;
};

Channels::Channels(bus::Connection& bus) : bus_(bus) {}

Channels::~Channels() = default;

void Channels::add(const std::string& channel, const std::string& owner, const std::string& path) {
    auto& slot = owners_[{owner, path}];
    if (!slot) {
        slot = std::make_shared<Owner>();
        slot->proxy =
            sdbus::createProxy(bus_.raw(), bus::ServiceName{owner}, sdbus::ObjectPath{path});
    }
    by_channel_[channel] = slot;
    log::debug("channel " + channel + " is owned by " + owner + " " + path);
}

std::vector<std::string> Channels::forget(const std::string& name) {
    std::vector<std::string> left;
    auto it = owners_.lower_bound({name, ""});
    while (it != owners_.end() && it->first.first == name) {
        auto owner = it->second;
        owner->gone = true;
        owner->queue.clear();
        std::erase_if(by_channel_, [&](const auto& one) {
            if (one.second != owner) return false;
            left.push_back(one.first);
            return true;
        });
        it = owners_.erase(it);
    }
    return left;
}

sdbus::IProxy* Channels::owner(const std::string& channel) {
    auto it = by_channel_.find(channel);
    return it == by_channel_.end() ? nullptr : it->second->proxy.get();
}

bool Channels::deliver(const std::string& peer, wire::Message&& message) {
    auto it = by_channel_.find(message.channel);
    if (it == by_channel_.end()) {
        log::debug("no owner of channel " + message.channel + " here: dropped a message");
        return false;
    }
    auto owner = it->second;
    size_t cost = message.payload.size() + k_overhead;
    if (owner->queued + cost > k_queue_limit) {
        ++owner->dropped;
        int64_t now = mono_ms();
        if (owner->drop_logged_ms != 0 && now - owner->drop_logged_ms < k_drop_log_ms) return true;
        owner->drop_logged_ms = now;
        log::warning("The owner of channel " + message.channel + " does not read: dropped " +
                     std::to_string(owner->dropped) + " messages of other servers");
        owner->dropped = 0;
        return true;
    }
    owner->queued += cost;
    owner->queue.push_back({peer, std::move(message)});
    advance(owner);
    return true;
}

void Channels::advance(const std::shared_ptr<Owner>& owner) {
    while (!owner->gone && !owner->queue.empty() && owner->under_way.bytes < k_window_bytes &&
           owner->under_way.files < k_window_files) {
        Owner::Waiting next = std::move(owner->queue.front());
        owner->queue.pop_front();
        size_t cost = next.message.payload.size() + k_overhead;
        owner->queued -= cost;
        try {
            bus::Blob blob = bus::pack(next.message.payload);
            size_t files = blob.fds.size();
            owner->proxy->callMethod("Deliver")
                .onInterface("org.openmds.Internal.Peer1")
                .withArguments(next.peer, next.message.channel, next.message.kind, blob.bytes,
                               blob.fds)
                .dontExpectReply();
            for (Owner::Load* load : {&owner->under_way, &owner->fresh}) {
                load->bytes += cost;
                load->files += files;
            }
        } catch (const std::exception& e) {
            log::warning("cannot deliver to channel " + next.message.channel + ": " + e.what());
        }
        bool half =
            owner->fresh.bytes >= k_window_bytes / 2 || owner->fresh.files >= k_window_files / 2;
        if (half) ping(owner);
    }
}

void Channels::ping(const std::shared_ptr<Owner>& owner) {
    Owner::Load load = owner->fresh;
    owner->fresh = {};
    // Any answer will do, an error too: the owner has gone past what was sent before.
    owner->proxy->callMethodAsync("Ping")
        .onInterface("org.freedesktop.DBus.Peer")
        .uponReplyInvoke([this, weak = std::weak_ptr<Owner>(owner), load](bus::ReplyError) {
            auto self = weak.lock();
            if (!self) return;
            self->under_way.bytes -= load.bytes;
            self->under_way.files -= load.files;
            advance(self);
        });
}

}  // namespace mds::sync
