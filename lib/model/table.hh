#pragma once
// Short spellings for the type tables (types_*.cc) only.
#include <string>
#include <utility>
#include <vector>

#include "model/type.hh"

namespace mds::model::table {

inline Field field(std::string name, Kind kind) {
    Field f;
    f.name = std::move(name);
    f.kind = kind;
    return f;
}
inline Field text(std::string name) {
    return field(std::move(name), Kind::string);
}
inline Field required(Field f) {
    f.required = true;
    return f;
}
inline Field key(Field f) {
    f.key = true;
    return f;
}
inline Field with(Field f, json::value fallback) {
    f.fallback = std::move(fallback);
    return f;
}
inline Field secret(Field f) {
    f.write_only = true;
    return f;
}
/// Set by the server only.
inline Field given(Field f) {
    f.read_only = true;
    return f;
}
inline Field hidden(Field f) {
    f.read_only = true;
    f.internal = true;
    return f;
}
inline Field decided(Field f) {
    f.decided = true;
    return hidden(std::move(f));
}
inline Field flag(std::string name, bool fallback) {
    return with(field(std::move(name), Kind::boolean), fallback);
}
inline Field flag(std::string name) {
    return field(std::move(name), Kind::boolean);
}
inline Field number(std::string name, int64_t low, int64_t high) {
    Field f = field(std::move(name), Kind::integer);
    f.low = low;
    f.high = high;
    return f;
}
inline Field choice(std::string name, std::vector<std::string> choices) {
    Field f = field(std::move(name), Kind::choice);
    f.choices = std::move(choices);
    return f;
}
inline Field reference(std::string name, std::vector<std::string> types) {
    Field f = field(std::move(name), Kind::reference);
    f.choices = std::move(types);
    return f;
}
inline Field references(std::string name, std::vector<std::string> types) {
    Field f = field(std::move(name), Kind::references);
    f.choices = std::move(types);
    f.fallback = json::array{};
    return f;
}
/// A list of references whose empty form has a word: "all".
inline Field references_or(std::string none_word, std::string name,
                           std::vector<std::string> types) {
    Field f = references(std::move(name), std::move(types));
    f.none_word = std::move(none_word);
    return f;
}
inline Field strings(std::string name) {
    return with(field(std::move(name), Kind::strings), json::array{});
}
inline Field map(std::string name, std::vector<Field> fields) {
    Field f = field(std::move(name), Kind::map);
    f.fields = std::move(fields);
    return f;
}
inline Field maps(std::string name, std::vector<Field> fields) {
    Field f = field(std::move(name), Kind::maps);
    f.fields = std::move(fields);
    f.fallback = json::array{};
    return f;
}
inline Field addressed(Field f, Addressing addressing) {
    f.addressing = addressing;
    return f;
}

inline Field ipv4(std::string name) {
    return field(std::move(name), Kind::ipv4);
}
inline Field ipv6(std::string name) {
    return field(std::move(name), Kind::ipv6);
}
/// The fields that Addressing::host and the others fill.
inline std::vector<Field> host_fields() {
    return {key(ipv4("ipv4-address")), key(ipv6("ipv6-address"))};
}
inline std::vector<Field> subnet_fields() {
    return {key(ipv4("subnet4")), key(number("mask-length4", 0, 32)), key(ipv6("subnet6")),
            key(number("mask-length6", 0, 128))};
}
inline std::vector<Field> range_fields() {
    return {key(ipv4("ipv4-address-first")), key(ipv4("ipv4-address-last")),
            key(ipv6("ipv6-address-first")), key(ipv6("ipv6-address-last"))};
}
inline std::vector<Field> operator+(std::vector<Field> a, std::vector<Field> b) {
    for (Field& f : b) a.push_back(std::move(f));
    return a;
}
/// Types of what stands for places and for services: members of groups, columns of rules.
const std::vector<std::string>& network_members();
const std::vector<std::string>& service_members();
inline Field nat_settings() {
    return with(addressed(map("nat-settings",
                              std::vector<Field>{flag("auto-rule", false)} +
                                  std::vector<Field>{
                                      ipv4("ipv4-address"), ipv6("ipv6-address"),
                                      choice("hide-behind", {"gateway", "ip-address"}),
                                      text("install-on"), choice("method", {"hide", "static"})}),
                          Addressing::host),
                json::object{{"auto-rule", false}});
}

inline Type type(std::string name, std::string plural, std::string family, std::string icon,
                 std::vector<Field> fields) {
    Type t;
    t.name = std::move(name);
    t.plural = std::move(plural);
    t.family = std::move(family);
    t.icon = std::move(icon);
    t.fields = std::move(fields);
    return t;
}

}  // namespace mds::model::table
