#include "server/content_copy.hh"

#include <filesystem>
#include <utility>

#include "base/error.hh"
#include "base/shell.hh"

namespace mds::server {
namespace {

constexpr char k_copy[] = ".backup";

Error no_position() {
    return Error(Code::validation_failed, "it does not say at which revision its content is");
}

store::Hash hash_of(const json::object& o, const char* key) {
    auto bytes = unhex(json::get_string(o, key));
    if (!bytes || bytes->size() != store::Hash{}.size()) throw no_position();
    return store::hash_from(*bytes);
}

Uid uid_of(const json::object& o, const char* key) {
    auto uid = Uid::parse(json::get_string(o, key));
    if (!uid) throw no_position();
    return *uid;
}

}  // namespace

json::object position_to_json(const store::Position& p) {
    return {{"incarnation", p.incarnation.text()}, {"term-id", p.term_id.text()},
            {"term", p.term_no},                   {"revision", p.rev},
            {"hash", hex(store::raw(p.hash))},     {"digest", hex(store::raw(p.digest))}};
}

store::Position position_from_json(const json::object& o) {
    store::Position p;
    p.incarnation = uid_of(o, "incarnation");
    p.term_id = uid_of(o, "term-id");
    p.term_no = static_cast<uint64_t>(json::get_int(o, "term"));
    p.rev = static_cast<uint64_t>(json::get_int(o, "revision"));
    p.hash = hash_of(o, "hash");
    p.digest = hash_of(o, "digest");
    if (p.rev == 0) throw no_position();
    return p;
}

std::string content_copy_path(const std::string& folder, const Uid& name) {
    return folder + "/outgoing/" + name.text() + k_copy;
}

bool is_content_copy(const std::string& path) { return path.ends_with(k_copy); }

ContentCopies::ContentCopies(app::Daemon& daemon, mgmt::Workspace& workspace, store::PublicDb& db,
                             const Config& config, std::string folder)
    : daemon_(daemon), workspace_(workspace), db_(db), config_(config), folder_(std::move(folder)) {}

json::object ContentCopies::start(const json::object& request) {
    auto name = Uid::parse(json::get_string(request, "name"));
    if (!name) throw Error(Code::invalid_parameter, "a copy without a name");
    if (!db_.has_history()) {
        throw Error(Code::ha_invalid, config_.self.name + " has no content of " + config_.domain_name + " yet")
            .refusal("", "mdsctl ha status " + shell_word(config_.domain_name));
    }
    Uid task = workspace_.create_task("Copy of the database", config_.self.name,
                                      json::get_string(request, "user", "system"));
    json::object details{{"schema", db_.schema()}};
    std::string path = content_copy_path(folder_, *name);
    // On another thread, which reads a moment of its own: publishes go on meanwhile.
    daemon_.work([this, task, path, details = std::move(details)]() mutable {
        std::string problem;
        try {
            const json::object at = position_to_json(db_.copy_to(path));
            details.insert(at.begin(), at.end());
        } catch (const std::exception& e) {
            problem = e.what();
            std::error_code ignored;
            std::filesystem::remove(path, ignored);
        }
        daemon_.post([this, task, problem, details = std::move(details)]() mutable {
            if (!problem.empty()) return workspace_.finish_task(task, "failed", {}, problem);
            workspace_.finish_task(task, "succeeded", json::array{std::move(details)});
        });
    });
    return {{"task-id", task.text()}};
}

}  // namespace mds::server
