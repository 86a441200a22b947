// Access and NAT policy: layers, packages, sections, rules (management-api.md 13).
#include <algorithm>

#include "model/table.hh"
#include "store/refs.hh"

namespace mds::model {

using namespace table;

namespace {

// Uids of management-api.md 15; the table of predefined objects is made from the types, so it
// cannot be asked here.
constexpr char k_any[] = "97aeb369-9aea-11d5-bd16-0090272ccb30";
constexpr char k_drop[] = "6c488338-8eec-4103-ad21-cd461ac2c473";
constexpr char k_policy_targets[] = "6c488338-8eec-4103-ad21-cd461ac2c476";
constexpr char k_original[] = "85c0f50f-6d8a-4528-88ab-5fb11d8fe16c";
constexpr char k_log[] = "598ead32-aa42-4615-90ed-f51a5928d41d";
constexpr char k_none[] = "29e53e3d-23bf-48fe-b6b1-d59bd88036f9";

std::string marked(const char* uid) {
    return store::make_reference(*Uid::parse(uid));
}

std::vector<std::string> also(std::vector<std::string> types, const char* more) {
    types.emplace_back(more);
    return types;
}

/// A column: never empty, and what stands for everything stands alone.
void normalise_cell(json::object& document, const char* name, const char* everything) {
    std::string all = marked(everything);
    json::array& cell =
        document[name].is_array() ? document[name].as_array() : document[name].emplace_array();
    if (cell.size() > 1) {
        cell.erase(std::remove(cell.begin(), cell.end(), json::value(all)), cell.end());
    }
    if (cell.empty()) cell.push_back(json::value(all));
}

void normalise_track(json::object& document) {
    json::object track = json::get_object(document, "track");
    std::string type = json::get_string(track, "type", marked(k_none));
    bool none = type == marked(k_none);
    auto flag_of = [&](const char* name, bool otherwise) {
        track[name] = !none && json::get_bool(track, name, otherwise);
    };
    track["type"] = type;
    flag_of("accounting", false);
    flag_of("enable-firewall-session", false);
    flag_of("per-connection", type == marked(k_log));
    flag_of("per-session", false);
    if (none || json::get_string(track, "alert").empty()) track["alert"] = "none";
    document["track"] = std::move(track);
}

void normalise_access_rule(json::object& document) {
    for (const char* cell : {"source", "destination", "service", "vpn", "content", "time"}) {
        normalise_cell(document, cell, k_any);
    }
    normalise_cell(document, "install-on", k_policy_targets);
    normalise_track(document);
}

void normalise_nat_rule(json::object& document) {
    normalise_cell(document, "install-on", k_policy_targets);
}

Type ordered(std::string name, std::string plural, std::string within, std::string icon,
             std::vector<Field> fields) {
    Type t =
        type(std::move(name), std::move(plural), "rulebase", std::move(icon),
             std::vector<Field>{hidden(reference(within, {})), hidden(text("order"))} + fields);
    t.within = std::move(within);
    t.area = t.within == "package" ? "nat-policy" : "access-policy";
    return t;
}

Type access_rule() {
    std::vector<Field> fields = {
        with(reference("action", {"RulebaseAction"}), json::value(marked(k_drop))),
        with(map("action-settings", {flag("enable-identity-captive-portal", false), text("limit")}),
             json::object{{"enable-identity-captive-portal", false}}),
        references("content", {"CpmiAnyObject"}),
        with(choice("content-direction", {"any", "up", "down"}), "any"),
        flag("content-negate", false),
        with(map("custom-fields",
                 {with(text("field-1"), ""), with(text("field-2"), ""), with(text("field-3"), "")}),
             json::object{{"field-1", ""}, {"field-2", ""}, {"field-3", ""}}),
        references("destination", network_members()),
        flag("destination-negate", false),
        flag("enabled", true),
        reference("inline-layer", {"access-layer"}),
        references("install-on", {"simple-gateway", "Global"}),
        references("service", service_members()),
        flag("service-negate", false),
        text("service-resource"),
        references("source", network_members()),
        flag("source-negate", false),
        references("time", {"time", "time-group", "CpmiAnyObject"}),
        map("track",
            {reference("type", {"Track"}), flag("accounting"),
             choice("alert", {"none", "alert", "snmp", "mail", "user alert 1", "user alert 2",
                              "user alert 3"}),
             flag("enable-firewall-session"), flag("per-connection"), flag("per-session")}),
        map("user-check",
            {choice("confirm",
                    {"per rule", "per category", "per application/site", "per data type"}),
             map("custom-frequency",
                 {number("every", 1, 1000), choice("unit", {"hours", "days", "weeks", "months"})}),
             choice("frequency",
                    {"once a day", "once a week", "once a month", "custom frequency..."}),
             text("interaction")}),
        references("vpn", {"CpmiAnyObject", "Global"}),
        hidden(field("placeholder", Kind::boolean))};
    Type t = ordered("access-rule", "access-rules", "layer", "General/rule", std::move(fields));
    t.normalise = normalise_access_rule;
    return t;
}

Type nat_rule() {
    json::value any = json::value(marked(k_any)), original = json::value(marked(k_original));
    std::vector<Field> fields = {
        flag("enabled", true),
        references("install-on", {"simple-gateway", "Global"}),
        with(choice("method", {"static", "hide", "nat64", "nat46", "cgnat"}), "static"),
        with(reference("original-destination", network_members()), any),
        with(reference("original-service", service_members()), any),
        with(reference("original-source", network_members()), any),
        with(reference("translated-destination", also(network_members(), "Global")), original),
        with(reference("translated-service", also(service_members(), "Global")), original),
        with(reference("translated-source", also(network_members(), "Global")), original)};
    Type t = ordered("nat-rule", "nat-rules", "package", "General/rule", std::move(fields));
    t.normalise = normalise_nat_rule;
    return t;
}

}  // namespace

std::vector<Type> policy_types() {
    std::vector<Type> types;
    Type layer =
        type("access-layer", "access-layers", "policy", "ApplicationFirewall/rulebase",
             {secret(flag("add-default-rule", true)), flag("applications-and-url-filtering", false),
              flag("content-awareness", false), flag("detect-using-x-forward-for", false),
              flag("firewall", true),
              with(choice("implicit-cleanup-action", {"drop", "accept"}), "drop"),
              flag("mobile-access", false), flag("shared", false)});
    layer.container = "access-layers";
    layer.area = "access-policy";
    types.push_back(layer);

    Type package =
        type("package", "packages", "package", "Blades/Access",
             {flag("access", true), hidden(references("access-layers", {"access-layer"})),
              flag("desktop-security", false),
              references_or("all", "installation-targets", {"simple-gateway", "checkpoint-host"}),
              given(flag("nat-policy", true)), flag("qos", false),
              choice("qos-policy-type", {"recommended", "express"}),
              flag("threat-prevention", true), flag("vpn-traditional-mode", false)});
    package.container = "packages";
    package.area = "access-policy";
    types.push_back(package);

    types.push_back(access_rule());
    types.push_back(ordered("access-section", "access-sections", "layer", "", {}));
    types.push_back(nat_rule());
    types.push_back(ordered("nat-section", "nat-sections", "package", "", {}));
    return types;
}

}  // namespace mds::model
