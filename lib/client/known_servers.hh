#pragma once
#include <string>

namespace mds::client {

/// Whether a server may be talked to: it is this host, its fingerprint is the one that was seen before, the caller
/// takes it as it is (`take`), or a person at the terminal says so. Never waits for input without a terminal: then it
/// throws mds::Error(unreachable) that says `how` to accept it. What is accepted is remembered.
bool accept_server(const std::string& host, const std::string& fingerprint, bool take, const std::string& how);

/// "4f:9A:11" and "4F9A11" are the same.
std::string plain_fingerprint(const std::string& text);

}  // namespace mds::client
