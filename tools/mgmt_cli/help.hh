#pragma once
#include <string>
#include <vector>

namespace mds::cli {

/// `mgmt_cli help [COMMAND ...]`: all commands, or one with its parameters, from the generated list
/// that the package brings. Returns the exit code; 2 when there is no such command.
int help(const std::vector<std::string>& words);

}  // namespace mds::cli
