#pragma once
#include <string>
#include <vector>

#include "client.hh"

// From the command line to Options, and from an error to the terminal.
namespace mds::ctl {

/// "90s", "5m", "90"; 0 when it is no time.
int read_seconds(const std::string& text);
Form form_of(const std::string& output, bool json);
/// Columns, colours, symbols and movement of the terminal; `colour`: auto, always, never.
void detect_terminal(Options& options, const std::string& colour);
/// Whether errors are told to a program, of a command line that the parser did not read to its end.
bool wants_json(const std::vector<std::string>& words);
/// Tells an error as people or programs read it (C-6); its exit code.
int report(const Options& options, const Error& error);

}  // namespace mds::ctl
