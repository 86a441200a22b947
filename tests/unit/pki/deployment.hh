#pragma once
#include "base/clock.hh"
#include "pki/crl.hh"
#include "pki/issue.hh"
#include "pki/seal.hh"
#include "pki/verify.hh"

// A small deployment: root, Servers CA, two Domains.
namespace mds::test {

inline const std::string k_deployment = "7f3a00000000abcd";
inline const std::string k_london = "0190a000-0000-7000-8000-00000000000a";
inline const std::string k_tokyo = "0190a000-0000-7000-8000-00000000000b";
inline const std::string k_server = "0190a000-0000-7000-8000-000000000001";

struct Deployment {
    int64_t now = wall_ms();
    pki::Issuer root = pki::Issuer::make_root(k_deployment, "acme-msp", now);
    pki::Issuer servers = root.make_authority(pki::Kind::servers_ca, "servers", "", now);
    pki::Issuer london = root.make_authority(pki::Kind::domain_ca, k_london, "London", now);
    pki::Issuer tokyo = root.make_authority(pki::Kind::domain_ca, k_tokyo, "Tokyo", now);
    pki::Key key = pki::Key::generate();

    pki::Certificate server() const {
        return servers.issue(pki::Kind::server, key, {"tokyo-mds-01", k_server, {}, {}, {}}, now);
    }
    pki::Expectation expect_server() const {
        pki::Expectation e;
        e.deployment = k_deployment;
        e.scope = "servers";
        e.kind = "server";
        e.uuid = k_server;
        e.anchors = {root.certificate()};
        e.intermediates = {servers.certificate(), london.certificate(), tokyo.certificate()};
        return e;
    }
};

}  // namespace mds::test
