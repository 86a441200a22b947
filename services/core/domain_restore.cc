// A Domain from a backup of its own (restore-domain). mds-backup proves who has made the file and that every byte
// is as that server has signed; this process proves the database in it, gives it a history of its own and
// publishes the Domain; reconcile() puts the database where its first Domain Server begins with it. Nobody sees
// any of it before the Domain is published.
#include <arpa/inet.h>
#include <fmt/core.h>

#include <filesystem>

#include "base/shell.hh"
#include "base/text.hh"
#include "log/log.hh"
#include "server/content_copy.hh"
#include "service.hh"
#include "store/verify.hh"

namespace mds::core {
namespace fs = std::filesystem;

/// What restore-domain was asked for, filled in from the backup.
struct Service::RestoredDomain {
    bool verify_only = false;
    std::string name, server_name, address;
    /// The manifest's part about the Domain.
    json::object domain;
    store::Position position;
    NewDomain made;
};

void Service::check_restored(const json::object& manifest, RestoredDomain& what) {
    what.domain = json::get_object(manifest, "domain");
    if (what.domain.empty()) {
        throw Error(Code::invalid_parameter,
                    fmt::format("Invalid parameter for [file-path]. It is the backup of the server {}, not of a "
                                "Domain", json::get_string(manifest, "server")))
            .refusal("", "mdsctl backup restore FILE");
    }
    if (json::get_string(manifest, "deployment-id") != identity_->deployment_id) {
        throw Error(Code::validation_failed, "this backup is of another deployment, " +
                                                 json::get_string(manifest, "deployment"));
    }
    what.position = server::position_from_json(what.domain);
    int64_t schema = json::get_int(what.domain, "schema"), known = system_->db().schema_known();
    if (schema > known) {
        std::string version = json::get_string(manifest, "version");
        throw Error(Code::validation_failed,
                    fmt::format("this backup was made by version {} and holds documents of version {}; this "
                                "server knows them up to {}", version, schema, known))
            .refusal("RF-35", "install version " + version + " or a newer one, then restore");
    }
    if (what.verify_only) return;
    std::string old = json::get_string(what.domain, "name"), uid = json::get_string(what.domain, "uid");
    if (what.name.empty()) {
        for (const DomainRow& row : all_domains()) {
            if (fold(row.name) != fold(old) && row.uid.text() != uid) continue;
            throw Error(Code::not_unique, (row.uid.text() == uid
                                               ? "the Domain that this is the backup of exists: " + row.name
                                               : "a Domain named " + row.name + " exists already") +
                                              "; give the restored one another name (domain-name), or delete that one "
                                              "first")
                .refusal("RF-08", "mdsctl domain restore --file FILE --name NAME");
        }
        what.name = old;
        if (what.server_name.empty()) what.server_name = json::get_string(what.domain, "server");
    }
    check_domain_name(what.name, "domain-name");
    if (what.server_name.empty()) what.server_name = what.name + "-1";
    if (what.address.empty()) what.address = json::get_string(what.domain, "address");
    if (std::string problem = name_problem(what.server_name); !problem.empty()) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [domain-server-name]. " + problem);
    }
    // The server of a Domain that was deleted a moment ago has its folder until it has stopped.
    bool in_use = false;
    for (const DomainRow& row : all_domains()) {
        for (const json::value& v : row.servers) {
            in_use |= fold(json::get_string(v.as_object(), "name")) == fold(what.server_name);
        }
    }
    if (!in_use && fs::is_symlink(root() + "/servers/" + what.server_name)) {
        throw Error(Code::ha_invalid, "an earlier server " + what.server_name + " is still being removed here")
            .refusal("", "try again in a few seconds, or give another domain-server-name");
    }
    in_addr parsed{};
    if (inet_pton(AF_INET, what.address.c_str(), &parsed) != 1) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [domain-ip-address]. '" + what.address +
                                                 "' is not an IPv4 address");
    }
    try {
        what.made.servers = check_servers({json::object{{"name", what.server_name},
                                                        {"ip-address", what.address},
                                                        {"multi-domain-server", identity_->name}}},
                                          what.name, {});
    } catch (Error& e) {
        std::string id = e.refusal_id();
        throw std::move(e).refusal(id, "restore-domain with another domain-server-name and domain-ip-address");
    }
    // In place of the old one it is the same server to what refers to it: rules, gateways.
    std::string server = json::get_string(what.domain, "server-uid");
    bool free = Uid::parse(server).has_value();
    for (const DomainRow& row : all_domains()) {
        for (const json::value& s : row.servers) {
            free = free && json::get_string(s.as_object(), "uid") != server;
        }
    }
    if (free) what.made.servers.at(0).as_object()["uid"] = server;
}

void Service::make_restored(const RestoredDomain& what, const std::string& content) {
    store::ProvenCopy copy = store::ProvenCopy::prove(content, what.position);
    if (what.verify_only) return;
    auto server = Uid::parse(json::get_string(what.made.servers.at(0).as_object(), "uid"));
    std::string folder = restored_folder(what.made.uid);
    {
        store::PublicDb db(folder);
        db.adopt(copy);
        // Whatever servers of the Domain that it was still lie somewhere, none is taken for one of this one.
        db.begin_anew(*server, what.made.user);
        log::notice(fmt::format("Domain {} is restored from revision {} of {}", what.name, what.position.rev,
                                json::get_string(what.domain, "name")),
                    {{"MDS_DOMAIN", what.name}});
    }
    sync_folder(folder);
    sync_folder(root() + "/domains");
    create_domain(what.made);
}

void Service::restore_domain(mgmt::Call& call, Then then) {
    call.only({"file-path", "domain-ip-address", "domain-name", "domain-server-name", "verify-only"});
    auto what = std::make_shared<RestoredDomain>();
    std::string file = call.text("file-path");
    what->name = call.text_or("domain-name", "");
    what->server_name = call.text_or("domain-server-name", "");
    what->address = call.text_or("domain-ip-address", "");
    what->verify_only = call.flag("verify-only");
    // Its first server is on this one, and only the Primary makes Domains.
    if (!what->verify_only) require_primary("Restoring a Domain");
    DomainArchive a;
    a.id = Uid::make();
    a.order = {{"job", "read-domain"}, {"file", file}};
    a.name = what->verify_only ? "Verify the backup of a Domain" : "Restore Domain";
    a.target = file;
    a.user = call.user();
    a.session = call.session_uid();
    a.reply = std::move(then);
    what->made.uid = a.id;
    std::string content = restored_content(a.id);
    a.seen = [this, what, content](const json::object& seen) {
        const json::object& manifest = json::get_object(seen, "manifest");
        check_restored(manifest, *what);
        what->domain["taken-on"] = json::get_string(manifest, "server");
        what->domain["time"] = json::get_string(manifest, "time");
        what->domain["version"] = json::get_string(manifest, "version");
        std::string old = json::get_string(what->domain, "name");
        archive_->target = what->verify_only ? old : what->name;
        archive_->name = (what->verify_only ? "Verify backup of Domain " : "Restore Domain ") + archive_->target;
        // mds-backup writes into it; it stays a file of this process.
        replace_file(content, "", 0600);
        return json::object{{"target", content}};
    };
    a.done = [this, what, content](const json::object& report) {
        archive_step(15, "reading all of the database");
        what->made.name = what->name;
        what->made.comments = "";
        what->made.user = archive_->user;
        what->made.command = "restore-domain";
        what->made.task = archive_->task;
        for (const char* key : {"file", "bytes", "sha256"}) what->domain[key] = report.at(key);
        if (!what->verify_only) what->domain["restored-as"] = what->name;
        what->made.details = {what->domain};
        archive_work([this, what, content, id = archive_->id] {
            make_restored(*what, content);
            daemon_.post([this, what, id] {
                if (archive_ && archive_->id == id) end_archive(what->made.details, !what->verify_only);
            });
        });
    };
    a.clean = [this, content, uid = a.id] {
        std::error_code ignored;
        for (const char* tail : {"", "-wal", "-shm"}) fs::remove(content + tail, ignored);
        // Published, it is the Domain's: reconcile() takes it.
        if (!find_domain(uid.text())) fs::remove_all(restored_folder(uid), ignored);
    };
    begin_archive(std::move(a));
}

}  // namespace mds::core
