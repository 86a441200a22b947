#include "arguments.hh"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

#include "base/error.hh"
#include "base/text.hh"

namespace mds::cli {
namespace {

const std::map<std::string, std::string> k_short = {
    {"-u", "user"},   {"-p", "password"},   {"-r", "root"},   {"-d", "domain"},
    {"-s", "session-file"}, {"-m", "management"}, {"-f", "format"}, {"-b", "batch"}, {"-k", "api-key"},
    {"-c", "client-cert"}};

const std::set<std::string> k_long = {
    "user", "password", "root", "domain", "session-id", "session-file", "management", "port", "format",
    "batch", "sync", "version", "unsafe-auto-accept", "conn-timeout", "context", "ignore-errors",
    "client-cert", "proxy", "user-agent", "api-key", "read-only", "session-timeout"};

/// MGMT_CLI_USER for --user, and so for each.
std::string variable_of(const std::string& name) {
    std::string out = "MGMT_CLI_";
    for (char c : name) out += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return out;
}

bool all_digits(const std::string& text) {
    return !text.empty() && text.size() < 18 &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
}

void put_at(json::value& slot, const std::vector<std::string>& path, size_t at,
            const json::value& value) {
    if (at == path.size()) {
        slot = value;
        return;
    }
    if (all_digits(path[at])) {
        if (!slot.is_array()) slot = json::array{};
        size_t index = std::strtoul(path[at].c_str(), nullptr, 10);
        if (index == 0 || index > 100000) {
            throw Error(Code::invalid_parameter, "list positions begin with 1: " + join(path, "."));
        }
        if (slot.as_array().size() < index) slot.as_array().resize(index);
        put_at(slot.as_array()[index - 1], path, at + 1, value);
        return;
    }
    if (!slot.is_object()) slot = json::object{};
    put_at(slot.as_object()[path[at]], path, at + 1, value);
}

}  // namespace

std::string Arguments::get(const std::string& name, const std::string& otherwise) const {
    auto it = switches.find(name);
    return it == switches.end() ? otherwise : it->second;
}

bool Arguments::flag(const std::string& name, bool otherwise) const {
    std::string text = get(name);
    return text.empty() ? otherwise : text == "true" || text == "1";
}

int Arguments::seconds(const std::string& name, int otherwise) const {
    std::string text = get(name);
    if (text.empty()) return otherwise;
    int value = all_digits(text) && text.size() < 6 ? std::atoi(text.c_str()) : 0;
    if (value < 1 || value > 86400) {
        throw Error(Code::invalid_parameter, "--" + name + " is a number of seconds from 1 to 86400, not " + text);
    }
    return value;
}

json::value typed(const std::string& word) {
    if (word == "true") return true;
    if (word == "false") return false;
    if (word == "null") return nullptr;
    if (all_digits(word) && (word.size() == 1 || word[0] != '0')) {
        return static_cast<int64_t>(std::strtoll(word.c_str(), nullptr, 10));
    }
    if (!word.empty() && (word[0] == '"' || word[0] == '{' || word[0] == '[')) {
        try {
            return json::parse(word);
        } catch (const Error&) {
            throw Error(Code::invalid_parameter, "not JSON: " + word);
        }
    }
    return json::value(word);
}

void put_parameter(json::object& target, const std::string& name, const json::value& value) {
    json::value root = std::move(target);
    put_at(root, split(name, '.'), 0, value);
    target = std::move(root.as_object());
}

void hide_secrets(int count, char** words) {
    auto secret = [](std::string_view name) {
        return name == "-p" || name == "-k" || name.find("password") != name.npos ||
               name.find("passphrase") != name.npos || name.ends_with("api-key");
    };
    for (int i = 1; i < count; ++i) {
        std::string_view word = words[i];
        size_t equals = word.rfind("--", 0) == 0 ? word.find('=') : word.npos;
        if (!secret(word.substr(0, equals))) continue;
        char* value = equals != word.npos ? words[i] + equals + 1 : i + 1 < count ? words[++i] : nullptr;
        if (value) std::fill_n(value, std::strlen(value), '*');
    }
}

Arguments parse_arguments(const std::vector<std::string>& words) {
    Arguments out;
    for (const std::string& name : k_long) {
        if (const char* value = std::getenv(variable_of(name).c_str())) out.switches[name] = value;
    }
    std::vector<std::string> rest;
    for (size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == "--help" || word == "-h") {
            out.help = true;
            continue;
        }
        std::string name, value;
        bool has_value = false;
        if (auto it = k_short.find(word); it != k_short.end()) {
            name = it->second;
        } else if (word.rfind("--", 0) == 0) {
            size_t equals = word.find('=');
            name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
            if (equals != std::string::npos) {
                value = word.substr(equals + 1);
                has_value = true;
            }
            if (!k_long.count(name)) {
                std::string near = nearest(name, {k_long.begin(), k_long.end()});
                throw Error(Code::invalid_parameter,
                            "unknown switch --" + name +
                                (near.empty() ? "" : ", did you mean --" + near + "?"));
            }
        } else {
            rest.push_back(word);
            continue;
        }
        if (!has_value) {
            if (i + 1 >= words.size()) {
                throw Error(Code::missing_parameters, "the switch " + word + " needs a value");
            }
            value = words[++i];
        }
        out.switches[name] = value;
    }
    if (rest.empty()) return out;
    out.command = rest[0];
    size_t at = 1;
    static const std::set<std::string> k_verbs = {"add", "set", "show", "delete"};
    if (k_verbs.count(rest[0]) && rest.size() > 1) {
        out.command += "-" + rest[1];
        at = 2;
    }
    for (; at < rest.size(); at += 2) {
        if (at + 1 >= rest.size()) {
            throw Error(Code::missing_parameters, "the parameter " + rest[at] + " needs a value");
        }
        put_parameter(out.parameters, rest[at], typed(rest[at + 1]));
    }
    return out;
}

std::vector<json::object> read_batch(const std::string& path) {
    std::string text = read_file(path);
    // Spreadsheets write one.
    constexpr std::string_view k_byte_order_mark = "\xef\xbb\xbf";
    if (text.compare(0, k_byte_order_mark.size(), k_byte_order_mark) == 0) text.erase(0, k_byte_order_mark.size());
    std::vector<std::vector<std::string>> rows(1, std::vector<std::string>(1));
    bool quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (quoted) {
            if (c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
                rows.back().back() += '"';
                ++i;
            } else if (c == '"') {
                quoted = false;
            } else {
                rows.back().back() += c;
            }
        } else if (c == '"') {
            quoted = true;
        } else if (c == ',') {
            rows.back().emplace_back();
        } else if (c == '\n') {
            rows.emplace_back(1);
        } else if (c != '\r') {
            rows.back().back() += c;
        }
    }
    std::vector<json::object> out;
    const std::vector<std::string> names = rows.front();
    for (size_t r = 1; r < rows.size(); ++r) {
        if (rows[r].size() == 1 && rows[r][0].empty()) continue;
        if (rows[r].size() != names.size()) {
            throw Error(Code::invalid_parameter,
                        path + " line " + std::to_string(r + 1) + " has " +
                            std::to_string(rows[r].size()) + " fields, the first line " +
                            std::to_string(names.size()));
        }
        json::object o;
        for (size_t i = 0; i < names.size(); ++i) {
            if (!rows[r][i].empty()) put_parameter(o, trim(names[i]), typed(rows[r][i]));
        }
        out.push_back(std::move(o));
    }
    return out;
}

std::string as_text(const json::value& v, size_t indent) {
    std::string pad(indent, ' ');
    if (const json::object* o = v.if_object()) {
        std::string out;
        for (const auto& m : *o) {
            bool nested = (m.value().is_object() && !m.value().as_object().empty()) ||
                          (m.value().is_array() && !m.value().as_array().empty());
            out += pad + std::string(m.key()) + ":" +
                   (nested ? "\n" + as_text(m.value(), indent + 2) : " " + as_text(m.value()) + "\n");
        }
        return out;
    }
    if (const json::array* a = v.if_array()) {
        if (a->empty()) return "[]";
        std::string out;
        for (const json::value& item : *a) {
            if (item.is_object() || item.is_array()) {
                std::string inner = as_text(item, indent + 2);
                out += pad + "- " + (inner.size() > indent + 2 ? inner.substr(indent + 2) : inner);
            } else {
                out += pad + "- " + as_text(item) + "\n";
            }
        }
        return out;
    }
    return json::text(v);
}

}  // namespace mds::cli
