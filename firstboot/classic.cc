// Answers in the classic form (mds-setup --config-file, --config-string).
#include <algorithm>

#include "answers.hh"
#include "base/text.hh"
#include "guarded_file.hh"

namespace mds::firstboot {
namespace {

/// Keys that are read and have nothing to say here.
constexpr const char* k_classic_unused[] = {
    "download_info",      "upload_info",       "reboot_if_required", "maintenance_hash",
    "ntp_primary_version", "ntp_secondary_version", "primary",       "secondary",
    "tertiary",           "ipstat_v4",         "ipstat_v6",          "masklen_v4",
    "masklen_v6",         "default_gw_v4",     "default_gw_v6",      "install_security_gw",
    "install_security_managment", "install_security_management", "gateway_daip",
    "gateway_cluster_member", "install_mgmt_primary", "install_mgmt_secondary", "proxy_address",
    "proxy_port", "domainname_suffix"};

constexpr const char* k_classic_known[] = {
    "install_mds_primary", "install_mds_secondary", "install_mlm", "install_mds_interface",
    "mgmt_admin_radio", "mgmt_admin_name", "mgmt_admin_passwd", "mgmt_gui_clients_radio",
    "mgmt_gui_clients_first_ip_field", "mgmt_gui_clients_last_ip_field",
    "mgmt_gui_clients_ip_field", "mgmt_gui_clients_subnet_field", "mgmt_gui_clients_hostname",
    "ftw_sic_key", "admin_hash", "hostname", "domainname", "iface", "ipaddr_v4", "ipaddr_v6",
    "timezone", "ntp_primary", "ntp_secondary"};

bool is_true(const std::string& text) {
    std::string folded = fold(text);
    return folded == "true" || folded == "yes" || folded == "1" || folded == "on";
}

}  // namespace

void Answers::read_classic_file(const std::string& path) {
    std::string text, reason;
    bool guarded = true;
    if (!load(path, text, reason, guarded)) {
        problem(path, reason);
        return;
    }
    if (!guarded && (text.find("ftw_sic_key") != text.npos || text.find("_passwd") != text.npos)) {
        problem(path, "holds secrets and others can read it; chmod 600 it, and consider them known");
    }
    read_classic(path, text, true);
}

void Answers::read_classic(const std::string& name, const std::string& text,
                           bool may_hold_secrets) {
    std::map<std::string, std::string> pairs;
    std::string lines = text;
    std::replace(lines.begin(), lines.end(), '&', '\n');
    for (const std::string& raw : split(lines, '\n')) {
        std::string line = trim(raw);
        if (line.empty() || line[0] == '#') continue;
        size_t equal = line.find('=');
        std::string key = fold(trim(line.substr(0, equal)));
        if (equal == std::string::npos) {
            problem(name, "expected key=value, not \"" + key + "\"");
            continue;
        }
        auto is_key = [&key](const char* known) { return key == known; };
        bool unused = std::any_of(std::begin(k_classic_unused), std::end(k_classic_unused), is_key);
        if (!unused &&
            std::none_of(std::begin(k_classic_known), std::end(k_classic_known), is_key)) {
            std::vector<std::string> known(std::begin(k_classic_known), std::end(k_classic_known));
            std::string near = nearest(key, known);
            problem(name, "unknown key " + key + (near.empty() ? "" : ", did you mean " + near + "?"));
            continue;
        }
        std::string value = plain_quotes(line.substr(equal + 1));
        if (unused) {
            if (!value.empty() && fold(value) != "false") {
                notes_.push_back(name + ": " + key + " is not used: it belongs to the operating "
                                                     "system or to another kind of server");
            }
            continue;
        }
        if (!value.empty()) pairs[key] = value;
    }
    auto give = [&](const char* id, const std::string& value) {
        if (!value.empty()) take(*find_question(id), value, name);
    };
    if (!has("role")) {
        if (is_true(pairs["install_mds_primary"])) classic_roles_.push_back("primary");
        if (is_true(pairs["install_mds_secondary"])) classic_roles_.push_back("secondary");
        if (is_true(pairs["install_mlm"])) classic_roles_.push_back("log-server");
        if (classic_roles_.size() == 1) give("role", classic_roles_[0]);
    }
    if (!pairs["hostname"].empty()) {
        std::string domain = pairs["domainname"];
        give("host_name", pairs["hostname"] + (domain.empty() ? "" : "." + domain));
    }
    give("address", pairs["ipaddr_v4"].empty() ? pairs["ipaddr_v6"] : pairs["ipaddr_v4"]);
    give("interface",
         pairs["install_mds_interface"].empty() ? pairs["iface"] : pairs["install_mds_interface"]);
    if (!may_hold_secrets) {
        for (const char* secret : {"ftw_sic_key", "mgmt_admin_passwd", "admin_hash"}) {
            if (pairs.erase(secret)) {
                problem(name, std::string(secret) +
                                  " is a secret: others see command lines. Use --config-file, or "
                                  "--config-string - and standard input");
            }
        }
    }
    if (fold(pairs["mgmt_admin_radio"]) == "gaia_admin") {
        give("administrator", "admin");
        give("password_hash", pairs["admin_hash"]);
    }
    give("administrator", pairs["mgmt_admin_name"]);
    give("password", pairs["mgmt_admin_passwd"]);
    give("activation_key", pairs["ftw_sic_key"]);
    // "Asia / Tokyo" in some of these files.
    std::erase(pairs["timezone"], ' ');
    give("time_zone", pairs["timezone"]);
    std::vector<std::string> times;
    for (const char* key : {"ntp_primary", "ntp_secondary"}) {
        if (!pairs[key].empty()) times.push_back(pairs[key]);
    }
    give("time_servers", join(times, " "));
    std::string clients = fold(pairs["mgmt_gui_clients_radio"]);
    if (clients == "any") {
        give("gui_clients", "any");
    } else if (clients == "range") {
        give("gui_clients", pairs["mgmt_gui_clients_first_ip_field"] + "-" +
                                pairs["mgmt_gui_clients_last_ip_field"]);
    } else if (clients == "network") {
        give("gui_clients",
             pairs["mgmt_gui_clients_ip_field"] + "/" + pairs["mgmt_gui_clients_subnet_field"]);
    } else if (clients == "this") {
        give("gui_clients", pairs["mgmt_gui_clients_hostname"]);
    } else if (!clients.empty()) {
        problem(name, "mgmt_gui_clients_radio is any, range, network or this");
    }
}

}  // namespace mds::firstboot
