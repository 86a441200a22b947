#include "changes.hh"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace mds::ctl {
namespace {

/// Nothing that a reader would miss: what a field has that nobody has set.
bool nothing(const json::value& v);

/// The same inside of an object, where a word stands for it.
bool off(const json::value& v) { return nothing(v) || v == json::value("none") || v == json::value("None"); }

bool nothing(const json::value& v) {
    if (v.is_null() || v == json::value(false) || v == json::value("")) return true;
    if (v.is_array()) return v.get_array().empty();
    if (!v.is_object()) return false;
    return std::all_of(v.get_object().begin(), v.get_object().end(), [](const auto& member) { return off(member.value()); });
}

/// A value as one line for people.
std::string value_text(const json::value& v) {
    if (v.is_null()) return "-";
    if (v.is_string()) return v.get_string().empty() ? "\"\"" : std::string(v.get_string());
    std::string out;
    if (v.is_array()) {
        for (const json::value& one : v.get_array()) out += (out.empty() ? "" : ", ") + value_text(one);
    } else if (v.is_object()) {
        for (const auto& [key, one] : v.get_object()) {
            if (!off(one)) out += (out.empty() ? "" : "; ") + std::string(key) + " " + value_text(one);
        }
    } else {
        return json::text(v);
    }
    return out.empty() ? "none" : out;
}

/// What a reader of a rule looks for, in the order of its columns; of the rest only what does not mean all.
constexpr std::array<std::string_view, 6> k_rule{"source", "destination", "service", "action", "inline-layer", "track"};

bool any(const json::value& v) {
    return v == json::value("Any") || v == json::value("any") || v == json::value(json::array{"Any"}) ||
           v == json::value(json::array{"Policy Targets"});
}

void print_field(const Options& options, const std::string& field, const std::string& text) {
    std::printf("%s\n", wrapped(options, fmt::format("      {:<18} ", safe(field)), safe(text)).c_str());
}

/// "      comments           old -> new" of each field of a changed object.
void print_changed(const Options& options, const json::array& fields) {
    const char* arrow = options.ascii ? " -> " : " → ";
    for (const json::value& v : fields) {
        const json::object& f = v.as_object();
        print_field(options, json::get_string(f, "field"), value_text(f.at("before")) + arrow + value_text(f.at("after")));
    }
}

/// What a new object has, without what it has by default.
void print_added(const Options& options, const json::array& fields, bool rule) {
    auto place = [&](const std::string& field) {
        return rule ? std::find(k_rule.begin(), k_rule.end(), field) - k_rule.begin() : 0;
    };
    std::multimap<std::ptrdiff_t, std::pair<std::string, std::string>> lines;
    for (const json::value& v : fields) {
        const json::object& f = v.as_object();
        std::string field = json::get_string(f, "field");
        const json::value& after = f.at("after");
        if (nothing(after) || field == "name") continue;
        bool main = place(field) < static_cast<std::ptrdiff_t>(k_rule.size());
        if (rule && !main && (any(after) || field == "enabled")) continue;
        lines.emplace(place(field), std::pair{field, value_text(after)});
    }
    for (const auto& [order, line] : lines) print_field(options, line.first, line.second);
}

}  // namespace

void print_change(const Options& options, const json::object& change, const std::string& title) {
    std::string kind = json::get_string(change, "change");
    const char* mark = kind == "added" ? "+" : kind == "removed" ? "-" : kind == "moved" ? "^" : "~";
    const std::string type = safe(json::get_string(change, "type"));
    std::printf("\n%s\n", wrapped(options, fmt::format("  {} {:<18} ", mark, type), safe(title)).c_str());
    const json::array& fields = json::get_array(change, "fields");
    if (kind == "added") print_added(options, fields, json::get_string(change, "type").ends_with("-rule"));
    if (kind == "changed" || kind == "moved") print_changed(options, fields);
}

}  // namespace mds::ctl
