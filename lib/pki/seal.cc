#include "pki/seal.hh"

#include <openssl/cms.h>
#include <openssl/ec.h>

#include "base/error.hh"
#include "crypto/secret.hh"
#include "pki/openssl_types.hh"

namespace mds::pki {
using namespace crypto;

std::string seal(std::string_view secret, const std::vector<Certificate>& recipients) {
    if (recipients.empty()) throw Error(Code::internal, "Nobody to seal a key for");
    constexpr unsigned k_flags = CMS_BINARY | CMS_PARTIAL;
    CmsHandle cms(require_ptr(CMS_AuthEnvelopedData_create(EVP_aes_256_gcm()), "sealing"));
    require(CMS_set_detached(cms.get(), 0) == 1, "sealing");
    for (const Certificate& recipient : recipients) {
        CMS_RecipientInfo* info = require_ptr(
            CMS_add1_recipient_cert(cms.get(), recipient.get(), k_flags | CMS_KEY_PARAM),
            "sealing: recipient");
        EVP_PKEY_CTX* agreement =
            require_ptr(CMS_RecipientInfo_get0_pkey_ctx(info), "sealing: recipient");
        require(EVP_PKEY_CTX_set_ecdh_kdf_md(agreement, EVP_sha256()) == 1, "sealing: KDF");
    }
    Bio in = bio_of(secret);
    require(CMS_final(cms.get(), in.get(), nullptr, k_flags) == 1, "sealing");
    return der_of(cms.get(), i2d_CMS_ContentInfo, "sealing");
}

std::string open_sealed(std::string_view blob, const Certificate& recipient, const Key& key) {
    const unsigned char* at = as_bytes(blob);
    CmsHandle cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(blob.size())));
    if (!cms || at != as_bytes(blob) + blob.size() ||
        OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_id_smime_ct_authEnvelopedData) {
        openssl_reason();
        throw Error(Code::internal, "The sealed key is damaged");
    }
    if (CMS_decrypt_set1_pkey(cms.get(), key.get(), recipient.get()) != 1) {
        openssl_reason();
        throw Error(Code::forbidden, "The key is not sealed for this server");
    }
    Bio out(require_ptr(BIO_new(BIO_s_secmem()), "memory"));
    if (CMS_decrypt(cms.get(), nullptr, nullptr, nullptr, out.get(), CMS_BINARY) != 1) {
        openssl_reason();
        throw Error(Code::internal, "The sealed key is damaged");
    }
    return text_of(out.get());
}

}  // namespace mds::pki
