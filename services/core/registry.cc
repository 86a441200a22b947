// The registry that the classic tools show and change (multi-domain-ha.md 6.4). It is a view: what the
// role of this server says, and over it what was set by hand. Five values together are a promotion (PR-2);
// as long as one of them is missing they change nothing (PR-3).
#include <fmt/core.h>
#include <unistd.h>

#include "base/text.hh"
#include "log/log.hh"
#include "service.hh"

namespace mds::core {
namespace {

struct Value {
    const char* path;
    const char* name;
    /// What a promotion sets it to; -1: it is deleted.
    int promoted;
    const char* command;
};

constexpr char k_sic[] = "SOFTWARE/CheckPoint/SIC";
constexpr Value k_promotion[] = {
    {"SOFTWARE/CheckPoint/FW1", "Primary", 1, "cpprod_util FwSetPrimary 1"},
    {"SOFTWARE/CheckPoint/PROVIDER-1", "Primary", 1,
     "cpprod_util CPPROD_SetValue PROVIDER-1 Primary 4 1 1"},
    {k_sic, "ICAState", 3, "cpprod_util CPPROD_SetValue SIC ICAState 4 3 1"},
    {k_sic, "OTP", -1, "ckp_regedit -d //SOFTWARE//CheckPoint//SIC OTP"},
    {k_sic, "ICAip", -1, "ckp_regedit -d //SOFTWARE//CheckPoint//SIC ICAip"}};

std::string file_of(const std::string& folder) { return folder + "/registry.json"; }

/// What was set by hand: {"<path>":{"<name>":value, null = deleted}}.
json::object load(const std::string& folder) {
    std::string path = file_of(folder);
    return access(path.c_str(), F_OK) == 0 ? json::parse_object(read_file(path)) : json::object{};
}

void save(const std::string& folder, const json::object& set) {
    replace_file(file_of(folder), json::pretty(set) + "\n", 0644);
}

const json::value* find_set(const json::object& set, const std::string& path, const std::string& name) {
    const json::value* values = set.if_contains(path);
    return values && values->is_object() ? values->as_object().if_contains(name) : nullptr;
}

bool done(const json::object& set, const Value& v) {
    const json::value* given = find_set(set, v.path, v.name);
    if (!given) return false;
    if (v.promoted < 0) return given->is_null();
    return given->is_int64() && given->as_int64() == v.promoted;
}

void forget_promotion(const std::string& folder) {
    json::object set = load(folder);
    for (const Value& v : k_promotion) {
        json::value* values = set.if_contains(v.path);
        if (!values) continue;
        values->as_object().erase(v.name);
        if (values->as_object().empty()) set.erase(v.path);
    }
    save(folder, set);
}

/// "//SOFTWARE//CheckPoint//SIC", "SIC" or "SOFTWARE/CheckPoint/SIC" -> the last.
std::string normal(const std::string& given) {
    std::string out;
    for (const std::string& part : split(given, '/')) {
        if (!part.empty()) out += (out.empty() ? "" : "/") + part;
    }
    return out.find('/') == std::string::npos ? "SOFTWARE/CheckPoint/" + out : out;
}

}  // namespace

json::object Service::registry() {
    bool primary = identity_->role == "primary";
    json::object out;
    auto put = [&](const std::string& path, const std::string& name, json::value value) {
        json::value& values = out[path];
        if (!values.is_object()) values = json::object{};
        values.as_object()[name] = std::move(value);
    };
    for (const Value& v : k_promotion) {
        if (v.promoted >= 0) put(v.path, v.name, primary ? v.promoted : 0);
    }
    if (!primary) {
        // The key itself is gone since trust was established.
        put(k_sic, "OTP", "used");
        for (const MdsRow& row : all_mdss()) {
            if (row.role == "primary") put(k_sic, "ICAip", json::value(row.address));
        }
    }
    for (const auto& [path, values] : load(daemon_.state_folder())) {
        for (const auto& [name, value] : values.as_object()) {
            if (!value.is_null()) {
                put(path, name, value);
            } else if (out.contains(path)) {
                out[path].as_object().erase(name);
            }
        }
    }
    return out;
}

std::vector<std::string> Service::promotion_missing() {
    if (!identity_ || identity_->role != "secondary") return {};
    json::object set = load(daemon_.state_folder());
    std::vector<std::string> missing;
    for (const Value& v : k_promotion) {
        if (!done(set, v)) missing.emplace_back(v.command);
    }
    return missing.size() == std::size(k_promotion) ? std::vector<std::string>{} : missing;
}

void Service::promotion_is_done() {
    // The role says it now.
    json::object set = load(daemon_.state_folder());
    if (!set.empty()) forget_promotion(daemon_.state_folder());
}

void Service::change_registry(mgmt::Call& call, Then then) {
    call.only({"path", "name", "value"});
    std::string path = normal(call.text("path")), name = call.text("name");
    const json::value* given = json::find(call.params(), "value");
    json::value value = given ? *given : json::value(nullptr);
    bool primary = identity_->role == "primary", part = false;
    for (const Value& v : k_promotion) {
        if (path != v.path || name != v.name) continue;
        part = true;
        bool promotes = v.promoted < 0 ? value.is_null()
                                       : value.is_int64() && value.as_int64() == v.promoted;
        // Running them twice changes nothing more (PR-2).
        if (primary && promotes) return then(mgmt::ok_reply({{"missing", json::array{}}}));
        if (primary) {
            throw Error(Code::ha_invalid, "this server is the Primary; it stops being that only when "
                                          "another one is promoted");
        }
        if (identity_->log_server()) {
            throw Error(Code::ha_invalid, "a log server is never Primary");
        }
        if (!promotes) {
            // Taken back: it is what the role says again.
            json::object set = load(daemon_.state_folder());
            if (json::value* values = set.if_contains(v.path)) values->as_object().erase(v.name);
            save(daemon_.state_folder(), set);
            return then(mgmt::ok_reply({{"missing", json::array{}}}));
        }
    }
    const json::object options{{"domains", json::array{"none"}},
                               {"ignore-silent", true},
                               {"confirmed", true},
                               {"reason", "classic commands"}};
    auto keep = [this, path, name, value] {
        json::object set = load(daemon_.state_folder());
        json::value& values = set[path];
        if (!values.is_object()) values = json::object{};
        values.as_object()[name] = value;
        save(daemon_.state_folder(), set);
    };
    if (!part) {
        keep();
        return then(mgmt::ok_reply({{"missing", json::array{}}}));
    }
    // A promotion begins with the first of them: what is against it is said then (PR-1).
    const std::string user = call.user();
    json::object look = options;
    look["plan"] = true;
    promote(look, user, [this, keep, options, user, then](mgmt::Reply reply) {
        if (reply.status != 200) return then(std::move(reply));
        json::object plan = json::parse_object(reply.body);
        for (const json::value& v : json::get_array(plan, "checks")) {
            const json::object& c = v.as_object();
            if (json::get_string(c, "state") != "problem") continue;
            return then(mgmt::error_reply(
                Error(Code::ha_invalid, json::get_string(c, "what"))
                    .refusal(json::get_string(c, "rf"), json::get_string(c, "next"))));
        }
        keep();
        json::object set = load(daemon_.state_folder());
        json::array missing;
        for (const Value& v : k_promotion) {
            if (!done(set, v)) missing.push_back(json::value(std::string(v.command)));
        }
        if (!missing.empty()) return then(mgmt::ok_reply({{"missing", std::move(missing)}}));
        log::notice("the five commands of a promotion are complete");
        promote(options, user, then);
    });
}

void Service::register_registry_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags flags;
    flags.system_only = true;
    flags.internal = true;
    flags.anywhere = true;
    flags.permission = "mds-provisioning";
    flags.description = "Sets or deletes a value of the registry of the classic tools";
    w.add_async_command("set-registry", [this](mgmt::Call& call, Then then) {
        change_registry(call, then);
    }, flags);
    flags.description = "The registry of the classic tools";
    w.add_command("show-registry", [this](mgmt::Call& call) {
        call.only({});
        return json::object{{"registry", registry()}, {"primary", identity_->role == "primary"}};
    }, flags);
}

}  // namespace mds::core
