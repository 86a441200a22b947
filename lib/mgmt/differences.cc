#include "mgmt/differences.hh"

namespace mds::mgmt {
namespace {

json::value shown(const Naming& name, const json::value& value) {
    if (value.is_string()) {
        auto named = name(std::string(value.get_string()));
        return named ? json::value(*named) : value;
    }
    if (value.is_array()) {
        json::array out;
        for (const json::value& v : value.get_array()) out.push_back(shown(name, v));
        return out;
    }
    if (value.is_object()) {
        json::object out;
        for (const auto& [key, v] : value.get_object()) out[key] = shown(name, v);
        return out;
    }
    return value;
}

}  // namespace

json::array differences(const Naming& name, const json::object& before, const json::object& after) {
    json::array out;
    auto add = [&](std::string_view field, const json::value* was, const json::value* is) {
        out.push_back(json::object{{"field", field},
                                   {"before", was ? shown(name, *was) : json::value(nullptr)},
                                   {"after", is ? shown(name, *is) : json::value(nullptr)}});
    };
    for (const auto& [key, is] : after) {
        const json::value* was = json::find(before, key);
        if (!was || *was != is) add(key, was, &is);
    }
    for (const auto& [key, was] : before) {
        if (!after.contains(key)) add(key, &was, nullptr);
    }
    return out;
}

}  // namespace mds::mgmt
