// What commands accept, told by their definitions.
#include "mgmt/manual.hh"

#include <algorithm>

#include "mgmt/rulebase.hh"

namespace mds::mgmt {
namespace {

/// A parameter that is no field of a type: what it is, the same wherever it is accepted.
struct Parameter {
    const char* name;
    const char* type;
    const char* meaning;
};

constexpr Parameter k_parameters[] = {
    {"access", "boolean", "the access policy; as the package says when absent"},
    {"admin-name", "string", "administrator by name"},
    {"admin-uid", "string", "administrator by uid"},
    {"administrator-name", "string", "the new owner"},
    {"api-key", "string", "the key as it was shown once"},
    {"args", "string", "arguments of the script"},
    {"async-response", "boolean", "accepted; the answer always comes at once"},
    {"authority", "string", "root, servers, or a Domain by name or uid"},
    {"certificate-password", "string",
     "seals the file with key and certificate of the answer (PKCS#12); 12 to 128 characters"},
    {"certificate-request", "string", "PKCS#10 in PEM for a key (P-256) of the administrator's own"},
    {"certificate-status", "string", "valid, renewed (there is a newer one), revoked or expired; all when absent"},
    {"color", "string", "one of the colour names"},
    {"comments", "string", "free text"},
    {"confirmed", "boolean", "also when the lost server had more than this one has"},
    {"contains", "string", "text in the subject or the serial number"},
    {"continue-last-session", "boolean", "go on with the one disconnected session of this user"},
    {"days-of-logs", "integer", "how many days"},
    {"dependent-domain", "string", "the Domain that gets the global policy, by name or uid"},
    {"dependent-domains", "list", "the Domains that get the global policy; all with an assignment when absent"},
    {"description", "string", "what the session is for"},
    {"desktop-security", "boolean", "the desktop policy; the package must have one"},
    {"detailed-admin-info", "boolean", "accepted"},
    {"details-level", "string", "uid, standard or full"},
    {"discard", "boolean", "drop its changes too"},
    {"disconnect-active-session", "boolean", "also when somebody is connected to it"},
    {"domain", "string", "name or uid of a Domain"},
    {"domain-ip-address", "string", "address of its first server; as it was when absent"},
    {"domain-name", "string", "name of the new Domain; as it was when absent"},
    {"domain-server-name", "string", "its first server; as it was, with domain-name that and -1, when absent"},
    {"domains", "list", "the Domains that are taken over: all (when absent), none, or names"},
    {"domains-to-process", "list",
     "from System Data: CURRENT_DOMAIN, ALL_DOMAINS_ON_THIS_SERVER; with ignore-warnings true"},
    {"exclude-classes", "list", "types of objects that are left out"},
    {"exclude-topics", "list", "accepted when empty; there are no topics"},
    {"expires-within", "integer", "seconds from now"},
    {"file-content", "string", "the text of the file"},
    {"file-name", "string", "name without folders"},
    {"file-path", "string", "absolute path on the server: put-file a folder, else a file below /var/backups/mds"},
    {"filter", "string", "words, \"quoted words\", AND, OR, beginnings of words, addresses"},
    {"filter-settings", "object", "accepted"},
    {"force", "boolean", "also without the Active server"},
    {"from-date", "string", "2017-02-01T08:20:50 or 2017-02-01, UTC"},
    {"from-session", "string", "uid of a published session; its own changes are not part"},
    {"group-interfaces-by-subnet", "boolean", "accepted"},
    {"global-domain", "string", "the Global Domain, by name or uid"},
    {"global-domains", "list", "the Global Domain, when every Domain with an assignment gets its policy"},
    {"groups", "list", "groups that have the object as member; {add, remove} edits"},
    {"hits-settings", "object", "accepted; hits are not counted"},
    {"ignore-errors", "boolean",
     "let a deletion pass although the object is used; no publish then"},
    {"ignore-silent", "boolean", "also when other servers do not answer"},
    {"ignore-warnings", "boolean", "do it although there are warnings"},
    {"in", "list", "accepted"},
    {"include-classes", "list", "only these types of objects"},
    {"include-topics", "list", "accepted when empty; there are no topics"},
    {"indirect", "boolean", "also users of users"},
    {"indirect-max-depth", "integer", "how many steps; 5 when absent"},
    {"initiator", "string", "tasks of this administrator"},
    {"install-on-all-cluster-members-or-fail", "boolean", "accepted"},
    {"ip-only", "boolean", "the filter is an address"},
    {"kind", "string", "server, sealing, administrator, gateway, servers-ca or domain-ca; all when absent"},
    {"layer", "string", "access layer by name or uid"},
    {"licence-type", "string", "standard, ha (for a second copy only) or none"},
    {"limit", "integer", "most items of the answer, 1 to 500; 50 when absent"},
    {"name", "string", "name of the object"},
    {"new-name", "string", "another name"},
    {"new-position", "position", "where it moves to"},
    {"new-query", "object",
     "{filter, time-frame, custom-start, custom-end, max-logs-per-request, type, top, "
     "log-servers, order: ASC or DESC}"},
    {"new-state", "string", "active or standby"},
    {"number-of-sessions-to-preserve", "integer", "how many of the newest stay"},
    {"objects", "list", "[{type, list: [parameters of one object]}]"},
    {"one-time-code", "string", "6 digits of the app, or a recovery code; else behind the password"},
    {"offset", "integer", "items that are skipped"},
    {"order", "list", "[{ASC: field}] or [{DESC: field}]; by name when absent"},
    {"package", "string", "policy package by name or uid"},
    {"params", "object", "parameters to compare"},
    {"plan", "boolean", "only tells what would happen"},
    {"policy-package", "string", "published policy package by name or uid"},
    {"position", "position",
     "a number, top, bottom, or {top, bottom, above, below: section or rule}"},
    {"prefix", "string", "only commands that begin so"},
    {"prepare-only", "boolean", "accepted"},
    {"preserve-to-date", "string", "what was published since stays"},
    {"qos", "boolean", "the QoS policy; the package must have one"},
    {"query-id", "string", "the next page of a query, as its last reply gave it"},
    {"query-limit", "integer", "most objects of a type, 1 to 10000; 500 when absent"},
    {"read-only", "boolean", "a session that changes nothing"},
    {"reason", "string", "kept with what is done"},
    {"revision", "string", "uid of the newest published session"},
    {"revocation-reason", "string",
     "unspecified (when absent), key-compromise, affiliation-changed, superseded or cessation-of-operation"},
    {"rule-number", "integer", "position of the rule, from 1"},
    {"script", "string", "text of the script"},
    {"script-base64", "string", "the script, base 64"},
    {"script-name", "string", "what the task is called by"},
    {"script-type", "string", "one time or repository"},
    {"serial-number", "string", "hexadecimal; its first 8 digits when no other begins so"},
    {"server", "string", "server of the Domain, or the Multi-Domain Server that has it"},
    {"servers", "list", "servers of the Domain"},
    {"session-timeout", "integer", "seconds, 10 to 3600"},
    {"set-if-exists", "boolean", "change the object when there is one with this name"},
    {"show-hits", "boolean", "accepted; hits are not counted"},
    {"status", "string", "successful, failed, in-progress or all"},
    {"tags", "list", "tags by name; new ones are made; {add, remove} edits"},
    {"target", "string", "server by name"},
    {"target-name", "string", "gateway or server by name"},
    {"target-uid", "string", "gateway or server by uid"},
    {"targets", "list", "objects by name or uid"},
    {"task-id", "string", "one id or a list"},
    {"text", "string", "the beginning of a command's name"},
    {"threat-prevention", "boolean",
     "the threat prevention policy; as the package says when absent"},
    {"timeout", "integer", "seconds, 1 to 86400"},
    {"to-date", "string", "as from-date"},
    {"to-session", "string", "uid of a published session"},
    {"type", "string", "type of the object"},
    {"uid", "string", "uid of the object"},
    {"uids", "list", "objects by uid"},
    {"url", "string", "accepted"},
    {"use-defined-by-routes", "boolean", "accepted"},
    {"use-object-dictionary", "boolean", "cells as uids, with a dictionary; true when absent"},
    {"verify-only", "boolean", "only reads all of the file and proves it"},
    {"view-published-sessions", "boolean", "the published ones instead"},
    {"with-topology", "boolean", "accepted"},
};

std::string type_word(const model::Field& field) {
    using model::Kind;
    switch (field.kind) {
        case Kind::boolean:
            return "boolean";
        case Kind::integer:
            return "integer";
        case Kind::reference:
        case Kind::references: {
            std::string of;
            for (const std::string& type : field.choices) of += (of.empty() ? "" : ", ") + type;
            std::string word = of.empty() ? "object" : of;
            return field.kind == Kind::reference ? "name or uid: " + word : "list: " + word;
        }
        case Kind::strings:
            return "list of strings";
        case Kind::map:
            return "object";
        case Kind::maps:
            return "list of objects";
        case Kind::date:
            return "date";
        case Kind::any:
            return "any";
        default:
            return "string";
    }
}

json::object of_field(const model::Field& field, bool add) {
    json::object out{{"name", field.name}, {"type", type_word(field)}};
    if (add && field.required) out["required"] = true;
    if (!field.fallback.is_null()) out["default"] = field.fallback;
    bool references = field.kind == model::Kind::reference || field.kind == model::Kind::references;
    if (!field.choices.empty() && !references) {
        json::array values;
        for (const std::string& choice : field.choices) values.push_back(json::value(choice));
        out["values"] = std::move(values);
    }
    if (field.kind == model::Kind::integer) {
        out["range"] = std::to_string(field.low) + " to " + std::to_string(field.high);
    }
    json::array inner;
    for (const model::Field& f : field.fields) {
        if (!f.read_only && !f.internal) inner.push_back(of_field(f, true));
    }
    if (!inner.empty()) out["parameters"] = std::move(inner);
    return out;
}

json::object of_name(const std::string& name, bool required = false) {
    json::object out{{"name", name}};
    for (const Parameter& p : k_parameters) {
        if (name != p.name) continue;
        out["type"] = p.type;
        out["meaning"] = p.meaning;
    }
    if (required) out["required"] = true;
    return out;
}

json::array of_type(const model::Type& type, bool add) {
    json::array out;
    bool rule = type.within == "layer" || type.within == "package";
    if (type.single) {
        for (const model::Field& f : type.fields) {
            if (!f.read_only && !f.internal) out.push_back(of_field(f, false));
        }
        return out;
    }
    if (!add) {
        out.push_back(of_name("uid"));
        if (type.pair.empty()) {
            out.push_back(of_name("name"));
            out.push_back(of_name("new-name"));
        }
    } else if (type.pair.empty()) {
        out.push_back(of_name("name", model::needs_name(type)));
    }
    if (rule) {
        out.push_back(of_name(type.within, true));
        bool section = type.name.ends_with("section");
        if (!add && !section) out.push_back(of_name("rule-number"));
        out.push_back(add ? of_name("position", true) : of_name("new-position"));
    }
    for (const model::Field& f : type.fields) {
        if (!f.read_only && !f.internal && f.name != type.within && f.name != "order") {
            out.push_back(of_field(f, add));
        }
    }
    for (const auto& [has, name] :
         {std::pair{type.groups, "groups"}, std::pair{type.tags, "tags"}, std::pair{true, "color"},
          std::pair{true, "comments"}, std::pair{true, "details-level"},
          std::pair{add && type.set_if_exists, "set-if-exists"}, std::pair{true, "ignore-warnings"},
          std::pair{true, "ignore-errors"}}) {
        if (has) out.push_back(of_name(name));
    }
    return out;
}

}  // namespace

std::optional<json::array> parameters_of(WorkspaceImpl& impl, const std::string& command) {
    auto found = impl.commands.find(command);
    if (found == impl.commands.end()) return std::nullopt;
    std::string verb = command.substr(0, command.find('-'));
    std::string rest = command.size() > verb.size() ? command.substr(verb.size() + 1) : "";
    const model::Type* type = impl.catalog().find(rest);
    if (type && (verb == "add" || verb == "set")) return of_type(*type, verb == "add");
    json::array out;
    try {
        Call::ask_parameters(impl.self, impl.transient_session({}), command, [&](Call& call) {
            if (found->second.command) {
                found->second.command(call);
            } else {
                found->second.async(call, [](Reply) {});
            }
        });
        return out;  // nothing was asked for: it takes nothing
    } catch (const Call::Parameters& accepted) {
        for (const std::string& name : accepted.names) out.push_back(of_name(name));
        return out;
    } catch (const std::exception&) {
        // It looked for an object or a right first: what every command of its kind accepts.
    }
    if (type && (verb == "show" || verb == "delete")) {
        for (const char* name : {"uid", "name"}) out.push_back(of_name(name));
        return out;
    }
    return std::nullopt;
}

}  // namespace mds::mgmt
