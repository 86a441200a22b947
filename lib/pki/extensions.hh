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
void add_crl_urls(X509* certificate, const std::vector<std::string>& urls);
/// O=<deployment>, OU=<scope> (left out when empty), CN=<name>.
NameHandle make_name(const std::string& deployment, const std::string& scope,
                     const std::string& common_name);

}  // namespace mds::pki
