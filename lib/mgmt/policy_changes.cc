#include "mgmt/policy_changes.hh"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "mgmt/differences.hh"
#include "model/render.hh"

namespace mds::mgmt {
namespace {

/// A rule, with the layer of its inline part by name.
struct Rule {
    std::string uid, number;
    json::object fields;
};

/// The fields that tell one state of an object from another.
json::object comparable(const json::object& object) {
    json::object out;
    for (const auto& [key, value] : object) {
        bool telling = key == "name" || key == "comments" || !model::is_envelope(key);
        if (telling && key != "rule-number") out[key] = value;
    }
    return out;
}

std::vector<Rule> rules_of(const json::array& list, const json::array& layers) {
    std::vector<Rule> out;
    for (const json::value& v : list) {
        const json::object& one = v.as_object();
        Rule rule{json::get_string(one, "uid"), json::get_string(one, "rule-number"), comparable(one)};
        if (json::value* inner = rule.fields.if_contains("inline-layer"); inner && inner->is_number()) {
            auto index = inner->to_number<size_t>();
            if (index < layers.size()) *inner = json::get_string(layers[index].as_object(), "name");
        }
        out.push_back(std::move(rule));
    }
    return out;
}

/// The largest part of `places` that rises: what is not in it was moved.
std::set<size_t> rising(const std::vector<size_t>& places) {
    // Last element of the best sequence of each length, by its position in `places`.
    std::vector<size_t> ends, before(places.size());
    for (size_t i = 0; i < places.size(); ++i) {
        auto at = std::lower_bound(ends.begin(), ends.end(), places[i],
                                   [&](size_t end, size_t place) { return places[end] < place; });
        before[i] = at == ends.begin() ? places.size() : *(at - 1);
        if (at == ends.end())
            ends.push_back(i);
        else
            *at = i;
    }
    std::set<size_t> out;
    for (size_t i = ends.empty() ? places.size() : ends.back(); i < places.size(); i = before[i]) out.insert(places[i]);
    return out;
}

class Comparison {
  public:
    Comparison(const json::object& before, const json::object& after)
        : before_(before),
          after_(after),
          was_(json::get_object(before, "objects")),
          is_(json::get_object(after, "objects")),
          names_([this](const std::string& text) { return name(text); }) {}

    json::array run() {
        const json::array &was = json::get_array(before_, "layers"), &is = json::get_array(after_, "layers");
        std::set<std::string> compared;
        for (const json::value& v : is) {
            const json::object& layer = v.as_object();
            const std::string name = json::get_string(layer, "name");
            const json::object& old = layer_of(was, name);
            compared.insert(name);
            rulebase(name, "access-rule", rules_of(json::get_array(old, "rules"), was),
                     rules_of(json::get_array(layer, "rules"), is));
            if (!old.empty()) cleanup(old, layer);
        }
        for (const json::value& v : was) {
            const json::object& layer = v.as_object();
            if (compared.contains(json::get_string(layer, "name"))) continue;
            rulebase(json::get_string(layer, "name"), "access-rule", rules_of(json::get_array(layer, "rules"), was), {});
        }
        rulebase("", "nat-rule", rules_of(json::get_array(before_, "nat-rules"), {}),
                 rules_of(json::get_array(after_, "nat-rules"), {}));
        for (const auto& [uid, v] : is_) {
            const json::value* old = was_.if_contains(uid);
            if (!old) continue;
            json::array fields = differences(names_, comparable(old->as_object()), comparable(v.as_object()));
            if (fields.empty()) continue;
            add("", json::get_string(v.as_object(), "type"), uid, json::get_string(v.as_object(), "name"), "", "changed",
                std::move(fields));
        }
        return std::move(out_);
    }

  private:
    std::optional<std::string> name(const std::string& uid) const {
        for (const json::object* objects : {&is_, &was_}) {
            if (const json::value* v = objects->if_contains(uid)) return json::get_string(v->as_object(), "name");
        }
        return std::nullopt;
    }

    static const json::object& layer_of(const json::array& layers, const std::string& name) {
        static const json::object k_none;
        for (const json::value& v : layers) {
            if (json::get_string(v.as_object(), "name") == name) return v.as_object();
        }
        return k_none;
    }

    void add(const std::string& layer, const std::string& type, std::string_view uid, const std::string& name,
             const std::string& number, const char* change, json::array fields) {
        json::object row{{"layer", layer}, {"type", type}, {"uid", uid}, {"name", name}, {"change", change},
                         {"fields", std::move(fields)}};
        if (!number.empty()) row["rule-number"] = number;
        out_.push_back(std::move(row));
    }

    void cleanup(const json::object& old, const json::object& layer) {
        auto of = [](const json::object& from) {
            return json::object{{"implicit-cleanup-action", json::get_string(from, "implicit-cleanup-action")}};
        };
        json::array fields = differences(names_, of(old), of(layer));
        std::string name = json::get_string(layer, "name");
        if (!fields.empty()) add(name, "access-layer", "", name, "", "changed", std::move(fields));
    }

    void rulebase(const std::string& layer, const char* type, const std::vector<Rule>& was, const std::vector<Rule>& is) {
        std::map<std::string, size_t> places;
        for (size_t i = 0; i < was.size(); ++i) places[was[i].uid] = i;
        std::vector<size_t> kept;
        for (const Rule& rule : is) {
            if (auto place = places.find(rule.uid); place != places.end()) kept.push_back(place->second);
        }
        const std::set<size_t> stay = rising(kept);
        for (const Rule& rule : is) {
            const std::string title = json::get_string(rule.fields, "name");
            auto place = places.find(rule.uid);
            if (place == places.end()) {
                add(layer, type, rule.uid, title, rule.number, "added", differences(names_, {}, rule.fields));
                continue;
            }
            json::array fields = differences(names_, was[place->second].fields, rule.fields);
            if (!stay.contains(place->second)) {
                fields.insert(fields.begin(), json::object{{"field", "rule-number"}, {"before", was[place->second].number},
                                                           {"after", rule.number}});
                add(layer, type, rule.uid, title, rule.number, "moved", std::move(fields));
            } else if (!fields.empty()) {
                add(layer, type, rule.uid, title, rule.number, "changed", std::move(fields));
            }
            places.erase(place);
        }
        for (const Rule& rule : was) {
            if (!places.contains(rule.uid)) continue;
            add(layer, type, rule.uid, json::get_string(rule.fields, "name"), rule.number, "removed",
                differences(names_, rule.fields, {}));
        }
    }

    const json::object &before_, &after_, &was_, &is_;
    const Naming names_;
    json::array out_;
};

}  // namespace

json::array policy_changes(const json::object& before, const json::object& after) {
    return Comparison(before, after).run();
}

}  // namespace mds::mgmt
