#pragma once
#include <string>
#include <vector>

#include "answers.hh"

namespace mds::firstboot {

/// The lines above the login prompts of a server that is not set up: what is missing, and where the questions
/// stand.
void write_issue(const std::vector<Problem>& missing, const std::vector<std::string>& consoles);
void remove_issue();
/// Puts the questions on every console where nobody is logged in, in place of the login prompt there, and
/// returns which these are. Others are as they were: neither boot nor ssh waits (F-2, F-3).
std::vector<std::string> ask_on_consoles();
/// Asks the service manager to start or stop a unit; what it cannot do is left as it is.
void start_in_background(const std::string& unit);
void stop_in_background(const std::string& unit);
/// The login prompt of a console comes back.
void give_console_back(const std::string& console);

}  // namespace mds::firstboot
