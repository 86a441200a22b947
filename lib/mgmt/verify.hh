#pragma once
#include <string>
#include <vector>

#include "mgmt/call.hh"

namespace mds::mgmt {

/// What verification of a package's access rules found. An error stops an installation.
struct Verification {
    std::vector<std::string> errors, warnings;
    size_t layers = 0, rules = 0;
};

/// Looks at every access layer of the package, and at the inline layers in them, as `call` sees
/// them: rules that an earlier one hides, inline layers that lead back to themselves, rules that
/// can match nothing. Groups are resolved; what has no addresses of its own (zones, domain names)
/// counts as itself. Only what is certain is told.
Verification verify_access(Call& call, const View& package);

}  // namespace mds::mgmt
