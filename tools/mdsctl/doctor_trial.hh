#pragma once
#include "doctor.hh"
#include "doctor_world.hh"

namespace mds::ctl::doctor {

/// Ports of the server that was asked about, beside the one of mds-sync.
Findings look_at_ports(const World& world);
/// A handshake with it (Sync1.TestPeer), for root.
Findings look_at_handshake(const World& world);
/// mdsctl trust test: the way to the server that was asked about, from its name to the handshake.
Findings test_peer(const World& world);

}  // namespace mds::ctl::doctor
