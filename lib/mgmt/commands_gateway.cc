// Commands on gateways and servers (management-api.md 12): what is known of them, and what needs
// trust with them.
#include <algorithm>

#include "base/text.hh"
#include "mgmt/flat_policy.hh"
#include "mgmt/gateways.hh"
#include "mgmt/servers.hh"
#include "model/coerce.hh"

namespace mds::mgmt {

namespace {

/// A gateway that asked for its policy within this time is one that communicates.
constexpr int64_t k_lately_ms = 600'000;

}  // namespace

View gateway_named(Call& call, const std::string& uid_or_name) {
    SessionWorld world(call);
    static const std::vector<std::string> k_types = {"simple-gateway", "checkpoint-host"};
    if (auto uid = world.find(k_types, uid_or_name)) {
        if (auto view = call.get(*uid)) return std::move(*view);
    }
    auto other = world.find({}, uid_or_name);
    auto view = other ? call.get(*other) : std::nullopt;
    if (!view) not_found(uid_or_name);
    throw Error(Code::type_wrong, "Object '" + view->name + "' is of the type " + view->type->name +
                                      "; a simple-gateway or checkpoint-host is expected.");
}

std::vector<View> targets_of(Call& call) {
    const json::value* given = json::find(call.params(), "targets");
    std::vector<View> out;
    if (given && !given->is_null()) {
        for (const json::value& v : model::as_list(*given)) {
            View view = gateway_named(call, model::coerce_string(v, "targets"));
            bool known = std::any_of(out.begin(), out.end(),
                                     [&](const View& o) { return o.uid == view.uid; });
            if (!known) out.push_back(std::move(view));
        }
    }
    if (out.empty()) throw Error(Code::missing_parameters, "Missing parameter: [targets]");
    return out;
}

bool has_trust(const View& gateway) {
    return json::get_string(gateway.document, "sic-state") == "trust established";
}

std::string sic_status(WorkspaceImpl& impl, const View& gateway) {
    // Servers trust each other by their Multi-Domain Servers; mdsctl ha status tells who answers.
    if (is_server_object(gateway)) return "unknown";
    std::string state = json::get_string(gateway.document, "sic-state", "uninitialized");
    if (state == "uninitialized") return state;
    if (!has_trust(gateway)) return "not-communicating";
    int64_t at = impl.hooks.gateway_contact ? impl.hooks.gateway_contact(gateway.uid).at_ms : 0;
    return at && impl.hooks.now_ms() - at < k_lately_ms ? "communicating" : "unknown";
}

std::string gateway_problem(const View& gateway) {
    if (is_server_object(gateway)) {
        return "'" + gateway.name + "' is a server of the Domain, not a gateway: nothing is run on it from "
               "here. mdsctl ha status shows how it is.";
    }
    std::string state = json::get_string(gateway.document, "sic-state", "uninitialized");
    if (has_trust(gateway)) {
        return "'" + gateway.name + "' fetches its policy by itself; nothing is run on it from here.";
    }
    return "Trust with '" + gateway.name + "' is not established (" + state +
           "). Establish it first: set-" + gateway.type->name +
           " with one-time-password, and the "
           "same password on the machine itself; then repeat.";
}

json::object failed_target(const View& gateway, const std::string& why) {
    return {{"gatewayId", gateway.uid.text()},
            {"gatewayName", gateway.name},
            {"statusCode", "failed"},
            {"statusDescription", why},
            {"fault-message", why},
            {"stagesInfo", json::array{}}};
}

Uid failed_gateway_task(WorkspaceImpl& impl, Call& call, const std::string& name,
                        const View& gateway, const std::string& why) {
    Uid task = impl.self.create_task(name, gateway.name, call.user(), false, call.session_uid());
    impl.self.finish_task(task, "failed", json::array{failed_target(gateway, why)}, why);
    return task;
}

namespace {

View by_identifier(Call& call, const char* uid, const char* name) {
    std::string text = call.text_or(uid, "");
    if (text.empty()) text = call.text_or(name, "");
    if (text.empty()) {
        throw Error(Code::missing_parameters, std::string("Missing parameter: [") + name + "]");
    }
    return gateway_named(call, text);
}

/// A task for every target, all of which have been looked at before.
json::object on_targets(WorkspaceImpl& impl, Call& call, const std::string& name) {
    json::array tasks;
    for (const View& target : targets_of(call)) {
        Uid task = failed_gateway_task(impl, call, name, target, gateway_problem(target));
        tasks.push_back(json::object{{"target", target.name}, {"task-id", task.text()}});
    }
    return {{"tasks", std::move(tasks)}};
}

// ---- show-gateways-and-servers ----

/// What it has by its own word: what was installed for it is not there before it has fetched it.
json::object policy_of(WorkspaceImpl& impl, const View& gateway) {
    json::object out{{"access-policy-installed", false}, {"threat-policy-installed", false}};
    auto object = impl.db.get(installed_uid(gateway.uid));
    if (!object) return out;
    json::object installed = json::parse_object(object->doc);
    out["access-policy-name"] = json::get_string(installed, "package");
    out["access-policy-installation-date"] = model::date(json::get_int(installed, "installed-ms"));
    std::string has = impl.hooks.gateway_contact ? impl.hooks.gateway_contact(gateway.uid).policy : "";
    out["access-policy-installed"] = has == json::get_string(installed, "id");
    return out;
}

json::object summary(WorkspaceImpl& impl, Call& call, Shown& shown, const View& view, model::Level level) {
    const json::object& d = view.document;
    json::object out = level == model::Level::full ? shown.full(view) : shown.obj(view);
    out["sic-status"] = sic_status(impl, view);
    out["version"] = json::get_string(d, "version");
    out["operating-system"] = json::get_string(d, "os-name", json::get_string(d, "os"));
    out["hardware"] = json::get_string(d, "hardware");
    json::object network, management;
    if (view.type->name == "simple-gateway") {
        out["policy"] = policy_of(impl, view);
        for (const char* blade :
             {"firewall", "vpn", "application-control", "url-filtering", "ips", "anti-bot",
              "anti-virus", "threat-emulation", "content-awareness"}) {
            if (json::get_bool(d, blade)) network[blade] = true;
        }
    } else {
        for (const auto& blade : json::get_object(d, "management-blades")) {
            if (blade.value().is_bool() && blade.value().as_bool()) {
                management[blade.key()] = true;
            }
        }
    }
    out["network-security-blades"] = std::move(network);
    out["management-blades"] = std::move(management);
    if (!out.contains("interfaces")) {
        json::object whole = call.render(view);
        const json::value* interfaces = json::find(whole, "interfaces");
        out["interfaces"] = interfaces ? *interfaces : json::value(json::array{});
    }
    return out;
}

json::object show_gateways(WorkspaceImpl& impl, Call& call) {
    call.only({"limit", "offset", "order", "filter"});
    PageRequest request;
    for (const char* name : {"simple-gateway", "checkpoint-host"}) {
        request.types.push_back(&impl.catalog().require(name));
        call.require_area(*request.types.back(), false);
    }
    read_paging(call, request);
    std::string text = call.text_or("filter", "");
    if (!text.empty()) {
        auto filter = std::make_shared<Filter>(call, text, false);
        request.wanted = [filter](const View& view) { return filter->matches(view); };
    }
    Page page = page_of(impl, call, request);
    model::Level level = call.level(model::Level::standard);
    if (level == model::Level::uid) return list_reply(call, page, "objects", level);
    Shown shown(call, model::Level::standard);
    json::array items;
    for (const View& view : page.views) items.push_back(summary(impl, call, shown, view, level));
    json::object reply{{"objects", std::move(items)}};
    put_range(reply, page.offset, page.views.size(), page.total);
    return reply;
}

// ---- trust ----

json::object test_sic(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "name"});
    View gateway = by_identifier(call, "uid", "name");
    call.require_area(*gateway.type, false);
    std::string status = sic_status(impl, gateway), message = gateway_problem(gateway);
    if (status == "communicating") message = "";
    if (status == "unknown" && has_trust(gateway)) message = "It has not asked this server for anything lately.";
    return {{"sic-status", status},
            {"sic-name", json::get_string(gateway.document, "sic-name")},
            {"sic-message", message}};
}

json::object reset_sic(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "name"});
    View gateway = by_identifier(call, "uid", "name");
    call.require_area(*gateway.type, true);
    if (sic_status(impl, gateway) != "uninitialized") {
        call.set(gateway, {},
                 {{"sic-state", "uninitialized"}, {"sic-name", ""}, {"sic-message", ""}, {"sic-serial", ""},
                  {"sic-serial-next", ""}});
    }
    return {{"message", "OK"}};
}

json::object get_interfaces(WorkspaceImpl& impl, Call& call) {
    call.only({"target-uid", "target-name", "with-topology", "group-interfaces-by-subnet",
               "use-defined-by-routes"});
    View gateway = by_identifier(call, "target-uid", "target-name");
    call.require_area(*gateway.type, false);
    for (const char* name :
         {"with-topology", "group-interfaces-by-subnet", "use-defined-by-routes"}) {
        call.flag(name);
    }
    Uid task = failed_gateway_task(impl, call, "Get interfaces", gateway, gateway_problem(gateway));
    return {{"task-id", task.text()}};
}

// ---- scripts and files ----

bool is_base64(const std::string& text) {
    size_t end = text.find_last_not_of('=');
    size_t padding = end == std::string::npos ? text.size() : text.size() - end - 1;
    return text.size() % 4 == 0 && padding <= 2 &&
           std::all_of(text.begin(), text.end() - static_cast<std::ptrdiff_t>(padding), [](char c) {
               return std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/';
           });
}

json::object run_script(WorkspaceImpl& impl, Call& call) {
    call.only({"script-name", "script", "script-base64", "targets", "args", "script-type",
               "timeout", "comments"});
    std::string name = call.text("script-name");
    std::string plain = call.text_or("script", ""), coded = call.text_or("script-base64", "");
    std::string type = fold(call.text_or("script-type", "one time"));
    if (type != "one time" && type != "repository") {
        model::invalid("script-type", "'" + type + "' is none of: one time, repository.");
    }
    if (type == "one time" && plain.empty() == coded.empty()) {
        throw Error(Code::missing_parameters,
                    "Missing parameter: [script] or [script-base64], one of them");
    }
    if (!coded.empty() && !is_base64(coded)) {
        model::invalid("script-base64", "The value is not base 64.");
    }
    if (int64_t seconds = call.integer("timeout", 300); seconds < 1 || seconds > 86400) {
        model::invalid("timeout", "The value must be between 1 and 86400.");
    }
    call.text_or("args", "");
    if (type == "repository") {
        throw Error(Code::object_not_found, "Requested object [" + name + "] not found")
            .refusal("", "there is no repository of scripts; send the script itself");
    }
    return on_targets(impl, call, "Run script " + name);
}

json::object put_file(WorkspaceImpl& impl, Call& call) {
    call.only({"file-name", "file-path", "file-content", "targets", "comments"});
    std::string name = call.text("file-name"), path = call.text("file-path");
    call.text("file-content");
    if (name.empty() || name.find('/') != std::string::npos) {
        model::invalid("file-name", "A name without folders is expected.");
    }
    if (!path.starts_with('/')) model::invalid("file-path", "An absolute path is expected.");
    return on_targets(impl, call, "Put file " + name);
}

json::object install_database(WorkspaceImpl& impl, Call& call) {
    call.only({"targets"});
    return on_targets(impl, call, "Install database");
}

}  // namespace

void WorkspaceImpl::register_gateway_commands() {
    if (!catalog().find("simple-gateway")) return;
    add_simple("show-gateways-and-servers", show_gateways,
               "Lists gateways and servers with their state");
    add_simple("test-sic-status", test_sic, "Shows whether there is trust with a gateway");
    add_simple("reset-sic", reset_sic, "Ends the trust with a gateway", true);
    add_simple("get-interfaces", get_interfaces, "Asks a gateway for its interfaces, as a task");
    add_simple("run-script", run_script, "Runs a script on gateways, as tasks", true);
    add_simple("put-file", put_file, "Writes a file on gateways, as tasks", true);
    add_simple("install-database", install_database, "Sends the objects to servers, as tasks",
               true);
    for (const char* name : {"show-gateways-and-servers", "test-sic-status", "reset-sic", "get-interfaces"}) {
        needs(name, "", "simple-gateway");
    }
    for (const char* name : {"run-script", "put-file"}) needs(name, "run-scripts");
    needs("install-database", "install-policy");
}

}  // namespace mds::mgmt
