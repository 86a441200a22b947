#pragma once
#include "apply.hh"

namespace mds::firstboot {

enum class Again { nothing, refused, done, new_key };

/// A server that is set up is given answers: the same ones change nothing, others are shown beside what is,
/// with what can still change, which is changed when somebody agrees (F-9, F-10). `new_key`: the caller
/// applies them, because the Primary has not come yet. `agreed`: --yes.
Again again(Answers& answers, const Done& done, const HostFacts& host, const std::string& done_file, bool agreed,
            bool dry_run);

/// Lists what is wrong with the answers on standard error; `end` is the last line.
void print_problems(const Answers& answers, const std::string& end);
/// On the terminal; false without one.
bool ask_yes(const std::string& question);

}  // namespace mds::firstboot
