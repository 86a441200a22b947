// show-commands, show-api-versions, show-validations.
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

const std::vector<std::string>& api_versions() {
    static const std::vector<std::string> k_versions = {"1",   "1.1",   "1.2",   "1.3",  "1.4",
                                                        "1.5", "1.6",   "1.6.1", "1.7",  "1.7.1",
                                                        "1.8", "1.8.1", "1.9",   "1.9.1"};
    return k_versions;
}

namespace {

json::object show_versions(WorkspaceImpl&, Call&) {
    json::array all;
    for (const std::string& version : api_versions()) all.push_back(json::value(version));
    return {{"current-version", api_versions().back()}, {"supported-versions", all}};
}

json::object show_commands(WorkspaceImpl& impl, Call& call) {
    call.only({"prefix"});
    std::string prefix = call.text_or("prefix", "");
    json::array commands;
    for (const auto& [name, registered] : impl.commands) {
        if (!name.starts_with(prefix)) continue;
        commands.push_back(
            json::object{{"name", name}, {"description", registered.flags.description}});
    }
    uint64_t total = commands.size();
    return {{"commands", commands}, {"from", total ? 1 : 0}, {"to", total}, {"total", total}};
}

json::object show_validations(WorkspaceImpl&, Call&) {
    // A change that is not valid is refused when it is made, so a session holds none.
    return {{"warnings", json::array{}},        {"warnings-total", 0},
            {"errors", json::array{}},          {"errors-total", 0},
            {"blocking-errors", json::array{}}, {"blocking-errors-total", 0}};
}

}  // namespace

void WorkspaceImpl::register_misc_commands() {
    add_simple("show-api-versions", show_versions, "Shows the versions of the management API");
    add_simple("show-commands", show_commands, "Lists the commands");
    add_simple("show-validations", show_validations, "Shows what is wrong in the session");
}

}  // namespace mds::mgmt
