#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bus/connection.hh"
#include "wire/message.hh"

namespace mds::sync {

/// The owners of channels on this host, and the way of messages to them over the bus: in order, no
/// more on the way than a window, so that a slow owner fills its queue here and not the bus's.
/// `Deliver` has no answer; a Ping behind it tells when the owner has read that far.
class Channels {
  public:
    explicit Channels(bus::Connection& bus);
    ~Channels();

    /// Makes `owner` (a unique bus name) with its object `path` the owner of `channel`.
    void add(const std::string& channel, const std::string& owner, const std::string& path);
    /// The name left the bus: its channels have no owner now. Returns them.
    std::vector<std::string> forget(const std::string& owner);
    /// Delivers, or drops when its owner has too much to read; false when the channel has no owner.
    bool deliver(const std::string& peer, wire::Message&& message);
    /// The owner's object, for a question that has an answer; null when the channel has no owner. Valid until
    /// the next forget().
    sdbus::IProxy* owner(const std::string& channel);

  private:
    struct Owner;
    void advance(const std::shared_ptr<Owner>& owner);
    void ping(const std::shared_ptr<Owner>& owner);

    bus::Connection& bus_;
    /// By channel, and by unique bus name and path.
    std::unordered_map<std::string, std::shared_ptr<Owner>> by_channel_;
    std::map<std::pair<std::string, std::string>, std::shared_ptr<Owner>> owners_;
};

}  // namespace mds::sync
