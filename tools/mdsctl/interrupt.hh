#pragma once
#include <string>

// Ctrl+C at any moment: the program ends with 130 at once, whatever it waits for; what the servers do for it
// goes on (C-9).
namespace mds::ctl {

/// From now on; not when who started this program wants it to go on (nohup).
void leave_on_interrupt();
/// What is said then, on standard error; empty = nothing.
void say_when_interrupted(const std::string& line);
/// The terminal stops showing what is typed, and shows it again; an interrupt shows it again too.
void hide_typing();
void show_typing();

}  // namespace mds::ctl
