#pragma once
#include <string>
#include <vector>

#include "answers.hh"
#include "claim_code.hh"
#include "dialog.hh"

namespace mds::firstboot {

/// Puts the page up on the HTTPS port, with a claim code and a certificate of this boot in `folder`, and tells both
/// above the login prompts.
void open_claim_page(const std::string& folder, const HostFacts& host);
/// Takes it away, with all that belongs to it.
void close_claim_page(const std::string& folder);
/// Where the page is, the code, and the fingerprint of its certificate: for consoles and root alone. Empty when
/// there is no page.
Invitation claim_invitation(const std::string& folder, const HostFacts& host);
/// The same for the login prompts that come from now on.
void write_claim_issue(const std::string& folder, const HostFacts& host);
/// mds-setup --claim-code; `fresh`: --new-claim-code, which also ends a session in a browser. False when there is
/// no page.
bool print_claim_code(const std::string& folder, const HostFacts& host, bool fresh);

}  // namespace mds::firstboot
