#include "model/render.hh"

#include <algorithm>

#include "base/clock.hh"
#include "base/error.hh"
#include "model/address.hh"
#include "store/refs.hh"

namespace mds::model {
namespace {

json::value show(const json::value& v, const RenderContext& context);

json::value show_field(const Field& field, const json::value& v, const RenderContext& context);

json::object show_map(const std::vector<Field>& fields, const json::object& o,
                      const RenderContext& context) {
    json::object out;
    for (const Field& f : fields) {
        const json::value* v = json::find(o, f.name);
        if (!v || f.internal || f.write_only) continue;
        out[f.name] = show_field(f, *v, context);
    }
    return out;
}

void add_subnet_mask(json::object& out, Addressing addressing) {
    if (addressing != Addressing::subnet || !out.contains("mask-length4")) return;
    out["subnet-mask"] = mask_of_length(static_cast<int>(json::get_int(out, "mask-length4")));
}

json::value show_field(const Field& field, const json::value& v, const RenderContext& context) {
    switch (field.kind) {
        case Kind::reference:
            if (field.as_name && v.is_string()) {
                auto uid = store::parse_reference(v.as_string());
                if (uid && context.name) return json::value(context.name(*uid));
            }
            return show(v, context);
        case Kind::references:
            if (!field.none_word.empty() && v.is_array() && v.as_array().empty()) {
                return json::value(field.none_word);
            }
            return show(v, context);
        case Kind::any:
            return show(v, context);
        case Kind::date:
            return v.is_object() ? json::value(date(json::get_int(v.as_object(), "posix"))) : v;
        case Kind::map:
            if (!v.is_object()) return v;
            {
                json::object out = show_map(field.fields, v.as_object(), context);
                add_subnet_mask(out, field.addressing);
                return out;
            }
        case Kind::maps: {
            json::array out;
            for (const json::value& item : v.as_array()) {
                json::object shown = show_map(field.fields, item.as_object(), context);
                add_subnet_mask(shown, field.addressing);
                out.push_back(std::move(shown));
            }
            return out;
        }
        default:
            return v;
    }
}

json::value show(const json::value& v, const RenderContext& context) {
    if (v.is_string()) {
        if (auto uid = store::parse_reference(v.as_string())) {
            return context.reference ? context.reference(*uid) : json::value(uid->text());
        }
        return v;
    }
    if (const json::array* a = v.if_array()) {
        json::array out;
        out.reserve(a->size());
        for (const json::value& item : *a) out.push_back(show(item, context));
        return out;
    }
    if (const json::object* o = v.if_object()) {
        json::object out;
        for (const auto& member : *o) out[member.key()] = show(member.value(), context);
        return out;
    }
    return v;
}

json::value member_or(const json::object& document, std::string_view key, const char* otherwise) {
    const json::value* v = json::find(document, key);
    return v ? *v : json::value(otherwise);
}

}  // namespace

Level level_from(std::string_view word) {
    if (word == "uid") return Level::uid;
    if (word == "standard") return Level::standard;
    if (word == "full") return Level::full;
    throw Error(Code::invalid_parameter, "Invalid parameter for [details-level]. '" +
                                             std::string(word) +
                                             "' is none of: uid, standard, full.");
}

json::object date(int64_t ms) {
    return json::object{{"posix", ms}, {"iso-8601", iso_minutes(ms)}};
}

json::object render_standard(const Type& type, const Uid& uid, const json::object& document,
                             const json::object& domain) {
    json::object out;
    out.reserve(10);
    out["uid"] = uid.text();
    if (type.pair.empty()) out["name"] = member_or(document, "name", "");
    out["type"] = type.name;
    out["domain"] = domain;
    if (type.within.empty()) {
        out["icon"] = type.icon;
        out["color"] = member_or(document, "color", "black");
    }
    for (const Field& f : type.fields) {
        if (!f.key) continue;
        if (const json::value* v = json::find(document, f.name)) out[f.name] = *v;
    }
    add_subnet_mask(out, type.addressing);
    return out;
}

json::object render_full(const Type& type, const Uid& uid, const json::object& document,
                         const RenderContext& context) {
    json::object out;
    out.reserve(24);
    out["uid"] = uid.text();
    if (type.pair.empty()) out["name"] = member_or(document, "name", "");
    out["type"] = type.name;
    out["domain"] = context.domain;
    const json::object& meta = json::get_object(document, "meta");
    json::object info = context.lock;
    if (info.empty()) info["lock"] = "unlocked";
    info["validation-state"] = "ok";
    info["last-modify-time"] = date(json::get_int(meta, "modified"));
    info["last-modifier"] = json::get_string(meta, "modifier", "System");
    info["creation-time"] = date(json::get_int(meta, "created"));
    info["creator"] = json::get_string(meta, "creator", "System");
    out["meta-info"] = std::move(info);
    const json::value* tags = json::find(document, "tags");
    out["tags"] = tags ? show(*tags, context) : json::value(json::array{});
    out["read-only"] = context.read_only;
    if (context.actions) {
        const char* allowed = context.read_only ? "false" : "true";
        out["available-actions"] =
            json::object{{"edit", allowed}, {"delete", allowed}, {"clone", "not_supported"}};
    }
    out["comments"] = member_or(document, "comments", "");
    if (type.within.empty()) {
        out["color"] = member_or(document, "color", "black");
        out["icon"] = type.icon;
    }
    if (context.groups) out["groups"] = *context.groups;
    for (const Field& f : type.fields) {
        const json::value* v = json::find(document, f.name);
        if (!v || f.internal || f.write_only) continue;
        out[f.name] = show_field(f, *v, context);
    }
    if (type.open) {
        for (const auto& member : document) {
            if (!out.contains(member.key()) && !is_envelope(member.key())) {
                out[member.key()] = show(member.value(), context);
            }
        }
    }
    add_subnet_mask(out, type.addressing);
    return out;
}

bool is_envelope(std::string_view name) {
    static const std::vector<std::string_view> k_names = {
        "uid",  "name",      "type",   "domain", "meta-info", "available-actions",
        "tags", "read-only", "groups", "color",  "comments",  "icon",
        "meta"};
    return std::find(k_names.begin(), k_names.end(), name) != k_names.end();
}

}  // namespace mds::model
