#include "help.hh"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/error.hh"
#include "base/text.hh"
#include "json/json.hh"

namespace mds::cli {
namespace {

constexpr char k_file[] = "/usr/share/openmds/commands.json";
constexpr size_t k_width = 80, k_indent = 4;

/// Words of `text` in lines of at most 80 columns, behind `k_indent` spaces.
std::string wrapped(const std::string& text) {
    std::string out, line(k_indent, ' ');
    for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find(' ', at), text.size());
        std::string word = text.substr(at, end - at);
        if (line.size() > k_indent && line.size() + 1 + word.size() > k_width) {
            out += line + "\n";
            line.assign(k_indent, ' ');
        }
        if (line.size() > k_indent) line += ' ';
        line += word;
        at = end + 1;
    }
    return out + line + "\n";
}

void explain(const json::array& parameters, const std::string& prefix) {
    for (const json::value& v : parameters) {
        const json::object& p = v.as_object();
        std::string name = prefix + json::get_string(p, "name");
        std::printf("  %s%s\n", name.c_str(), json::get_bool(p, "required") ? " (required)" : "");
        std::string text = json::get_string(p, "type"), more = json::get_string(p, "meaning");
        if (!more.empty()) text += ": " + more;
        std::string values;
        for (const json::value& value : json::get_array(p, "values")) {
            values += (values.empty() ? "" : ", ") + std::string(value.as_string());
        }
        if (!values.empty()) text += ": " + values;
        if (const json::value* otherwise = json::find(p, "default")) {
            std::string word = otherwise->is_string() ? std::string(otherwise->as_string())
                                                      : json::text(*otherwise);
            if (!word.empty() && word != "[]") text += "; default " + word;
        }
        std::fputs(wrapped(text).c_str(), stdout);
        if (const json::value* inner = json::find(p, "parameters")) {
            bool list = json::get_string(p, "type").starts_with("list");
            explain(inner->as_array(), name + (list ? ".N." : "."));
        }
    }
}

}  // namespace

int help(const std::vector<std::string>& words) {
    json::object commands = json::parse_object(read_file(k_file));
    std::string name;
    for (const std::string& word : words) name += (name.empty() ? "" : "-") + word;
    if (name.empty()) {
        std::printf("Commands of the management API; one of them: mgmt_cli help add host\n\n");
        for (const auto& member : commands) {
            std::string text = json::get_string(member.value().as_object(), "description");
            std::string title(member.key());
            if (title.size() < 30) title.resize(30, ' ');
            std::string line = "  " + title + " " + text;
            if (line.size() > k_width) line = line.substr(0, k_width - 3) + "...";
            std::printf("%s\n", line.c_str());
        }
        return 0;
    }
    const json::value* found = json::find(commands, name);
    if (!found) {
        std::vector<std::string> all;
        for (const auto& member : commands) all.emplace_back(member.key());
        std::string near = nearest(name, all);
        std::fprintf(
            stderr, "There is no command %s%s\n", name.c_str(),
            near.empty() ? "; mgmt_cli help lists all" : ("; did you mean " + near + "?").c_str());
        return 2;
    }
    const json::object& command = found->as_object();
    std::string where;
    const json::array& places = json::get_array(command, "where");
    for (const json::value& v : places) {
        where += (where.empty() ? "" : ", ") + std::string(v.as_string());
    }
    std::printf("%s\n", name.c_str());
    std::string text = json::get_string(command, "description") + ".";
    if (places.size() < 3) text += " Only in: " + where + ".";
    std::fputs(wrapped(text).c_str(), stdout);
    std::printf("\n");
    explain(json::get_array(command, "parameters"), "");
    return 0;
}

}  // namespace mds::cli
