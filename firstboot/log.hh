#pragma once
#include <cstdio>
#include <exception>
#include <string>

#include "answers.hh"

namespace mds::firstboot {

/// What set-up has done, for whoever wonders later: /var/lib/mds/setup.log, for root alone (F-14). Lines
/// are kept until open_log() says where, and never written when nothing was done.
void open_log(const std::string& path);
void log_line(const std::string& text);
/// Says on `out` and in the log why set-up ended, with the refusal and what helps.
void tell_failure(FILE* out, const std::exception& why);
/// Every answer with its source; secrets are ***.
void log_answers(const Answers& answers);

}  // namespace mds::firstboot
