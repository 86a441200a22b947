#pragma once
#include <functional>
#include <memory>

#include "json/json.hh"
#include "peer.hh"

namespace mds::sync {

/// The protocol number of a hello that begins nothing: it is answered as every hello is, with
/// `refused` when the other end does not take this server for a member, or with `refused` without a
/// reason when it does. The connections that are there stay as they are. A server that does not
/// know it says which version it speaks.
inline constexpr int k_trial_protocol = 0;

/// Goes to another server as a connection would, step by step, and tells how far it came
/// (Sync1.TestPeer):
/// {"address","port","connect-ms","handshake-ms","name","serial","not-after","step" ("name",
/// "connect", "handshake", "hello", "done"),"error","trust"}; `then` is called once, `patience_ms`
/// later at the most.
void try_peer(Surroundings& surroundings, const Member& member, int patience_ms,
              std::function<void(json::object)> then);

}  // namespace mds::sync
