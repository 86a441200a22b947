#include "crypto/spake2.hh"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "base/error.hh"
#include "base/ids.hh"
#include "crypto/hash.hh"
#include "crypto/openssl.hh"
#include "crypto/secret.hh"

namespace mds::crypto {
namespace {

using Number = Handle<BIGNUM, BN_clear_free>;
using Point = Handle<EC_POINT, EC_POINT_clear_free>;
using Context = Handle<BN_CTX, BN_CTX_free>;

constexpr size_t k_scalar_size = 32;
constexpr size_t k_point_size = 65;
/// RFC 9382, 6: the two points of unknown logarithm for P-256, compressed.
constexpr char k_m[] = "02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f";
constexpr char k_n[] = "03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49";

const EC_GROUP* group() {
    static const EC_GROUP* made =
        require_ptr(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1), "P-256");
    return made;
}

Context new_context() { return Context(require_ptr(BN_CTX_secure_new(), "SPAKE2")); }
Point new_point() { return Point(require_ptr(EC_POINT_new(group()), "SPAKE2")); }

Number number(std::string_view bytes) {
    Number out(BN_bin2bn(as_bytes(bytes), static_cast<int>(bytes.size()), nullptr));
    require(out != nullptr, "SPAKE2");
    BN_set_flags(out.get(), BN_FLG_CONSTTIME);
    return out;
}

std::string bytes_of(const BIGNUM* value) {
    std::string out(k_scalar_size, '\0');
    require(BN_bn2binpad(value, as_bytes(out), static_cast<int>(out.size())) > 0, "SPAKE2");
    return out;
}

/// A point from its encoding; the library refuses what is not on the curve.
Point decode(std::string_view encoded, BN_CTX* context) {
    Point point = new_point();
    if (EC_POINT_oct2point(group(), point.get(), as_bytes(encoded), encoded.size(), context) != 1 ||
        EC_POINT_is_at_infinity(group(), point.get())) {
        openssl_reason();
        throw Error(Code::invalid_parameter, "The peer's share is not a point of the curve");
    }
    return point;
}

std::string encode(const EC_POINT* point, BN_CTX* context) {
    std::string out(k_point_size, '\0');
    require(EC_POINT_point2oct(group(), point, POINT_CONVERSION_UNCOMPRESSED, as_bytes(out),
                               out.size(), context) == k_point_size,
            "SPAKE2");
    return out;
}

Point multiply(const EC_POINT* point, const BIGNUM* by, BN_CTX* context) {
    Point out = new_point();
    // Without a point: by times the generator. Each product is computed alone: the library's sum of
    // two products is not constant in time.
    require(EC_POINT_mul(group(), out.get(), point ? nullptr : by, point, point ? by : nullptr,
                         context) == 1,
            "SPAKE2");
    return out;
}

Point blinding(bool of_a, const BIGNUM* w, BN_CTX* context) {
    Point base = decode(*unhex(of_a ? k_m : k_n), context);
    return multiply(base.get(), w, context);
}

/// RFC 9382, 3.3: length as 8 little-endian bytes, then the text.
void append(std::string& transcript, std::string_view item) {
    uint64_t size = item.size();
    for (int i = 0; i < 8; ++i) transcript += static_cast<char>(size >> (8 * i) & 0xff);
    transcript += item;
}

}  // namespace

struct Spake2::Impl {
    Side side;
    std::string identity_a, identity_b, w;
    Number secret;
    std::string share, point, key, mine, expected;

    ~Impl() {
        for (std::string* s : {&w, &point, &key, &expected}) wipe(*s);
    }
};

Spake2::Spake2(Side side, std::string_view identity_a, std::string_view identity_b,
               std::string_view w, std::string_view fixed_secret)
    : impl_(std::make_unique<Impl>()) {
    impl_->side = side;
    impl_->identity_a = identity_a;
    impl_->identity_b = identity_b;
    impl_->w = w;
    Number w_number = number(w);
    if (w.size() != k_scalar_size || BN_is_zero(w_number.get()) ||
        BN_cmp(w_number.get(), EC_GROUP_get0_order(group())) >= 0) {
        throw Error(Code::internal, "SPAKE2: the secret is not a scalar of the group");
    }
    if (fixed_secret.empty()) {
        impl_->secret.reset(require_ptr(BN_secure_new(), "SPAKE2"));
        do {
            require(BN_priv_rand_range(impl_->secret.get(), EC_GROUP_get0_order(group())) == 1,
                    "random number");
        } while (BN_is_zero(impl_->secret.get()));
        BN_set_flags(impl_->secret.get(), BN_FLG_CONSTTIME);
    } else {
        impl_->secret = number(fixed_secret);
    }
    // pA = w*M + x*P, pB = w*N + y*P
    Context context = new_context();
    Point own = multiply(nullptr, impl_->secret.get(), context.get());
    Point blind = blinding(side == Side::a, w_number.get(), context.get());
    require(EC_POINT_add(group(), own.get(), own.get(), blind.get(), context.get()) == 1, "SPAKE2");
    impl_->share = encode(own.get(), context.get());
}

Spake2::~Spake2() = default;

const std::string& Spake2::share() const { return impl_->share; }

void Spake2::receive(std::string_view peer_share, std::string_view aad) {
    if (peer_share.size() != k_point_size || peer_share[0] != 4) {
        throw Error(Code::invalid_parameter, "The peer's share has the wrong length or form");
    }
    if (equal(peer_share, impl_->share)) {
        throw Error(Code::invalid_parameter, "The peer's share is our own");
    }
    bool is_a = impl_->side == Side::a;
    Context context = new_context();
    // K = x*(pB - w*N) = y*(pA - w*M); the cofactor of P-256 is 1.
    Point peer = decode(peer_share, context.get());
    Number w_number = number(impl_->w);
    Point blind = blinding(!is_a, w_number.get(), context.get());
    require(EC_POINT_invert(group(), blind.get(), context.get()) == 1, "SPAKE2");
    require(EC_POINT_add(group(), peer.get(), peer.get(), blind.get(), context.get()) == 1,
            "SPAKE2");
    Point shared = multiply(peer.get(), impl_->secret.get(), context.get());
    if (EC_POINT_is_at_infinity(group(), shared.get())) {
        throw Error(Code::invalid_parameter, "The peer's share gives no key");
    }
    impl_->point = encode(shared.get(), context.get());

    std::string transcript;
    WipeAtEnd wipe_transcript(transcript);
    append(transcript, impl_->identity_a);
    append(transcript, impl_->identity_b);
    append(transcript, is_a ? impl_->share : peer_share);
    append(transcript, is_a ? peer_share : impl_->share);
    append(transcript, impl_->point);
    append(transcript, impl_->w);
    std::string digest = sha256(transcript);
    WipeAtEnd wipe_digest(digest);
    impl_->key = digest.substr(0, 16);
    std::string info = "ConfirmationKeys";
    info += aad;
    std::string keys = hkdf_sha256(std::string_view(digest).substr(16), {}, info, 32);
    WipeAtEnd wipe_keys(keys);
    std::string of_a = hmac_sha256(std::string_view(keys).substr(0, 16), transcript);
    std::string of_b = hmac_sha256(std::string_view(keys).substr(16), transcript);
    impl_->mine = is_a ? of_a : of_b;
    impl_->expected = is_a ? of_b : of_a;
}

const std::string& Spake2::confirmation() const { return impl_->mine; }

bool Spake2::confirm(std::string_view peer_confirmation) const {
    return impl_->expected.size() == 32 && equal(peer_confirmation, impl_->expected);
}

const std::string& Spake2::key() const { return impl_->key; }
const std::string& Spake2::shared_point() const { return impl_->point; }

std::string Spake2::scalar(std::string_view wide) {
    Context context = new_context();
    Number value = number(wide);
    Number out(require_ptr(BN_secure_new(), "SPAKE2"));
    require(BN_mod(out.get(), value.get(), EC_GROUP_get0_order(group()), context.get()) == 1,
            "SPAKE2");
    return bytes_of(out.get());
}

}  // namespace mds::crypto
