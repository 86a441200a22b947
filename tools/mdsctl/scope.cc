#include "scope.hh"

#include <set>

#include "draw.hh"

namespace mds::ctl {

std::vector<std::string> domains_or(Client& client, const std::string& domain) {
    if (!domain.empty()) return {domain};
    std::vector<std::string> out;
    const json::object grid = client.grid();
    for (const json::value& v : json::get_array(grid, "domains"))
        out.push_back(json::get_string(v.as_object(), "name"));
    return out;
}

std::vector<std::string> databases(Client& client, const std::string& domain, bool all) {
    if (!domain.empty()) return {domain};
    std::vector<std::string> out{""};
    if (!all) return out;
    const json::object grid = client.grid();
    std::string self = json::get_string(grid, "self");
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        for (const json::value& c : json::get_array(d, "cells")) {
            if (json::get_string(c.as_object(), "mds") == self) out.push_back(json::get_string(d, "name"));
        }
    }
    return out;
}

size_t telling_length(const std::vector<std::string>& uids) {
    for (size_t length : {8, 13, 18, 23}) {
        std::set<std::string> heads;
        for (const std::string& uid : uids) heads.insert(uid.substr(0, length));
        if (heads.size() == uids.size()) return length;
    }
    return 36;
}

std::string domain_option(const std::string& domain) {
    return domain.empty() ? "" : "-D " + shell_word(domain) + " ";
}

}  // namespace mds::ctl
