#include "model/document.hh"

#include <algorithm>

#include "base/error.hh"
#include "base/text.hh"
#include "model/coerce.hh"
#include "store/refs.hh"

namespace mds::model {
namespace {

[[noreturn]] void unrecognized(const Type& type, std::string_view given) {
    std::vector<std::string> names = {"name", "new-name", "comments", "color", "tags", "groups"};
    for (const Field& f : type.fields) {
        if (!f.read_only) names.push_back(f.name);
    }
    if (type.addressing == Addressing::host || type.addressing == Addressing::any_of) {
        names.push_back("ip-address");
    }
    if (type.addressing == Addressing::subnet) {
        for (const char* alias : {"subnet", "mask-length", "subnet-mask"}) names.push_back(alias);
    }
    if (type.addressing == Addressing::range || type.addressing == Addressing::any_of) {
        for (const char* alias : {"ip-address-first", "ip-address-last"}) names.push_back(alias);
    }
    std::string near = nearest(given, names);
    throw Error(Code::invalid_parameter_name,
                "Unrecognized parameter [" + std::string(given) + "]" +
                    (near.empty() || near == given ? "" : ". Did you mean [" + near + "]?"));
}

/// Puts one parameter into the document.
void put_field(const Type& type, json::object& document, std::string_view name,
               const json::value& given, World& world) {
    if (name == "comments") {
        document["comments"] =
            given.is_null() ? json::value("") : json::value(coerce_string(given, "comments", true));
        return;
    }
    if (name == "color" && type.within.empty()) {
        bool clear = given.is_null() || (given.is_string() && given.as_string().empty());
        document["color"] =
            clear ? json::value("black") : json::value(coerce_colour(given, "color"));
        return;
    }
    if (name == "tags" && type.tags) {
        const json::value* old = json::find(document, "tags");
        document["tags"] = coerce_tags(given, old ? *old : json::value(nullptr), world);
        return;
    }
    const Field* field = type.field(name);
    static const Field k_open = [] {
        Field f;
        f.kind = Kind::any;
        return f;
    }();
    if (!field && type.open) field = &k_open;
    if (!field || field->read_only) unrecognized(type, name);
    if (field->write_only) return;
    const json::value* old = json::find(document, name);
    json::value normal =
        coerce(*field, given, std::string(name), old ? *old : json::value(nullptr), world);
    if (!normal.is_null()) {
        document[name] = std::move(normal);
    } else if (!field->fallback.is_null()) {
        document[name] = field->fallback;
    } else {
        document.erase(name);
    }
}

void check_document(const Type& type, const json::object& document) {
    for (const Field& f : type.fields) {
        if (f.required && !f.write_only && !document.contains(f.name)) {
            throw Error(Code::missing_parameters, "Missing parameter: [" + f.name + "]");
        }
    }
    check_addresses(type.addressing, type.address_required, document, "");
    if (type.check) type.check(document);
}

/// Equality where a map counts as equal when every member given is, and an absent one counts as
/// its default.
bool covers(const Field& field, const json::value& present, const json::object& given,
            World& world);

bool same_field(const Field& field, const json::value* present, const json::value& given,
                const std::string& path, World& world) {
    static const json::value k_null = nullptr;
    const json::value& have = present ? *present : k_null;
    bool clears = given.is_null() || (given.is_string() && given.as_string().empty());
    switch (field.kind) {
        case Kind::map: {
            const json::object* o = given.if_object();
            if (clears) return have.is_null() || have == field.fallback;
            if (!o) invalid(path, "An object is expected.");
            return covers(field, have, *o, world);
        }
        case Kind::maps: {
            json::array want = as_list(given);
            const json::array* now = have.if_array();
            size_t count = now ? now->size() : 0;
            if (const json::object* edit = given.if_object();
                edit && (edit->contains("add") || edit->contains("remove"))) {
                return false;
            }
            if (want.size() != count) return false;
            for (const json::value& w : want) {
                if (!w.is_object()) invalid(path, "An object is expected.");
                bool found = std::any_of(now->begin(), now->end(), [&](const json::value& v) {
                    return covers(field, v, w.as_object(), world);
                });
                if (!found) return false;
            }
            return true;
        }
        case Kind::references:
        case Kind::strings: {
            json::value want = coerce(field, given, path, have, world);
            const json::array* now = have.if_array();
            const json::array& wanted = want.as_array();
            if (wanted.size() != (now ? now->size() : 0)) return false;
            if (wanted.empty()) return true;
            auto sorted = [](const json::array& list) {
                std::vector<std::string> out;
                for (const json::value& v : list) out.emplace_back(v.as_string());
                std::sort(out.begin(), out.end());
                return out;
            };
            return sorted(*now) == sorted(wanted);
        }
        case Kind::string:
            if (clears) return have.is_null() || have.as_string().empty();
            return have == coerce(field, given, path, have, world);
        default: {
            json::value want = coerce(field, given, path, have, world);
            if (want.is_null()) return have.is_null() || have == field.fallback;
            return have == want;
        }
    }
}

bool covers(const Field& field, const json::value& present, const json::object& given,
            World& world) {
    static const json::object k_empty;
    const json::object& have = present.is_object() ? present.as_object() : k_empty;
    json::object expanded = expand_addresses(field.addressing, given, &have, field.name + ".");
    for (const auto& member : expanded) {
        std::string path = field.name + "." + std::string(member.key());
        auto inner = std::find_if(field.fields.begin(), field.fields.end(), [&](const Field& f) {
            return std::string_view(f.name) == std::string_view(member.key());
        });
        if (inner == field.fields.end()) {
            throw Error(Code::invalid_parameter_name, "Unrecognized parameter [" + path + "]");
        }
        if (inner->write_only) continue;
        const json::value* value = json::find(have, member.key());
        if (!value && !inner->fallback.is_null()) value = &inner->fallback;
        json::value implied;
        if (!value && inner->kind == Kind::boolean) {
            implied = false;
            value = &implied;
        }
        if (!same_field(*inner, value, member.value(), path, world)) return false;
    }
    return true;
}

/// The parameters with one spelling each: addresses by family, aliases of the type.
json::object spelled(const Type& type, const json::object& params, const json::object* present) {
    if (!type.aliases) return expand_addresses(type.addressing, params, present, "");
    json::object own = params;
    type.aliases(own);
    return expand_addresses(type.addressing, own, present, "");
}

/// A World in which nothing is made: for `equals`.
class ReadOnlyWorld : public World {
  public:
    explicit ReadOnlyWorld(World& world) : world_(world) {}
    std::optional<Uid> find(const std::vector<std::string>& types, std::string_view name) override {
        return world_.find(types, name);
    }
    Uid tag(std::string_view name) override {
        throw Error(Code::object_not_found,
                    "Requested object [" + std::string(name) + "] not found");
    }

  private:
    World& world_;
};

bool same_parameter(const Type& type, const json::object& document, std::string_view name,
                    const json::value& given, const std::vector<Uid>& groups, World& world) {
    const json::value* present = json::find(document, name);
    if (name == "comments") {
        return json::get_string(document, "comments") ==
               (given.is_null() ? "" : coerce_string(given, "comments", true));
    }
    if (name == "color") {
        bool clear = given.is_null() || (given.is_string() && given.as_string().empty());
        return json::get_string(document, "color", "black") ==
               (clear ? "black" : coerce_colour(given, "color"));
    }
    if (name == "tags" && type.tags) {
        json::array want = coerce_tags(given, present ? *present : json::value(nullptr), world);
        std::vector<std::string> a, b;
        for (const json::value& v : want) a.emplace_back(v.as_string());
        for (const json::value& v : json::get_array(document, "tags"))
            b.emplace_back(v.as_string());
        std::sort(a.begin(), a.end());
        std::sort(b.begin(), b.end());
        return a == b;
    }
    if (name == "groups" && type.groups) {
        auto want = loose_references({type.group_type}, given, world);
        if (!want) return false;
        std::vector<Uid> have = groups;
        std::sort(have.begin(), have.end());
        return *want == have;
    }
    const Field* field = type.field(name);
    if (!field || field->internal) unrecognized(type, name);
    if (field->write_only) return true;
    return same_field(*field, present, given, std::string(name), world);
}

}  // namespace

bool is_common_parameter(std::string_view name) {
    static const std::vector<std::string_view> k_names = {
        "details-level",   "ignore-warnings",           "ignore-errors",      "set-if-exists",
        "show-membership", "dereference-group-members", "domains-to-process", "show-as-ranges",
        "show-domains",    "show-only-local-domain"};
    return std::find(k_names.begin(), k_names.end(), name) != k_names.end();
}

void fill_fallbacks(const Type& type, json::object& document) {
    for (const Field& f : type.fields) {
        if (f.write_only || document.contains(f.name) || f.fallback.is_null()) continue;
        document[f.name] = f.fallback;
    }
}

bool needs_name(const Type& type) {
    return type.within.empty() && type.pair.empty() && !type.single;
}

std::string index_name(const Type& type, const json::object& document) {
    if (type.single) return type.name;
    if (!type.pair.empty()) {
        std::string out;
        for (const std::string& field : type.pair) {
            auto uid = store::parse_reference(json::get_string(document, field));
            out += (out.empty() ? "" : "/") + (uid ? uid->text() : "");
        }
        return out;
    }
    if (type.within.empty()) return json::get_string(document, "name");
    auto uid = store::parse_reference(json::get_string(document, type.within));
    return (uid ? uid->text() : "") + "/" + json::get_string(document, "order");
}

void check_name(std::string_view name) {
    size_t characters = 0;
    bool visible = false;
    for (char c : name) {
        auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) invalid("name", "Control characters are not allowed.");
        if ((byte & 0xc0) != 0x80) ++characters;
        if (byte != ' ') visible = true;
    }
    if (!visible) invalid("name", "The name must not be empty.");
    if (characters > 255) {
        invalid("name",
                "The name is longer than 255 characters (" + std::to_string(characters) + ").");
    }
}

json::object make_document(const Type& type, const json::object& params, World& world) {
    json::object document;
    const json::value* name = json::find(params, "name");
    bool given = name && !name->is_null(), needed = needs_name(type);
    if (!given && needed) throw Error(Code::missing_parameters, "Missing parameter: [name]");
    if (given && (!type.pair.empty() || type.single)) unrecognized(type, "name");
    std::string name_text = given ? coerce_string(*name, "name") : "";
    if (!name_text.empty() || needed) check_name(name_text);
    document["name"] = name_text;
    document["comments"] = "";
    if (type.within.empty()) document["color"] = "black";
    if (type.tags) document["tags"] = json::array{};
    json::object expanded = spelled(type, params, nullptr);
    for (const auto& member : expanded) {
        std::string_view key = member.key();
        if (key == "name" || is_common_parameter(key)) continue;
        put_field(type, document, key, member.value(), world);
    }
    fill_fallbacks(type, document);
    if (type.normalise) type.normalise(document);
    check_document(type, document);
    return document;
}

bool update_document(const Type& type, json::object& document, const json::object& params,
                     World& world) {
    json::object before = document;
    json::object expanded = spelled(type, params, &document);
    for (const auto& member : expanded) {
        std::string_view key = member.key();
        if (key == "name" || key == "uid" || key == "groups" || is_common_parameter(key)) continue;
        if (key == "new-name") {
            std::string name = coerce_string(member.value(), "new-name");
            if (!type.pair.empty() || type.single) unrecognized(type, key);
            if (!name.empty() || needs_name(type)) check_name(name);
            document["name"] = name;
            continue;
        }
        put_field(type, document, key, member.value(), world);
    }
    if (type.normalise) type.normalise(document);
    check_document(type, document);
    return document != before;
}

bool equals_document(const Type& type, const json::object& document, const json::object& params,
                     const std::vector<Uid>& groups, World& world) {
    static const std::vector<std::string_view> k_skipped = {
        "uid", "layer", "package", "position", "search-entire-rulebase", "version"};
    ReadOnlyWorld looking(world);
    json::object expanded = spelled(type, params, &document);
    bool equal = true;
    for (const auto& member : expanded) {
        std::string_view key = member.key();
        if (is_common_parameter(key) ||
            std::find(k_skipped.begin(), k_skipped.end(), key) != k_skipped.end()) {
            continue;
        }
        if (key == "name") {
            // Found by it; only `uid` with another name makes a difference.
            if (params.contains("uid") &&
                coerce_string(member.value(), "name") != json::get_string(document, "name")) {
                equal = false;
            }
            continue;
        }
        if (key == "new-name") {
            equal = equal &&
                    coerce_string(member.value(), "new-name") == json::get_string(document, "name");
            continue;
        }
        try {
            equal = same_parameter(type, document, key, member.value(), groups, looking) && equal;
        } catch (const Error& error) {
            if (error.code() != Code::object_not_found) throw;
            equal = false;
        }
    }
    return equal;
}

std::optional<std::vector<Uid>> loose_references(const std::vector<std::string>& types,
                                                 const json::value& given, World& world) {
    Field field;
    field.name = "groups";
    field.kind = Kind::references;
    field.choices = types;
    std::vector<Uid> out;
    try {
        json::value found = coerce(field, given, field.name, nullptr, world);
        for (const json::value& v : found.as_array()) {
            out.push_back(*store::parse_reference(v.as_string()));
        }
    } catch (const Error& error) {
        if (error.code() != Code::object_not_found) throw;
        return std::nullopt;
    }
    std::sort(out.begin(), out.end());
    return out;
}

namespace {

void collect(const json::value& v, const std::string& field, std::vector<Reference>& out) {
    if (v.is_string()) {
        if (auto uid = store::parse_reference(v.as_string())) out.push_back({field, *uid});
    } else if (const json::array* a = v.if_array()) {
        for (const json::value& item : *a) collect(item, field, out);
    } else if (const json::object* o = v.if_object()) {
        for (const auto& member : *o) {
            collect(
                member.value(),
                field.empty() ? std::string(member.key()) : field + "." + std::string(member.key()),
                out);
        }
    }
}

}  // namespace

std::vector<Reference> references_in(const json::object& document) {
    std::vector<Reference> out;
    for (const auto& member : document) collect(member.value(), std::string(member.key()), out);
    return out;
}

}  // namespace mds::model
