#pragma once
#include <string>

#include "archive.hh"

namespace mds::backup {

inline constexpr char k_state[] = "/var/lib/mds", k_etc[] = "/etc/mds";

/// Root certificate of the deployment as this machine knows it, PEM; empty when it was not set up.
std::string root_of_this_machine();
/// identity.json; empty when it was not set up.
json::object identity_of_this_machine();
/// What a backup says about the server that makes it, at a moment given by mds-core.
Manifest manifest_of_this_server(const std::string& time, const std::string& set);

/// Deletes a folder with all in it at the end.
struct RemoveAtEnd {
    std::string path;
    explicit RemoveAtEnd(std::string folder) : path(std::move(folder)) {}
    RemoveAtEnd(const RemoveAtEnd&) = delete;
    RemoveAtEnd& operator=(const RemoveAtEnd&) = delete;
    ~RemoveAtEnd();
};

}  // namespace mds::backup
