#pragma once
#include <string>

#include "pki/issue.hh"
#include "pki/openssl_types.hh"

// Inside lib/pki only: the extensions of each template.
namespace mds::pki {

/// Basic constraints, key usage and extended key usage of the kind.
void add_usages(X509* certificate, Kind kind);
/// Subject and authority key identifiers.
void add_key_ids(X509* certificate, const X509* issuer);
/// The one URI and, for a console, DNS names and addresses.
void add_names(X509* certificate, const Uri& uri, const Subject& subject);
/// Everything below must lie in O=<deployment>, OU=<scope> and .<scope>.<deployment>.mds.internal.
void add_constraints(X509* certificate, const std::string& deployment, const std::string& scope);
/// One distribution point with all the names of the list; nothing when it has none.
void add_crl_point(X509* certificate, const CrlPoint& point, const Uri& issuer);
/// The same name in the list itself, critical: it is about the certificates of this point only.
void add_issuing_point(X509_CRL* crl, const std::string& name, const Uri& issuer);
/// O=<deployment>, OU=<scope> (left out when empty), CN=<name>.
NameHandle make_name(const std::string& deployment, const std::string& scope,
                     const std::string& common_name);

}  // namespace mds::pki
