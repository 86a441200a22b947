#include <algorithm>

#include "base/error.hh"
#include "base/text.hh"
#include "model/type.hh"

namespace mds::model {

const Field* Type::field(std::string_view field_name) const {
    for (const Field& f : fields) {
        if (f.name == field_name) return &f;
    }
    return nullptr;
}

Catalog::Catalog(std::vector<Type> types) : types_(std::move(types)) {
    for (size_t i = 0; i < types_.size(); ++i) {
        by_name_[types_[i].name] = i;
        by_plural_[types_[i].plural] = i;
    }
}

const Type* Catalog::find(std::string_view name) const {
    auto found = by_name_.find(std::string(name));
    return found == by_name_.end() ? nullptr : &types_[found->second];
}

const Type* Catalog::find_plural(std::string_view plural) const {
    auto found = by_plural_.find(std::string(plural));
    return found == by_plural_.end() ? nullptr : &types_[found->second];
}

const Type& Catalog::require(std::string_view name) const {
    if (const Type* type = find(name)) return *type;
    std::vector<std::string> names;
    for (const Type& type : types_) names.push_back(type.name);
    std::string near = nearest(name, names);
    throw Error(Code::invalid_api_type, "Invalid api type: [" + std::string(name) + "]" +
                                            (near.empty() ? "" : ". Did you mean [" + near + "]?"));
}

std::vector<std::string> Catalog::families(const std::vector<std::string>& type_names) const {
    std::vector<std::string> out;
    auto take = [&](const Type& type) {
        if (std::find(out.begin(), out.end(), type.family) == out.end()) out.push_back(type.family);
    };
    if (type_names.empty()) {
        for (const Type& type : types_) {
            if (!type.own) take(type);
        }
    } else {
        for (const std::string& name : type_names) {
            if (const Type* type = find(name)) take(*type);
        }
    }
    return out;
}

const Catalog& domain_catalog() {
    static const Catalog k_catalog = [] {
        std::vector<Type> types = network_types();
        for (Type& type : service_types()) types.push_back(std::move(type));
        for (Type& type : gateway_types()) types.push_back(std::move(type));
        for (Type& type : time_types()) types.push_back(std::move(type));
        for (Type& type : policy_types()) types.push_back(std::move(type));
        for (Type& type : settings_types()) types.push_back(std::move(type));
        return Catalog(std::move(types));
    }();
    return k_catalog;
}

const Catalog& system_catalog() {
    static const Catalog k_catalog{system_types()};
    return k_catalog;
}

const std::vector<std::string>& colours() {
    static const std::vector<std::string> k_colours = {
        "aquamarine", "black",     "blue",      "crete blue",  "burlywood",      "cyan",
        "dark green", "khaki",     "orchid",    "dark orange", "dark sea green", "pink",
        "turquoise",  "dark blue", "firebrick", "brown",       "forest green",   "gold",
        "dark gold",  "gray",      "dark gray", "light green", "lemon chiffon",  "coral",
        "sea green",  "sky blue",  "magenta",   "purple",      "slate blue",     "violet red",
        "navy blue",  "olive",     "orange",    "red",         "sienna",         "yellow"};
    return k_colours;
}

}  // namespace mds::model
