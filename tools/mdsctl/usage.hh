#pragma once
#include "base/error.hh"
#include "grammar.hh"

namespace mds::ctl {

/// What is wrong with a command line that the parser refuses (C-7): names the word and the nearest one that
/// is known; `parser` is what the parser says, for what only that knows.
Error usage_error(const Word& grammar, const std::vector<std::string>& words, const std::string& parser);

}  // namespace mds::ctl
