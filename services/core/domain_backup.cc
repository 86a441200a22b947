// The backup of one Domain (backup-domain), and what reading one (domain_restore.cc) has in common with it. The
// Domain Server of this host copies what is published, this process proves the copy, and mds-backup, which alone
// has the key of this server and reaches where backups are kept, makes the file.
#include <fmt/core.h>

#include <filesystem>
#include <limits>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "log/log.hh"
#include "server/content_copy.hh"
#include "service.hh"
#include "store/verify.hh"

namespace mds::core {
namespace fs = std::filesystem;
namespace {

/// mds-backup is there within this time, or not at all.
constexpr int64_t k_begin_ms = 15'000;
/// It works so long at most: its unit ends then.
constexpr int64_t k_work_ms = 3'600'000;
/// Of what a restore makes in the folder of the Domains; the uid is behind it.
constexpr char k_restored[] = "restore-";
constexpr char k_content[] = ".content";

/// What mds-backup says has stopped it.
Error error_of(const json::object& report) {
    const json::object& refusal = json::get_object(report, "refusal");
    Error error(code_from_word(json::get_string(report, "code")), json::get_string(report, "problem"));
    for (const json::value& line : json::get_array(report, "errors")) {
        if (line.is_string()) error.add_error(std::string(std::string_view(line.as_string())));
    }
    return std::move(error).refusal(json::get_string(refusal, "id"), json::get_string(refusal, "next"));
}

/// The server of a Domain that is on a Multi-Domain Server, or null.
const json::object* server_on(const Service::DomainRow& domain, const Uid& mds) {
    for (const json::value& s : domain.servers) {
        if (json::get_string(s.as_object(), "mds") == mds.text()) return &s.as_object();
    }
    return nullptr;
}

}  // namespace

std::string Service::restored_folder(const Uid& domain) const {
    return root() + "/domains/" + k_restored + domain.text();
}

std::string Service::restored_content(const Uid& domain) const { return restored_folder(domain) + k_content; }

void Service::require_no_archive() {
    if (!archive_) return;
    std::string task = archive_->task.is_nil() ? "" : archive_->task.text();
    throw Error(Code::ha_invalid, fmt::format("the backup of a Domain is made or read on {}{}; one at a time",
                                              identity_->name, task.empty() ? "" : " (task " + task + ")"))
        .refusal("RF-33", task.empty() ? "try again in a moment" : "mdsctl task watch " + task);
}

void Service::begin_archive(DomainArchive archive) {
    require_no_backup();
    require_no_archive();
    archive.order["task"] = archive.id.text();
    archive.order["time"] = rfc3339(wall_ms());
    archive.until_ms = mono_ms() + k_begin_ms;
    archive_ = std::move(archive);
    start_archive();
}

void Service::start_archive() {
    units_->start_backup([this, id = archive_->id](const std::string& problem) {
        if (problem.empty() || !archive_ || archive_->id != id) return;
        fail_archive(Error(Code::internal, "mds-backup.service: " + problem)
                         .refusal("", "systemctl status mds-backup.service"));
    });
}

Service::DomainArchive& Service::archive_of(mgmt::Call& call) {
    require_mds_backup(call);
    if (!archive_ || !archive_->done || call.text("task") != archive_->id.text()) {
        throw Error(Code::ha_invalid, "this backup was given up");
    }
    return *archive_;
}

void Service::archive_step(int percent, const std::string& text) {
    if (archive_) system_->workspace().update_task(archive_->task, percent, text);
}

void Service::archive_work(std::function<void()> work) {
    daemon_.work([this, id = archive_->id, work = std::move(work)] {
        std::optional<Error> problem;
        try {
            return work();
        } catch (const Error& e) {
            problem = e;
        } catch (const std::exception& e) {
            problem = Error(Code::internal, e.what());
        }
        daemon_.post([this, id, problem] {
            if (!archive_ || archive_->id != id) return;
            if (!archive_->done) return fail_archive(*problem);
            // mds-backup still works on it: it is told when it asks, and says so at its end.
            archive_->problem = problem;
        });
    });
}

void Service::archive_told(json::object report) {
    if (!json::get_bool(report, "ended")) {
        if (json::get_string(report, "task") == archive_->id.text()) archive_->report = std::move(report);
        return;
    }
    // The end of an earlier run; or the second end of this one.
    if (!archive_->fetched || !archive_->done) return;
    json::object told = archive_->report ? *archive_->report : std::move(report);
    if (told.contains("problem")) return fail_archive(error_of(told));
    archive_->until_ms = std::numeric_limits<int64_t>::max();
    try {
        std::exchange(archive_->done, {})(std::move(told));
    } catch (const Error& e) {
        fail_archive(e);
    } catch (const std::exception& e) {
        fail_archive(Error(Code::internal, e.what()));
    }
}

void Service::end_archive(json::array details, bool watched) {
    DomainArchive ended = std::move(*archive_);
    archive_.reset();
    if (ended.clean) ended.clean();
    if (!watched) system_->workspace().finish_task(ended.task, "succeeded", std::move(details));
}

void Service::fail_archive(const Error& why) {
    DomainArchive ended = std::move(*archive_);
    archive_.reset();
    if (ended.clean) ended.clean();
    log::warning(ended.name + ": " + why.message(), {{"MDS_DOMAIN", ended.target}});
    if (ended.reply) return ended.reply(mgmt::error_reply(why));
    json::object refusal{{"id", why.refusal_id()}, {"next", why.next()}};
    system_->workspace().finish_task(ended.task, "failed", json::array{json::object{{"refusal", refusal}}},
                                     why.message());
}

void Service::look_after_archive() {
    if (!archive_) return;
    // An order to start a unit whose earlier run is just ending is an order for that run: it is given again
    // until one has come for the work.
    if (!archive_->fetched) start_archive();
    if (!archive_ || mono_ms() < archive_->until_ms) return;
    const char* why = archive_->fetched ? "mds-backup took too long" : "mds-backup did not begin";
    fail_archive(Error(Code::timed_out, why).refusal("", "journalctl -u mds-backup"));
}

void Service::forget_archives() {
    std::error_code ignored;
    std::vector<fs::path> left;
    for (const auto& entry : fs::directory_iterator(root() + "/domains", ignored)) {
        std::string name = entry.path().filename();
        if (name.rfind(k_restored, 0) == 0) {
            // What was published is taken by reconcile().
            if (!find_domain(name.substr(std::string_view(k_restored).size()))) left.push_back(entry.path());
            continue;
        }
        std::error_code none;
        for (const auto& copy : fs::directory_iterator(entry.path() / "outgoing", none)) {
            if (server::is_content_copy(copy.path())) left.push_back(copy.path());
        }
    }
    for (const fs::path& path : left) fs::remove_all(path, ignored);
}

json::object Service::archive_content(DomainArchive& a) {
    if (a.problem) throw *a.problem;
    if (!a.content.empty() || a.copying.empty() || a.asking) return a.content;
    a.asking = true;
    auto then = [this, id = a.id](std::optional<Error> error, const std::string& text) {
        if (!archive_ || archive_->id != id) return;
        archive_->asking = false;
        json::object task = error ? json::object{} : json::parse_object(text);
        std::string status = json::get_string(task, "status");
        if (status == "in progress") return;
        archive_->copying.clear();
        if (status != "succeeded") {
            archive_->problem = error ? *error : Error(Code::internal, json::get_string(task, "comments"));
            return;
        }
        archive_step(40, "reading all of the copy");
        prove_content(json::get_array(task, "task-details").at(0).as_object());
    };
    call_domain(a.server, "Task", a.copying, then);
    return {};
}

void Service::prove_content(const json::object& at) {
    std::string path = archive_->copy;
    archive_work([this, at, path, id = archive_->id] {
        store::ProvenCopy copy = store::ProvenCopy::prove(path, server::position_from_json(at));
        if (!copy.whole()) throw Error(Code::damaged, "the indexes of the database are damaged");
        daemon_.post([this, at, path, id] {
            if (!archive_ || archive_->id != id) return;
            archive_->domain.insert(at.begin(), at.end());
            archive_->content = {{"source", path}, {"domain", archive_->domain}};
            archive_step(70, "writing the file");
        });
    });
}

void Service::backup_domain(mgmt::Call& call, Then then) {
    call.only({"domain", "file-path"});
    std::string word = call.text("domain"), file = call.text("file-path");
    std::optional<DomainRow> row;
    for (DomainRow& d : all_domains()) {
        if (fold(d.name) == fold(word) || d.uid.text() == word) row = std::move(d);
    }
    if (!row) throw Error(Code::object_not_found, "Requested object [" + word + "] not found");
    if (row->type != "domain") {
        throw Error(Code::wrong_domain_type,
                    row->name + " is a part of every deployment and is backed up with the servers")
            .refusal("", "mdsctl backup create");
    }
    const json::object* here = server_on(*row, identity_->uid);
    if (!here) {
        std::vector<std::string> hosts;
        for (const json::value& s : row->servers) {
            hosts.push_back(json::get_string(s.as_object(), "mds-name"));
        }
        throw Error(Code::ha_invalid,
                    fmt::format("{} has no server of Domain {}; {} {}", identity_->name, row->name,
                                join(hosts, ", "), hosts.size() == 1 ? "has" : "have"))
            .refusal("", fmt::format("on {}: mdsctl domain backup {} --file FILE", hosts.at(0), shell_word(row->name)));
    }
    const json::object* cell = grid_->cell(identity_->uid, row->uid);
    DomainArchive a;
    a.id = Uid::make();
    a.order = {{"job", "save-domain"}, {"file", file}};
    a.name = "Back up Domain " + row->name;
    a.target = row->name;
    a.user = call.user();
    a.session = call.session_uid();
    a.reply = std::move(then);
    a.server = json::get_string(*here, "name");
    a.domain = {{"name", row->name},       {"uid", row->uid.text()},
                {"server", a.server},      {"server-uid", json::get_string(*here, "uid")},
                {"address", json::get_string(*here, "ipv4-address")},
                {"role", cell ? json::get_string(*cell, "role") : std::string("unknown")}};
    a.copy = server::content_copy_path(root() + "/domains/" + row->uid.text(), a.id);
    a.seen = [this, server = a.server, id = a.id, user = a.user](const json::object&) {
        call_domain(server, "HaAction",
                    json::text(json::object{{"action", "copy-content"}, {"name", id.text()}, {"user", user}}),
                    [this, id](std::optional<Error> error, const std::string& text) {
            if (!archive_ || archive_->id != id) return;
            archive_->problem = error;
            if (!error) archive_->copying = json::get_string(json::parse_object(text), "task-id");
            archive_step(10, "copying what is published");
        });
        return json::object{{"message", "OK"}};
    };
    a.done = [this](json::object report) {
        json::object details = archive_->domain;
        for (const char* key : {"file", "bytes", "sha256"}) details[key] = report[key];
        end_archive({std::move(details)});
    };
    a.clean = [copy = a.copy] {
        std::error_code ignored;
        fs::remove(copy, ignored);
    };
    begin_archive(std::move(a));
}

void Service::register_domain_backup_commands() {
    mgmt::Workspace& w = system_->workspace();
    const mgmt::CommandFlags flags = flags_for_mds_backup();
    w.add_command("domain-archive-seen", [this](mgmt::Call& call) {
        DomainArchive& a = archive_of(call);
        json::object answer = a.seen(call.params());
        a.task = system_->workspace().create_task(a.name, a.target, a.user, false, a.session);
        a.until_ms = mono_ms() + k_work_ms;
        if (auto reply = std::exchange(a.reply, {})) reply(mgmt::ok_reply({{"task-id", a.task.text()}}));
        return answer;
    }, flags);
    w.add_command("domain-archive-content", [this](mgmt::Call& call) {
        return archive_content(archive_of(call));
    }, flags);
}

}  // namespace mds::core
