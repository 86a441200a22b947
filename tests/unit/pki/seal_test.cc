#include <gtest/gtest.h>

#include "base/error.hh"
#include "deployment.hh"

using namespace mds;
using namespace mds::pki;
using namespace mds::test;

namespace {

struct Recipient {
    Key key = Key::generate();
    Certificate certificate;
    explicit Recipient(const Deployment& d)
        : certificate(d.servers.issue(Kind::sealing, key, {"x", k_server, {}, {}, {}}, d.now)) {}
};

}  // namespace

TEST(Seal, EveryRecipientOpensItAndNobodyElse) {
    Deployment d;
    Recipient one(d), two(d), three(d), other(d);
    std::string blob = seal("the key", {one.certificate, two.certificate, three.certificate});
    EXPECT_LT(blob.size(), 1200u);
    for (const Recipient* r : {&one, &two, &three}) {
        EXPECT_EQ(open_sealed(blob, r->certificate, r->key), "the key");
    }
    EXPECT_THROW(open_sealed(blob, other.certificate, other.key), Error);
    EXPECT_THROW(open_sealed(blob, one.certificate, other.key), Error);
    EXPECT_EQ(blob.find("the key"), std::string::npos);
    EXPECT_THROW(seal("x", {}), Error);
}

TEST(Seal, NoFlippedBitGetsThrough) {
    Deployment d;
    Recipient one(d);
    std::string secret(121, 's');
    std::string blob = seal(secret, {one.certificate});
    for (size_t at = 0; at < blob.size(); ++at) {
        std::string bad = blob;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        try {
            // A change outside what is protected (a name of the recipient) may still open it, but
            // never to other content.
            EXPECT_EQ(open_sealed(bad, one.certificate, one.key), secret) << at;
        } catch (const Error&) {
        }
    }
    // The last 16 bytes are the tag, before them the content.
    for (size_t back : {1u, 16u, 17u, 60u, 130u}) {
        std::string bad = blob;
        bad[bad.size() - back] = static_cast<char>(bad[bad.size() - back] ^ 1);
        EXPECT_THROW(open_sealed(bad, one.certificate, one.key), Error) << back;
    }
    EXPECT_THROW(open_sealed(blob.substr(0, blob.size() - 1), one.certificate, one.key), Error);
    EXPECT_THROW(open_sealed(blob + "x", one.certificate, one.key), Error);
    EXPECT_THROW(open_sealed("", one.certificate, one.key), Error);
}

TEST(Seal, ASelfSignedRecipientWorksBeforeThereIsAnAuthority) {
    Key key = Key::generate();
    Certificate own = self_signed(key, Kind::sealing, "mds-ca", wall_ms(), 3650);
    EXPECT_EQ(open_sealed(seal("k", {own}), own, key), "k");
}
