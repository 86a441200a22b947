#include <gtest/gtest.h>

#include "base/error.hh"
#include "deployment.hh"
#include "forge.hh"

using namespace mds;
using namespace mds::pki;
using namespace mds::test;

namespace {

constexpr int64_t k_day = 86'400'000;

void expect_refused(const Certificate& certificate, const Expectation& expected) {
    try {
        verify(certificate, expected);
        ADD_FAILURE() << "accepted: " << certificate.subject();
    } catch (const Error& e) {
        EXPECT_EQ(e.code(), Code::forbidden) << e.message();
    }
}

}  // namespace

TEST(Verify, AcceptsAServerOfTheDeployment) {
    Deployment d;
    Expectation e = d.expect_server();
    for (Usage usage : {Usage::any, Usage::tls_client, Usage::tls_server}) {
        e.usage = usage;
        EXPECT_EQ(verify(d.server(), e).uuid, k_server);
    }
    e.anchors = {d.servers.certificate()};
    e.intermediates = {};
    EXPECT_EQ(verify(d.server(), e).uuid, k_server) << "with the authority pinned";
}

TEST(Verify, RefusesOtherMembersKindsAndDeployments) {
    Deployment d;
    Expectation e = d.expect_server();
    e.uuid = k_london;
    expect_refused(d.server(), e);
    e = d.expect_server();
    e.kind = "console";
    expect_refused(d.server(), e);
    e = d.expect_server();
    e.deployment = "other";
    expect_refused(d.server(), e);
    e = d.expect_server();
    e.usage = Usage::tls_client;
    e.kind = "sealing";
    Subject subject{"tokyo-mds-01", k_server, {}, {}, {}};
    expect_refused(d.servers.issue(Kind::sealing, d.key, subject, d.now), e);
    Deployment other;
    expect_refused(other.server(), d.expect_server());
    expect_refused(d.servers.certificate(), d.expect_server());
}

TEST(Verify, RefusesWhatIsOutOfTimeUnlessTimesAreIgnored) {
    Deployment d;
    Expectation e = d.expect_server();
    e.at = d.now + 181 * k_day;
    expect_refused(d.server(), e);
    e.at = d.now - 10 * k_day;
    expect_refused(d.server(), e);
    e.at = d.now + 179 * k_day;
    EXPECT_NO_THROW(verify(d.server(), e));
    e.at = -1;
    d.now -= 300 * k_day;
    EXPECT_NO_THROW(verify(d.server(), e));
}

TEST(Verify, RefusesTheRevokedAlsoByAnOldList) {
    Deployment d;
    Certificate server = d.server();
    Expectation e = d.expect_server();
    e.crls = {Crl::make(d.london, 1, {{server.serial(), d.now, ""}}, d.now)};
    EXPECT_NO_THROW(verify(server, e)) << "a list of another authority says nothing";
    e.crls = {Crl::make(d.servers, 1, {{server.serial(), d.now, ""}}, d.now - 100 * k_day)};
    expect_refused(server, e);
}

// T-6: what an authority's key can sign when whoever holds it does not keep to the templates.
TEST(Verify, DomainAuthorityCannotNameAServer) {
    Deployment d;
    Expectation e = d.expect_server();
    std::string uri = d.server().uri().text();
    expect_refused(forge(d.london, {.organization = k_deployment, .unit = "servers", .uri = uri}), e);
    expect_refused(forge(d.london, {.organization = k_deployment, .unit = k_london, .uri = uri}), e);
    e.anchors = {d.london.certificate()};
    expect_refused(forge(d.london, {.organization = k_deployment, .unit = k_london, .uri = uri}), e);
}

TEST(Verify, DomainAuthorityCannotNameAMemberOfAnotherDomain) {
    Deployment d;
    Expectation e = d.expect_server();
    e.scope = k_tokyo;
    e.kind = "domain-server";
    std::string uri = "mds://x." + k_tokyo + "." + k_deployment +
                      ".mds.internal/domain-server/" + k_server;
    Forgery f{.organization = k_deployment, .unit = k_tokyo, .uri = uri};
    EXPECT_NO_THROW(verify(forge(d.tokyo, f), e)) << "Tokyo's own authority may";
    expect_refused(forge(d.london, f), e);
    f.unit = k_london;
    expect_refused(forge(d.london, f), e);
    e.anchors = {d.london.certificate()};
    e.intermediates = {};
    expect_refused(forge(d.london, f), e);
    f.uri = "mds://x." + k_london + "." + k_deployment + ".mds.internal/domain-server/" + k_server;
    expect_refused(forge(d.london, f), e);
    e.scope = k_london;
    EXPECT_NO_THROW(verify(forge(d.london, f), e));
}

TEST(Verify, RefusesForgedShapes) {
    Deployment d;
    Expectation e = d.expect_server();
    e.usage = Usage::tls_client;
    std::string uri = d.server().uri().text();
    Forgery good{.organization = k_deployment, .unit = "servers", .uri = uri};
    EXPECT_NO_THROW(verify(forge(d.servers, good), e));
    Forgery f = good;
    f.second_uri = uri;
    expect_refused(forge(d.servers, f), e);
    f = good;
    f.uri = "";
    expect_refused(forge(d.servers, f), e);
    f = good;
    f.uri = uri + std::string("\0.evil", 6);
    expect_refused(forge(d.servers, f), e);
    f = good;
    f.uri = "mds://*.servers." + k_deployment + ".mds.internal/server/" + k_server;
    expect_refused(forge(d.servers, f), e);
    f = good;
    f.authority = true;
    expect_refused(forge(d.servers, f), e);
    f = good;
    f.usages = "codeSigning";
    expect_refused(forge(d.servers, f), e);
    f = good;
    f.usages = "serverAuth";
    expect_refused(forge(d.servers, f), e);
    f = good;
    f.begin_ms = d.now - 20 * k_day;
    f.end_ms = d.now - 10 * k_day;
    expect_refused(forge(d.servers, f), e);
    f = good;
    f.organization = "other";
    expect_refused(forge(d.servers, f), e);
}

// T-6 for logins: only the Servers CA names an administrator, and only such a certificate logs one in.
TEST(Verify, AdministratorsAreNeitherServersNorNamedByOthers) {
    Deployment d;
    Expectation login = d.expect_server();
    login.kind = "administrator";
    login.usage = Usage::tls_client;
    Subject subject{"carol", k_server, {}, {}, {}};
    Certificate carol = d.servers.issue(Kind::administrator, d.key, subject, d.now);
    EXPECT_EQ(verify(carol, login).uuid, k_server);
    // Not as a server, not at either end between servers.
    expect_refused(carol, d.expect_server());
    login.usage = Usage::tls_server;
    expect_refused(carol, login);
    login.usage = Usage::tls_client;
    for (Kind kind : {Kind::server, Kind::sealing, Kind::console}) {
        expect_refused(d.servers.issue(kind, d.key, subject, d.now), login);
    }
    expect_refused(d.london.issue(Kind::domain_server, d.key, subject, d.now), login);
    login.at = d.now + 366 * k_day;
    expect_refused(carol, login);
    login.at = 0;
    login.crls = {Crl::make(d.servers, 1, {{carol.serial(), d.now, "superseded"}}, d.now)};
    expect_refused(carol, login);
    login.crls = {};
    std::string uri = carol.uri().text();
    Forgery f{.organization = k_deployment, .unit = "servers", .uri = uri};
    f.usages = "clientAuth";
    EXPECT_NO_THROW(verify(forge(d.servers, f), login));
    expect_refused(forge(d.london, f), login);
    f.unit = k_london;
    expect_refused(forge(d.london, f), login);
    f.uri = "mds://carol." + k_london + "." + k_deployment + ".mds.internal/administrator/" + k_server;
    expect_refused(forge(d.london, f), login);
    f = {.organization = k_deployment, .unit = "servers", .uri = uri};
    f.usages = "";
    expect_refused(forge(d.servers, f), login);
    f.usages = "serverAuth";
    expect_refused(forge(d.servers, f), login);
    Deployment other;
    expect_refused(other.servers.issue(Kind::administrator, d.key, subject, d.now), login);
}

TEST(Verify, RefusesAnAuthorityBelowAnAuthority) {
    Deployment d;
    Expectation e = d.expect_server();
    Key key = Key::generate();
    Forgery f{.organization = k_deployment, .unit = "servers",
              .uri = "mds://x.servers." + k_deployment + ".mds.internal/authority/" + k_server};
    f.authority = true;
    f.key = &key;
    Certificate middle = forge(d.servers, f);
    Issuer forged(middle, key);
    e.intermediates.push_back(middle);
    expect_refused(forge(forged, {.organization = k_deployment, .unit = "servers",
                                  .uri = d.server().uri().text()}),
                   e);
}
