// Commands that the other kind of database has: the refusal says where they work
// (management-api.md 9; multi-domain-ha.md SE-9).
#include <algorithm>
#include <set>

#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {
namespace {

void add_names(const model::Catalog& catalog, std::set<std::string>& out) {
    for (const model::Type& type : catalog.types()) {
        if (type.own) continue;
        for (const char* verb : {"add-", "set-", "delete-", "show-"}) out.insert(verb + type.name);
        if (!type.single) out.insert("show-" + type.plural);
    }
}

const std::set<std::string>& system_names() {
    static const std::set<std::string> k_names = [] {
        // Those that are no add-, set-, delete- or show- of a type.
        std::set<std::string> out = {"show-servers-and-processes",
                                     "login-to-domain",
                                     "show-global-domain",
                                     "set-global-domain",
                                     "assign-global-assignment",
                                     "unlock-administrator",
                                     "add-api-key",
                                     "delete-api-key",
                                     "add-administrator-certificate",
                                     "show-administrator-certificate",
                                     "delete-administrator-certificate",
                                     "clone-domain",
                                     "backup-domain",
                                     "restore-domain",
                                     "migrate-export-domain",
                                     "migrate-import-domain",
                                     "export-management",
                                     "import-management"};
        add_names(model::system_catalog(), out);
        return out;
    }();
    return k_names;
}

const std::set<std::string>& domain_names() {
    static const std::set<std::string> k_names = [] {
        std::set<std::string> out = {
            "show-access-rulebase", "show-nat-rulebase",  "show-layer-structure",
            "add-rules-batch",      "delete-rules-batch", "show-gateways-and-servers",
            "test-sic-status",      "reset-sic",          "get-interfaces",
            "run-script",           "put-file",           "install-policy",
            "verify-policy",        "install-database",   "set-ha-state",
            "make-server-active"};
        add_names(model::domain_catalog(), out);
        return out;
    }();
    return k_names;
}

}  // namespace

void refuse_system_only(const DomainInfo& here, const std::string& command) {
    throw Error(Code::not_system_domain,
                "The command '" + command +
                    "' works only in the System Data domain; this session is in '" + here.name +
                    "'.")
        .refusal("RF-40", "log in to System Data (login without a domain)");
}

void refuse_not_system(const std::string& command) {
    throw Error(Code::wrong_domain_type, "The command '" + command + "' needs a Domain.")
        .refusal("", "log in to the Domain (login with domain)");
}

void refuse_elsewhere(const DomainInfo& here, const std::string& command) {
    bool system = here.type == "mds";
    if (!system && system_names().contains(command)) refuse_system_only(here, command);
    if (system && domain_names().contains(command)) refuse_not_system(command);
}

}  // namespace mds::mgmt
