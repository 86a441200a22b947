#include <gtest/gtest.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include <set>

#include "base/error.hh"
#include "deployment.hh"
#include "pki/pkcs12.hh"

using namespace mds;
using namespace mds::pki;
using namespace mds::test;

namespace {
constexpr int64_t k_day = 86'400'000;
}

TEST(Key, SurvivesPemAndKnowsItsCurve) {
    Key key = Key::generate(Curve::p384);
    Key again = Key::from_pem(key.pem());
    EXPECT_EQ(again.public_der(), key.public_der());
    EXPECT_EQ(again.curve(), Curve::p384);
    EXPECT_NE(Key::generate().public_der(), Key::generate().public_der());
    EXPECT_THROW(Key::from_pem("nonsense"), Error);
}

TEST(UriName, IsParsedStrictly) {
    std::string good = "mds://tokyo-mds-01.servers.7f3a.mds.internal/server/" + k_server;
    EXPECT_EQ(Uri::parse(good).text(), good);
    EXPECT_EQ(Uri::parse(good), (Uri{"tokyo-mds-01", "servers", "7f3a", "server", k_server}));
    for (const std::string& bad : std::vector<std::string>{
             "", "mds://", "https://tokyo.servers.7f3a.mds.internal/server/" + k_server,
             "mds://*.servers.7f3a.mds.internal/server/" + k_server,
             "mds://x@tokyo.servers.7f3a.mds.internal/server/" + k_server,
             "mds://tokyo.servers.7f3a.mds.internal:1/server/" + k_server,
             "mds://tokyo.servers.7f3a.mds.internal.evil.org/server/" + k_server,
             "mds://evil.org/tokyo.servers.7f3a.mds.internal/server/" + k_server,
             "mds://a.tokyo.servers.7f3a.mds.internal/server/" + k_server,
             "mds://tokyo.servers.7f3a.mds.internal/server/" + k_server + "/x",
             "mds://tokyo.servers.7f3a.mds.internal/server/" + k_server + "?x",
             "mds://tokyo.servers.7f3a.mds.internal/server/0190A000-0000-7000-8000-000000000001",
             "mds://tokyo.servers.7f3a.mds.internal/server/x", "mds://Tokyo.servers.7f3a" + good,
             good + std::string(1, '\0')}) {
        EXPECT_THROW(Uri::parse(bad), Error) << bad;
    }
}

TEST(UriName, LabelsAreMadeOfAnyName) {
    EXPECT_EQ(label("London_Domain_Server"), "london-domain-server");
    EXPECT_EQ(label("..a.."), "a");
    EXPECT_EQ(label(""), "x");
    EXPECT_LE(label(std::string(200, 'a')).size(), 63u);
}

TEST(Request, ProvesTheKeyAndCarriesNameAndUuid) {
    Key key = Key::generate();
    Request request = Request::from_pem(Request::make(key, "tokyo-mds-01", k_server).pem());
    EXPECT_EQ(request.name(), "tokyo-mds-01");
    EXPECT_EQ(request.uuid(), k_server);
    EXPECT_EQ(request.public_der(), key.public_der());
    EXPECT_THROW(Request::from_pem(key.pem()), Error);
    Key large = Key::generate(Curve::p384);
    EXPECT_THROW(Request::from_pem(Request::make(large, "x", k_server).pem()), Error);
}

TEST(Request, ChangedRequestIsRefused) {
    std::string pem = Request::make(Key::generate(), "tokyo-mds-01", k_server).pem();
    std::string other = Request::make(Key::generate(), "tokyo-mds-01", k_server).pem();
    // The head of one with the signature of the other.
    size_t at = pem.size() - 100;
    EXPECT_THROW(Request::from_pem(pem.substr(0, at) + other.substr(at)), Error);
}

TEST(Issue, FollowsTheTemplates) {
    Deployment d;
    EXPECT_EQ(d.root.key().curve(), Curve::p384);
    EXPECT_EQ(d.servers.key().curve(), Curve::p256);
    auto days = [](const Certificate& c) { return (c.not_after() - c.not_before()) / k_day; };
    EXPECT_EQ(days(d.root.certificate()), 7305);
    EXPECT_EQ(days(d.servers.certificate()), 3652);
    EXPECT_EQ(days(d.london.certificate()), 3652);
    Certificate server = d.server();
    EXPECT_EQ(days(server), 180);
    EXPECT_EQ(server.not_before() / 1000, (d.now - 300'000) / 1000);
    EXPECT_EQ(server.subject(), "O=" + k_deployment + ",OU=servers,CN=tokyo-mds-01");
    EXPECT_EQ(server.issuer(), d.servers.certificate().subject());
    EXPECT_EQ(server.uri().text(), "mds://tokyo-mds-01.servers." + k_deployment +
                                       ".mds.internal/server/" + k_server);
    EXPECT_EQ(server.public_der(), d.key.public_der());
    EXPECT_FALSE(server.is_authority());
    EXPECT_TRUE(d.london.certificate().is_authority());
    Certificate again = Certificate::from_der(server.der());
    EXPECT_EQ(again.fingerprint(), server.fingerprint());
    EXPECT_EQ(server.fingerprint().size(), 32u);
}

TEST(Issue, SerialNumbersAreLongAndDifferent) {
    Deployment d;
    std::set<std::string> serials;
    for (int i = 0; i < 50; ++i) {
        std::string serial = d.server().serial();
        EXPECT_EQ(serial.size(), 32u);
        serials.insert(serial);
    }
    EXPECT_EQ(serials.size(), 50u);
}

TEST(Issue, AuthoritiesIssueTheirOwnKindsOnly) {
    Deployment d;
    Subject subject{"x", k_server, {}, {}, {}};
    for (Kind kind : {Kind::server, Kind::sealing, Kind::console}) {
        EXPECT_NO_THROW(d.servers.issue(kind, d.key, subject, d.now));
        EXPECT_THROW(d.london.issue(kind, d.key, subject, d.now), Error);
        EXPECT_THROW(d.root.issue(kind, d.key, subject, d.now), Error);
    }
    EXPECT_NO_THROW(d.london.issue(Kind::domain_server, d.key, subject, d.now));
    EXPECT_THROW(d.servers.issue(Kind::domain_server, d.key, subject, d.now), Error);
    EXPECT_THROW(d.london.issue(Kind::domain_ca, d.key, subject, d.now), Error);
    EXPECT_THROW(d.london.make_authority(Kind::domain_ca, k_tokyo, "Tokyo", d.now), Error);
    EXPECT_THROW(d.root.make_authority(Kind::domain_ca, "servers", "x", d.now), Error);
    EXPECT_THROW(d.root.make_authority(Kind::root, "deployment", "x", d.now), Error);
}

TEST(Issue, IC_2_AnAdministratorGetsOneForLoggingInAndNothingElse) {
    Deployment d;
    Subject subject{"Carol Ann", k_server, {}, {}, {}};
    Certificate mine = d.servers.issue(Kind::administrator, d.key, subject, d.now);
    EXPECT_EQ((mine.not_after() - mine.not_before()) / k_day, 365);
    EXPECT_EQ(mine.uri().text(), "mds://carol-ann.servers." + k_deployment +
                                     ".mds.internal/administrator/" + k_server);
    EXPECT_EQ(mine.subject(), "O=" + k_deployment + ",OU=servers,CN=Carol Ann");
    EXPECT_TRUE(X509_get_extension_flags(mine.get()) & EXFLAG_XKUSAGE);
    EXPECT_EQ(X509_get_extended_key_usage(mine.get()), static_cast<unsigned>(XKU_SSL_CLIENT));
    EXPECT_EQ(X509_get_key_usage(mine.get()), static_cast<unsigned>(KU_DIGITAL_SIGNATURE));
    EXPECT_FALSE(mine.is_authority());
    // Domain authorities name nobody who logs in.
    EXPECT_THROW(d.london.issue(Kind::administrator, d.key, subject, d.now), Error);
    EXPECT_THROW(d.root.issue(Kind::administrator, d.key, subject, d.now), Error);
    subject.dns_names = {"carol.example.org"};
    EXPECT_THROW(d.servers.issue(Kind::administrator, d.key, subject, d.now), Error);
}

TEST(Issue, KeyAndCertificateTravelInOneFileThatAPasswordOpens) {
    Deployment d;
    Key key = Key::generate();
    Certificate mine = d.servers.issue(Kind::administrator, key, {"carol", k_server, {}, {}, {}}, d.now);
    std::string file = pkcs12(key, mine, {d.servers.certificate(), d.root.certificate()}, "twelve-letters", "carol");
    const auto* at = reinterpret_cast<const unsigned char*>(file.data());
    PKCS12* read = d2i_PKCS12(nullptr, &at, static_cast<long>(file.size()));
    ASSERT_TRUE(read);
    EVP_PKEY* its = nullptr;
    X509* one = nullptr;
    STACK_OF(X509)* above = nullptr;
    EXPECT_EQ(PKCS12_parse(read, "another-letters", &its, &one, nullptr), 0);
    ASSERT_EQ(PKCS12_parse(read, "twelve-letters", &its, &one, &above), 1);
    EXPECT_EQ(Certificate::share(one).fingerprint(), mine.fingerprint());
    EXPECT_EQ(EVP_PKEY_eq(its, key.get()), 1);
    EXPECT_EQ(sk_X509_num(above), 2);
    EVP_PKEY_free(its);
    X509_free(one);
    sk_X509_pop_free(above, X509_free);
    PKCS12_free(read);
    // Nothing of the key lies open.
    std::string pem = key.pem();
    EXPECT_EQ(file.find(pem.substr(40, 30)), std::string::npos);
}

TEST(Issue, ConsoleHasHostNamesAndNobodyElse) {
    Deployment d;
    Subject subject{"tokyo-mds-01", k_server, {"tokyo.example.org"}, {"10.1.0.11", "fd00::1"}, {}};
    Certificate console = d.servers.issue(Kind::console, d.key, subject, d.now);
    EXPECT_EQ(console.uri().kind, "console");
    EXPECT_THROW(d.servers.issue(Kind::server, d.key, subject, d.now), Error);
    subject.dns_names = {"*.example.org"};
    EXPECT_THROW(d.servers.issue(Kind::console, d.key, subject, d.now), Error);
    subject.dns_names = {};
    subject.addresses = {"nowhere"};
    EXPECT_THROW(d.servers.issue(Kind::console, d.key, subject, d.now), Error);
}

TEST(RevocationList, NamesWhatWasRevoked) {
    Deployment d;
    Certificate good = d.server(), bad = d.server();
    Crl crl = Crl::make(d.servers, (uint64_t{3} << 32) + 7,
                        {{bad.serial(), d.now, "key-compromise"}}, d.now);
    Crl read = Crl::from_pem(crl.pem());
    for (const Crl& list : {crl, read}) {
        EXPECT_TRUE(list.revokes(bad));
        EXPECT_FALSE(list.revokes(good));
        EXPECT_EQ(list.number(), (uint64_t{3} << 32) + 7);
        EXPECT_EQ(list.next_update() - list.this_update(), 7 * k_day);
        EXPECT_TRUE(list.is_from(d.servers.certificate()));
        EXPECT_FALSE(list.is_from(d.london.certificate()));
    }
    EXPECT_THROW(Crl::make(d.servers, 1, {{bad.serial(), d.now, "mood"}}, d.now), Error);
    EXPECT_THROW(Crl::make(d.servers, 1, {{"xyz", d.now, ""}}, d.now), Error);
    EXPECT_EQ(Crl::list_from_pem(crl.pem() + read.pem()).size(), 2u);
}

TEST(RevocationList, APartIsAboutTheCertificatesThatNameIt) {
    Deployment d;
    Subject subject{"x", k_server, {}, {}, {{"http://10.0.0.1:18264/servers/0-1.crl"}, "CRL 0-1"}};
    Certificate one = d.servers.issue(Kind::server, d.key, subject, d.now);
    Crl list = Crl::make(d.servers, 1, {{one.serial(), d.now, ""}}, d.now, "CRL 0-1");
    EXPECT_TRUE(list.revokes(one));
    subject.crl.urls = {"https://10.0.0.1/x"};
    EXPECT_THROW(d.servers.issue(Kind::server, d.key, subject, d.now), Error);
    EXPECT_THROW(Crl::from_der(list.der() + "x"), Error);
}
