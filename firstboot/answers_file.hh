#pragma once
#include <string>

#include "answers.hh"

namespace mds::firstboot {

/// A file of answers to fill in: every key, commented out.
std::string answers_template();
/// These answers as a file that mds-setup --answers reads; secrets are left to whoever uses it.
std::string answers_file(const Answers& answers);

}  // namespace mds::firstboot
