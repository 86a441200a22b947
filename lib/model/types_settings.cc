// Settings: one object of each in every database that has them (management-api.md 8, 9, 13, 14).
#include "model/table.hh"

namespace mds::model {

using namespace table;

namespace {

Type settings(std::string name, std::vector<Field> fields) {
    Type t = type(name, name, name, "General/globalsNa", std::move(fields));
    t.single = true;
    t.tags = false;
    t.area = "settings";
    return t;
}

}  // namespace

std::vector<Type> settings_types() {
    Type purge = settings(
        "automatic-purge",
        {flag("enabled", false), flag("keep-sessions-by-count", true),
         with(number("number-of-sessions-to-keep", 1, 1000000), 999),
         flag("keep-sessions-by-days", true), with(number("number-of-days-to-keep", 1, 36500), 365),
         with(map("scheduling", {field("start-date", Kind::any),
                                 with(choice("time-units", {"hours", "days", "weeks"}), "hours"),
                                 with(number("check-interval", 1, 10000), 24)}),
              json::object{{"time-units", "hours"}, {"check-interval", 24}}),
         hidden(field("last-run", Kind::any))});
    purge.since = "1.6.1";

    Type policy = settings(
        "policy-settings",
        {with(choice("last-in-cell", {"none", "restore to default"}), "none"),
         with(choice("none-object-behavior", {"warning", "error", "none"}), "warning"),
         with(map("security-access-defaults", {with(choice("destination", {"any", "none"}), "any"),
                                               with(choice("service", {"any", "none"}), "any"),
                                               with(choice("source", {"any", "none"}), "any")}),
              json::object{{"destination", "any"}, {"service", "any"}, {"source", "any"}})});
    policy.since = "1.8";

    // Many nested maps that only gateways read: kept and told.
    Type global = settings("global-properties", {});
    global.open = true;
    global.since = "1.9";
    // What the Domain holds of the Global Domain (mgmt/global.hh).
    Type held = type("global-policy-state", "global-policy-states", "own", "", {});
    held.own = true;
    // Which servers of the Domain have had their objects made (mgmt/servers.hh).
    Type servers = type("domain-servers-state", "domain-servers-states", "own", "", {});
    servers.own = true;
    // What a gateway fetches (mgmt/flat_policy.hh).
    Type installed = type("installed-policy", "installed-policies", "own", "", {});
    installed.own = true;
    return {purge, policy, global, held, servers, installed};
}

std::vector<Type> system_settings_types() {
    Type message = settings("login-message", {with(text("header"), ""), with(text("message"), ""),
                                              flag("show-message", false), flag("warning", false)});
    Type api = settings(
        "api-settings",
        {with(choice("accepted-api-calls-from",
                     {"management server only", "all ip addresses that can be used for gui clients",
                      "all ip addresses"}),
              "all ip addresses")});
    return {message, api};
}

}  // namespace mds::model
