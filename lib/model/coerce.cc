#include "model/coerce.hh"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <unordered_set>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/text.hh"
#include "model/address.hh"
#include "store/refs.hh"

namespace mds::model {
namespace {

constexpr size_t k_longest_text = 65535;

std::string type_word(const json::value& v) {
    if (v.is_object()) return "an object";
    if (v.is_array()) return "a list";
    if (v.is_string()) return "a string";
    if (v.is_bool()) return "a boolean";
    return v.is_null() ? "null" : "a number";
}

bool is_port(std::string_view text) {
    unsigned number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() && number <= 65535;
}

std::string ports(const json::value& given, const std::string& path) {
    std::string text = trim(coerce_string(given, path));
    std::string_view rest = text;
    if (rest.starts_with('<') || rest.starts_with('>')) {
        if (is_port(rest.substr(1))) return text;
    } else if (size_t dash = rest.find('-'); dash != std::string_view::npos) {
        auto low = rest.substr(0, dash), high = rest.substr(dash + 1);
        if (is_port(low) && is_port(high) &&
            std::stoi(std::string(low)) <= std::stoi(std::string(high))) {
            return text;
        }
    } else if (is_port(rest)) {
        return text;
    }
    invalid(path,
            "'" + text + "' is not a port (80), a range (1024-2048), or a bound (>1023, <1024).");
}

std::string address(const json::value& given, const std::string& path, bool v6) {
    std::string text = trim(coerce_string(given, path));
    auto parsed = Address::parse(text);
    if (!parsed || parsed->v6 != v6) {
        invalid(path, "'" + text + "' is not an " + (v6 ? "IPv6" : "IPv4") + " address.");
    }
    return parsed->text();
}

std::string choice(const Field& field, const json::value& given, const std::string& path) {
    std::string text = coerce_string(given, path);
    for (const std::string& word : field.choices) {
        if (fold(word) == fold(text)) return word;
    }
    invalid(path, "'" + text + "' is none of: " + join(field.choices, ", ") + ".");
}

/// The text by which a reference is given: a string, or an object with uid or name.
std::string reference_text(const json::value& given, const std::string& path) {
    if (const json::object* o = given.if_object()) {
        for (const char* key : {"uid", "name"}) {
            if (const json::value* v = json::find(*o, key)) return coerce_string(*v, path);
        }
    }
    return coerce_string(given, path);
}

std::string reference(const Field& field, const json::value& given, const std::string& path,
                      World& world) {
    std::string text = reference_text(given, path);
    if (auto uid = world.find(field.choices, text)) return store::make_reference(*uid);
    Error error(Code::object_not_found, "Requested object [" + text + "] not found");
    error.add_error("Invalid parameter for [" + path + "]. There is no " +
                    (field.choices.size() == 1 ? field.choices[0] : "such object") + " '" + text +
                    "' in this Domain.");
    throw error;
}

/// A list field: replaced by a plain list, edited by {"add": ..., "remove": ...}.
template <class Item>
json::array edit_list(const json::value& given, const json::value& base, const std::string& path,
                      Item item) {
    json::array out;
    auto put = [&](const json::value& v) {
        json::value normal = item(v);
        if (std::find(out.begin(), out.end(), normal) == out.end())
            out.push_back(std::move(normal));
    };
    const json::object* edit = given.if_object();
    bool is_edit = edit && (edit->contains("add") || edit->contains("remove"));
    if (!is_edit) {
        json::array items = as_list(given);
        if (items.size() < 16) {
            for (const json::value& v : items) put(v);
            return out;
        }
        std::unordered_set<std::string> seen;
        for (const json::value& v : items) {
            json::value normal = item(v);
            if (seen.insert(json::text(normal)).second) out.push_back(std::move(normal));
        }
        return out;
    }
    for (const auto& member : *edit) {
        if (member.key() == "add" || member.key() == "remove") continue;
        throw Error(Code::invalid_parameter_name,
                    "Unrecognized parameter [" + path + "." + std::string(member.key()) + "]");
    }
    if (const json::array* old = base.if_array()) out = *old;
    if (const json::value* remove = json::find(*edit, "remove")) {
        for (const json::value& v : as_list(*remove)) {
            // What is gone by `ignore-errors` can still be taken out, by its uid.
            auto uid = v.is_string() ? Uid::parse(v.as_string()) : std::nullopt;
            json::value mark = uid ? json::value(store::make_reference(*uid)) : json::value();
            bool held = uid && std::find(out.begin(), out.end(), mark) != out.end();
            json::value normal = held ? mark : item(v);
            out.erase(std::remove(out.begin(), out.end(), normal), out.end());
        }
    }
    if (const json::value* add = json::find(*edit, "add")) {
        for (const json::value& v : as_list(*add)) put(v);
    }
    return out;
}

json::object map_of(const Field& field, const json::value& given, const std::string& path,
                    const json::value& base, World& world) {
    const json::object* raw = given.if_object();
    if (!raw) invalid(path, "An object is expected, not " + type_word(given) + ".");
    json::object out;
    const json::object* present = base.if_object();
    if (present) out = *present;
    json::object expanded = expand_addresses(field.addressing, *raw, present, path + ".");
    for (const auto& member : expanded) {
        std::string inner = path + "." + std::string(member.key());
        auto found = std::find_if(field.fields.begin(), field.fields.end(), [&](const Field& f) {
            return std::string_view(f.name) == std::string_view(member.key());
        });
        if (found == field.fields.end() || (found->read_only && !present)) {
            throw Error(Code::invalid_parameter_name, "Unrecognized parameter [" + inner + "]");
        }
        const json::value* old = json::find(out, member.key());
        json::value normal =
            coerce(*found, member.value(), inner, old ? *old : json::value(nullptr), world);
        if (normal.is_null()) {
            out.erase(member.key());
        } else {
            out[member.key()] = std::move(normal);
        }
    }
    for (const Field& f : field.fields) {
        if (out.contains(f.name)) continue;
        if (f.required) {
            throw Error(Code::missing_parameters,
                        "Missing parameter: [" + path + "." + f.name + "]");
        }
        if (!f.fallback.is_null()) out[f.name] = f.fallback;
    }
    check_addresses(field.addressing, false, out, path + ".");
    return out;
}

/// Maps in a list are identified by their name when they are edited.
json::array maps_of(const Field& field, const json::value& given, const std::string& path,
                    const json::value& base, World& world) {
    const json::object* edit = given.if_object();
    bool is_edit = edit && (edit->contains("add") || edit->contains("remove"));
    json::array out;
    auto at = [&](std::string_view name) {
        return std::find_if(out.begin(), out.end(), [&](const json::value& v) {
            return json::get_string(v.as_object(), "name") == name;
        });
    };
    auto put = [&](const json::value& v) {
        json::object normal = map_of(field, v, path, nullptr, world);
        auto old = at(json::get_string(normal, "name"));
        if (normal.contains("name") && old != out.end()) {
            invalid(path, "'" + json::get_string(normal, "name") + "' is there twice.");
        }
        out.push_back(std::move(normal));
    };
    if (!is_edit) {
        for (const json::value& v : as_list(given)) put(v);
        return out;
    }
    if (const json::array* old = base.if_array()) out = *old;
    if (const json::value* remove = json::find(*edit, "remove")) {
        for (const json::value& v : as_list(*remove)) {
            auto found = at(reference_text(v, path));
            if (found != out.end()) out.erase(found);
        }
    }
    if (const json::value* add = json::find(*edit, "add")) {
        for (const json::value& v : as_list(*add)) put(v);
    }
    return out;
}

json::value any_of(const json::value& given, const std::string& path) {
    if (given.is_string()) return json::value(coerce_string(given, path, true));
    if (const json::array* a = given.if_array()) {
        json::array out;
        for (const json::value& v : *a) out.push_back(any_of(v, path));
        return out;
    }
    if (const json::object* o = given.if_object()) {
        json::object out;
        for (const auto& member : *o) {
            coerce_string(json::value(member.key()), path);
            out[member.key()] = any_of(member.value(), path + "." + std::string(member.key()));
        }
        return out;
    }
    return given;
}

json::value date_of(const json::value& given, const std::string& path) {
    if (const json::object* o = given.if_object()) {
        if (const json::value* ms = json::find(*o, "posix")) {
            return json::object{{"posix", coerce_integer(*ms, path)}};
        }
    }
    if (given.is_int64()) return json::object{{"posix", given.as_int64()}};
    invalid(path, "A date is expected: {\"posix\": milliseconds}.");
}

/// {"date": "24-Nov-2014", "time": "21:22"}, {"posix": ms} or {"iso-8601": "2014-11-24T21:22"}.
json::value moment_of(const json::value& given, const std::string& path) {
    const json::object* o = given.if_object();
    std::string why =
        "A time is expected: {\"date\": \"24-Nov-2014\", \"time\": \"21:22\"}, "
        "{\"posix\": milliseconds} or {\"iso-8601\": \"2014-11-24T21:22\"}.";
    if (!o) invalid(path, why);
    for (const auto& member : *o) {
        std::string_view name = member.key();
        if (name == "date" || name == "time" || name == "posix" || name == "iso-8601") continue;
        throw Error(Code::invalid_parameter_name,
                    "Unrecognized parameter [" + path + "." + std::string(name) + "]");
    }
    std::tm parts{};
    const char* rest = nullptr;
    if (const json::value* ms = json::find(*o, "posix")) {
        std::time_t seconds = coerce_integer(*ms, path + ".posix") / 1000;
        if (!gmtime_r(&seconds, &parts) || parts.tm_year > 8099) invalid(path, why);
    } else if (const json::value* iso = json::find(*o, "iso-8601")) {
        std::string text = coerce_string(*iso, path + ".iso-8601");
        rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M", &parts);
        if (!rest) invalid(path + ".iso-8601", why);
    } else {
        std::string date = json::get_string(*o, "date"),
                    time = json::get_string(*o, "time", "00:00");
        rest = strptime(date.c_str(), "%d-%b-%Y", &parts);
        if (!rest || *rest) invalid(path + ".date", why);
        rest = strptime(time.c_str(), "%H:%M", &parts);
        if (!rest || *rest) invalid(path + ".time", why);
    }
    parts.tm_sec = 0;
    int64_t ms = static_cast<int64_t>(timegm(&parts)) * 1000;
    char date[32], time[16];
    std::strftime(date, sizeof date, "%d-%b-%Y", &parts);
    std::strftime(time, sizeof time, "%H:%M", &parts);
    return json::object{
        {"date", date}, {"time", time}, {"posix", ms}, {"iso-8601", iso_minutes(ms)}};
}

bool clears(const json::value& given) {
    return given.is_null() || (given.is_string() && given.as_string().empty());
}

}  // namespace

void invalid(const std::string& path, const std::string& why) {
    throw Error(Code::invalid_parameter, "Invalid parameter for [" + path + "]. " + why);
}

json::array as_list(const json::value& given) {
    if (const json::array* a = given.if_array()) return *a;
    if (clears(given)) return {};
    return json::array{given};
}

std::string coerce_string(const json::value& given, const std::string& path, bool lines_allowed) {
    std::string text;
    if (given.is_string()) {
        text = std::string(given.as_string());
    } else if (given.is_int64() || given.is_uint64() || given.is_bool()) {
        text = json::text(given);
    } else {
        invalid(path, "A string is expected, not " + type_word(given) + ".");
    }
    if (text.size() > k_longest_text) {
        invalid(path, "The text is longer than 65535 bytes.");
    }
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) continue;
        if (lines_allowed && (c == '\n' || c == '\t' || c == '\r')) continue;
        invalid(path, "Control characters are not allowed.");
    }
    return text;
}

bool coerce_boolean(const json::value& given, const std::string& path) {
    if (given.is_bool()) return given.as_bool();
    if (given.is_string()) {
        std::string word = fold(given.as_string());
        if (word == "true") return true;
        if (word == "false") return false;
    }
    invalid(path, "true or false is expected.");
}

int64_t coerce_integer(const json::value& given, const std::string& path) {
    if (given.is_int64()) return given.as_int64();
    if (given.is_double() &&
        given.as_double() ==
            static_cast<double>(static_cast<int64_t>(std::clamp(given.as_double(), -9e15, 9e15)))) {
        return static_cast<int64_t>(given.as_double());
    }
    if (given.is_string()) {
        std::string text = trim(given.as_string());
        int64_t number = 0;
        auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (!text.empty() && error == std::errc() && end == text.data() + text.size())
            return number;
    }
    invalid(path, "An integer is expected.");
}

std::string coerce_colour(const json::value& given, const std::string& path) {
    std::string text = coerce_string(given, path);
    std::string folded = fold(text);
    for (const std::string& colour : colours()) {
        if (colour == folded) return colour;
    }
    std::string near = nearest(text, colours());
    invalid(path, "'" + text + "' is not a color." +
                      (near.empty() ? "" : " Did you mean '" + near + "'?"));
}

json::array coerce_tags(const json::value& given, const json::value& base, World& world) {
    return edit_list(given, base, "tags", [&](const json::value& v) {
        std::string name = reference_text(v, "tags");
        if (auto uid = world.find({"tag"}, name)) return json::value(store::make_reference(*uid));
        check_name(name);
        return json::value(store::make_reference(world.tag(name)));
    });
}

json::value coerce(const Field& field, const json::value& given, const std::string& path,
                   const json::value& base, World& world) {
    switch (field.kind) {
        case Kind::string:
            if (given.is_null()) return nullptr;
            return json::value(coerce_string(given, path));
        case Kind::integer: {
            if (clears(given)) return nullptr;
            int64_t number = coerce_integer(given, path);
            if (number < field.low || number > field.high) {
                invalid(path, "The value must be between " + std::to_string(field.low) + " and " +
                                  std::to_string(field.high) + ".");
            }
            return number;
        }
        case Kind::boolean:
            if (clears(given)) return nullptr;
            return coerce_boolean(given, path);
        case Kind::choice:
            if (clears(given)) return nullptr;
            return json::value(choice(field, given, path));
        case Kind::ipv4:
        case Kind::ipv6:
            if (clears(given)) return nullptr;
            return json::value(address(given, path, field.kind == Kind::ipv6));
        case Kind::ports:
            if (clears(given)) return nullptr;
            return json::value(ports(given, path));
        case Kind::colour:
            if (clears(given)) return nullptr;
            return json::value(coerce_colour(given, path));
        case Kind::date:
            if (clears(given)) return nullptr;
            return date_of(given, path);
        case Kind::reference:
            if (clears(given)) return nullptr;
            return json::value(reference(field, given, path, world));
        case Kind::references:
            if (!field.none_word.empty() && given.is_string() &&
                fold(given.as_string()) == field.none_word) {
                return json::array{};
            }
            return edit_list(given, base, path, [&](const json::value& v) {
                return json::value(reference(field, v, path, world));
            });
        case Kind::strings:
            return edit_list(given, base, path, [&](const json::value& v) {
                return json::value(coerce_string(v, path));
            });
        case Kind::moment:
            if (clears(given)) return nullptr;
            return moment_of(given, path);
        case Kind::map:
            if (clears(given)) return nullptr;
            return map_of(field, given, path, base, world);
        case Kind::maps:
            return maps_of(field, given, path, base, world);
        case Kind::any:
            if (given.is_null()) return nullptr;
            return any_of(given, path);
    }
    return nullptr;
}

}  // namespace mds::model
