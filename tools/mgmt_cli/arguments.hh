#pragma once
#include <map>
#include <string>
#include <vector>

#include "json/json.hh"

namespace mds::cli {

/// What the words of a call mean (mgmt_cli(1)): switches, the command, its parameters.
struct Arguments {
    std::string command;
    json::object parameters;
    /// Long names of switches given ("user", "domain", "format", ...), environment included.
    std::map<std::string, std::string> switches;
    bool help = false;

    std::string get(const std::string& name, const std::string& otherwise = "") const;
    bool flag(const std::string& name, bool otherwise = false) const;
    /// Throws mds::Error(invalid_parameter) when it is no number from 1 to 86400.
    int seconds(const std::string& name, int otherwise) const;
};

/// Throws mds::Error (missing_parameters, invalid_parameter) for words that do not fit.
Arguments parse_arguments(const std::vector<std::string>& words);
/// Blanks the values of passwords and keys in the words of this process, which every user of the host may read.
void hide_secrets(int count, char** words);
/// Adds `name` = `value` to an object: dots and 1-based numbers make objects and lists
/// ("groups.1 a", "interfaces.1.name eth0").
void put_parameter(json::object& target, const std::string& name, const json::value& value);
/// A typed value: whole numbers, true/false, JSON for words that begin with a quote, brace or
/// bracket, otherwise text.
json::value typed(const std::string& word);
/// The lines of a CSV file (RFC 4180): the first one names parameters.
std::vector<json::object> read_batch(const std::string& path);
/// The small text form of a reply.
std::string as_text(const json::value& v, size_t indent = 0);

}  // namespace mds::cli
