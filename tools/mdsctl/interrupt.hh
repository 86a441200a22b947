#pragma once
#include <string>

// Ctrl+C at any moment: the program ends with 130 at once, whatever it waits for; what the servers do for it
// goes on (C-9).
namespace mds::ctl {

/// From now on; not when who started this program wants it to go on (nohup).
void leave_on_interrupt();
/// What is said then, on standard error; empty = nothing.
void say_when_interrupted(const std::string& line);
/// The terminal stops showing what is typed, and shows it again; an interrupt shows it again too. `keys`: every
/// key is told at once, not every line, and none suspends.
void hide_typing(bool keys = false);
void show_typing();
/// A screen of its own on standard output, and the one of before again; SIGTERM and SIGHUP, too, give it back.
void enter_screen();
void leave_screen();

}  // namespace mds::ctl
