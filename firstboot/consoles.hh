#pragma once
#include <string>
#include <vector>

namespace mds::firstboot {

/// Terminals on which this machine shows a login prompt of its own, as names below /dev: "tty1", the
/// serial consoles of the kernel; in a container its console and those that its manager made.
std::vector<std::string> consoles();
/// The unit of the login prompt on a console: "getty@tty1.service".
std::string login_unit(const std::string& console);
/// Somebody is logged in there: it is not taken away from him.
bool in_use(const std::string& console);
/// Whether a full screen may be tried: a virtual terminal of the kernel, or what stands for one.
bool is_virtual_terminal(const std::string& console);
/// A name in the name of a unit, as systemd-escape does.
std::string escaped(const std::string& name);

}  // namespace mds::firstboot
