#include "json/json.hh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "base/error.hh"
#include "base/text.hh"

namespace mds::json {
namespace {

/// 15 significant digits: what every parser reads back to the same 15 digits, also one that is not
/// exact in the last bit, as Boost.JSON's is.
std::string double_text(double d) {
    if (!std::isfinite(d))
        throw Error(Code::invalid_syntax, "Payload is not valid: a number is too large");
    char text[40];
    std::snprintf(text, sizeof text, "%.15g", d);
    std::string out = text;
    if (out.find_first_of(".e") == std::string::npos) out += ".0";
    return out;
}

/// As boost::json::serialize(text); most strings have nothing to escape.
void write_string(std::string& out, std::string_view text) {
    bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f;
    });
    if (!plain) {
        out += boost::json::serialize(boost::json::string_view(text.data(), text.size()));
        return;
    }
    out += '"';
    out += text;
    out += '"';
}

void write_canonical(std::string& out, const value& v) {
    if (const object* o = v.if_object()) {
        std::vector<const boost::json::key_value_pair*> members;
        members.reserve(o->size());
        for (const auto& member : *o) members.push_back(&member);
        std::sort(members.begin(), members.end(),
                  [](const auto* a, const auto* b) { return a->key() < b->key(); });
        out += '{';
        for (size_t i = 0; i < members.size(); ++i) {
            if (i) out += ',';
            write_string(out, members[i]->key());
            out += ':';
            write_canonical(out, members[i]->value());
        }
        out += '}';
    } else if (const array* a = v.if_array()) {
        out += '[';
        for (size_t i = 0; i < a->size(); ++i) {
            if (i) out += ',';
            write_canonical(out, (*a)[i]);
        }
        out += ']';
    } else if (const double* d = v.if_double()) {
        out += double_text(*d);
    } else if (const boost::json::string* s = v.if_string()) {
        write_string(out, *s);
    } else {
        out += boost::json::serialize(v);
    }
}

void write_pretty(std::string& out, const value& v, size_t indent) {
    auto line = [&](size_t depth) {
        out += '\n';
        out.append(depth * 2, ' ');
    };
    if (const object* o = v.if_object(); o && !o->empty()) {
        out += '{';
        bool first = true;
        for (const auto& member : *o) {
            if (!first) out += ',';
            first = false;
            line(indent + 1);
            out += boost::json::serialize(member.key()) + ": ";
            write_pretty(out, member.value(), indent + 1);
        }
        line(indent);
        out += '}';
    } else if (const array* a = v.if_array(); a && !a->empty()) {
        out += '[';
        for (size_t i = 0; i < a->size(); ++i) {
            if (i) out += ',';
            line(indent + 1);
            write_pretty(out, (*a)[i], indent + 1);
        }
        line(indent);
        out += ']';
    } else {
        out += boost::json::serialize(v);
    }
}

}  // namespace

value parse(std::string_view text) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return object{};
    boost::json::error_code error;
    boost::json::parse_options options;
    options.max_depth = 32;
    value v = boost::json::parse(text, error, {}, options);
    if (error) throw Error(Code::invalid_syntax, "Payload is not valid");
    return v;
}

object parse_object(std::string_view text) {
    value v = parse(text);
    if (!v.is_object()) throw Error(Code::invalid_syntax, "Payload is not valid");
    return std::move(v.as_object());
}

std::string text(const value& v) {
    return boost::json::serialize(v);
}

std::string canonical(const value& v) {
    std::string out;
    out.reserve(512);
    write_canonical(out, v);
    return out;
}

std::string pretty(const value& v) {
    std::string out;
    write_pretty(out, v, 0);
    return out;
}

const value* find(const object& o, std::string_view key) {
    auto it = o.find(key);
    return it == o.end() ? nullptr : &it->value();
}

std::string get_string(const object& o, std::string_view key, std::string_view otherwise) {
    const value* v = find(o, key);
    if (v && v->is_string()) return std::string(std::string_view(v->get_string()));
    return std::string(otherwise);
}

int64_t get_int(const object& o, std::string_view key, int64_t otherwise) {
    const value* v = find(o, key);
    if (!v) return otherwise;
    if (v->is_int64()) return v->get_int64();
    if (v->is_uint64()) return static_cast<int64_t>(v->get_uint64());
    return otherwise;
}

bool get_bool(const object& o, std::string_view key, bool otherwise) {
    const value* v = find(o, key);
    return v && v->is_bool() ? v->get_bool() : otherwise;
}

const object& get_object(const object& o, std::string_view key) {
    static const object k_empty;
    const value* v = find(o, key);
    return v && v->is_object() ? v->get_object() : k_empty;
}

const array& get_array(const object& o, std::string_view key) {
    static const array k_empty;
    const value* v = find(o, key);
    return v && v->is_array() ? v->get_array() : k_empty;
}

}  // namespace mds::json
