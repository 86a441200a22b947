// mdsctl domain backup, mdsctl domain restore: one Domain in a file.
#include <fmt/core.h>

#include <filesystem>

#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

constexpr char k_store[] = "/var/backups/mds/";

/// A name alone is one where backups are kept; anything else is a path as in every command.
std::string whole(const std::string& file) {
    if (file.find('/') == std::string::npos) return k_store + file;
    return std::filesystem::absolute(file);
}

/// The task's one row of details; empty when it was not waited for.
json::object end_of(Client& client, const Options& options, const json::object& reply) {
    json::object task = follow(client, options, "", json::get_string(reply, "task-id"));
    json::object out;
    for (const json::value& v : json::get_array(task, "task-details")) out = v.as_object();
    if (!out.empty()) out["status"] = json::get_string(task, "status");
    if (std::string comments = json::get_string(task, "comments"); !comments.empty()) out["comments"] = comments;
    return out;
}

std::string size_text(const json::object& details) {
    return fmt::format("{:.1f} MiB", static_cast<double>(json::get_int(details, "bytes")) / (1 << 20));
}

}  // namespace

int domain_backup(Client& client, const Options& options, const std::string& name, const std::string& file) {
    json::object details =
        end_of(client, options, client.run("", "backup-domain", {{"domain", name}, {"file-path", whole(file)}}));
    if (!options.wait || options.quiet) return 0;
    if (options.json) {
        print_json(options, details);
        return 0;
    }
    std::printf("%s Domain %s, revision %lld: %s in\n  %s\n"
                "It is as secret as the Domain. Copy it to another machine.\n",
                symbol(options, "done").c_str(), safe(json::get_string(details, "name")).c_str(),
                static_cast<long long>(json::get_int(details, "revision")), size_text(details).c_str(),
                safe(json::get_string(details, "file")).c_str());
    return 0;
}

int domain_restore(Client& client, const Options& options, const DomainRestore& what) {
    json::object order{{"file-path", whole(what.file)}};
    for (const auto& [key, value] : {std::pair<const char*, const std::string&>{"domain-name", what.name},
                                     {"domain-server-name", what.server_name},
                                     {"domain-ip-address", what.address}}) {
        if (!value.empty()) order[key] = value;
    }
    if (what.verify) order["verify-only"] = true;
    json::object details = end_of(client, options, client.run("", "restore-domain", order));
    if (!options.wait || options.quiet) return 0;
    if (options.json) {
        print_json(options, details);
        return 0;
    }
    std::printf("Backup of   Domain %s, revision %lld, %s\nMade        %s on %s by version %s\n",
                safe(json::get_string(details, "name")).c_str(),
                static_cast<long long>(json::get_int(details, "revision")), size_text(details).c_str(),
                safe(json::get_string(details, "time")).c_str(), safe(json::get_string(details, "taken-on")).c_str(),
                safe(json::get_string(details, "version")).c_str());
    if (what.verify) {
        std::puts("The backup is whole; nothing was changed.");
        return 0;
    }
    std::string made = safe(json::get_string(details, "restored-as"));
    std::printf("%s Domain %s: %s\nNext:  mdsctl ds create %s SERVER --ip ADDRESS\n",
                symbol(options, "done").c_str(), made.c_str(),
                safe(json::get_string(details, "status")).c_str(), shell_word(made).c_str());
    if (std::string comments = json::get_string(details, "comments"); !comments.empty()) {
        std::printf("  %s\n", safe(comments).c_str());
    }
    return 0;
}

}  // namespace mds::ctl
