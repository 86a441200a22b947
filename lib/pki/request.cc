#include "pki/request.hh"

#include <openssl/pem.h>

#include "base/error.hh"
#include "pki/openssl_types.hh"

namespace mds::pki {
using namespace crypto;
namespace {

std::string name_part(const X509_REQ* request, int nid) {
    X509_NAME* name = X509_REQ_get_subject_name(request);
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0) return {};
    const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<size_t>(ASN1_STRING_length(text))};
}

void add_part(X509_NAME* name, const char* field, std::string_view text) {
    require(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, as_bytes(text),
                                       static_cast<int>(text.size()), -1, 0) == 1,
            "name in a certificate request");
}

}  // namespace

Request::Request(X509_req_st* owned) : request_(owned, X509_REQ_free) {}

Request Request::make(const Key& key, std::string_view name, std::string_view uuid) {
    Request request(require_ptr(X509_REQ_new(), "certificate request"));
    X509_NAME* subject = X509_REQ_get_subject_name(request.get());
    add_part(subject, "CN", name.substr(0, 64));
    add_part(subject, "serialNumber", uuid);
    require(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
                X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
                X509_REQ_sign(request.get(), key.get(), digest_for(key.get())) > 0,
            "certificate request");
    return request;
}

Request Request::from_pem(std::string_view pem) {
    Bio bio = bio_of(pem);
    X509_REQ* read = PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr);
    if (!read) {
        throw Error(Code::invalid_parameter, "Not a certificate request: " + openssl_reason());
    }
    Request request(read);
    EVP_PKEY* key = X509_REQ_get0_pubkey(read);
    if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || EVP_PKEY_get_bits(key) != 256) {
        throw Error(Code::invalid_parameter, "The key of the certificate request is not P-256");
    }
    if (X509_REQ_verify(read, key) != 1) {
        openssl_reason();
        throw Error(Code::invalid_parameter, "The signature of the certificate request is wrong");
    }
    return request;
}

std::string Request::pem() const {
    Bio bio = new_bio();
    require(PEM_write_bio_X509_REQ(bio.get(), get()) == 1, "certificate request to PEM");
    return text_of(bio.get());
}

std::string Request::name() const { return name_part(get(), NID_commonName); }
std::string Request::uuid() const { return name_part(get(), NID_serialNumber); }
std::string Request::public_der() const { return public_der_of(X509_REQ_get0_pubkey(get())); }

}  // namespace mds::pki
