// Tasks (management-api.md 7): rows of work.db; they outlive sessions and restarts.
#include <algorithm>

#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {
namespace {

constexpr const char* k_columns =
    "SELECT id,name,target,initiator,status,percent,description,comments,start_ms,update_ms,"
    "details,resumable,session FROM task ";

Uid uid_at(SQLite::Statement& s, int index) {
    auto column = s.getColumn(index);
    auto uid = Uid::from_bytes(
        {static_cast<const char*>(column.getBlob()), static_cast<size_t>(column.getBytes())});
    return uid ? *uid : Uid{};
}

TaskInfo read_task(SQLite::Statement& s) {
    TaskInfo t;
    t.id = uid_at(s, 0);
    t.name = s.getColumn(1).getString();
    t.target = s.getColumn(2).getString();
    t.initiator = s.getColumn(3).getString();
    t.status = s.getColumn(4).getString();
    t.percent = s.getColumn(5).getInt();
    t.description = s.getColumn(6).getString();
    t.comments = s.getColumn(7).getString();
    t.start_ms = s.getColumn(8).getInt64();
    t.update_ms = s.getColumn(9).getInt64();
    json::value details = json::parse(s.getColumn(10).getString());
    if (details.is_array()) t.details = details.as_array();
    t.resumable = s.getColumn(11).getInt() != 0;
    t.session = uid_at(s, 12);
    return t;
}

}  // namespace

Uid Workspace::create_task(const std::string& name, const std::string& target,
                           const std::string& initiator, bool resumable, const Uid& session) {
    Uid id = Uid::make();
    int64_t now = impl_->now();
    auto s = impl_->work.sql(
        "INSERT INTO task(id,name,target,initiator,status,percent,description,comments,start_ms,"
        "update_ms,details,resumable,session) VALUES(?,?,?,?,'in progress',0,'','',?,?,'[]',?,?)");
    s.bind(1, id.bytes.data(), 16);
    s.bind(2, name);
    s.bind(3, target);
    s.bind(4, initiator);
    s.bind(5, now);
    s.bind(6, now);
    s.bind(7, resumable ? 1 : 0);
    s.bind(8, session.bytes.data(), 16);
    s.exec();
    return id;
}

void Workspace::update_task(const Uid& id, int percent, const std::string& description) {
    auto s = impl_->work.sql(
        "UPDATE task SET percent=CASE WHEN ?1<0 THEN percent ELSE ?1 END,"
        "description=CASE WHEN ?2='' THEN description ELSE ?2 END, update_ms=?3 WHERE id=?4 "
        "AND status='in progress'");
    s.bind(1, percent);
    s.bind(2, description);
    s.bind(3, impl_->now());
    s.bind(4, id.bytes.data(), 16);
    s.exec();
}

void Workspace::finish_task(const Uid& id, const std::string& status, json::array details,
                            const std::string& comments) {
    if (status == "failed" || status == "partially succeeded") {
        // Every client looks for the reason somewhere else (management-api.md 7).
        if (details.empty() || !details[0].is_object())
            details.insert(details.begin(), json::object{});
        json::object& first = details[0].as_object();
        if (!first.contains("statusCode")) first["statusCode"] = "failed";
        if (!first.contains("statusDescription")) first["statusDescription"] = comments;
        if (!first.contains("fault-message")) first["fault-message"] = comments;
    }
    auto s = impl_->work.sql(
        "UPDATE task SET status=?, percent=100, details=?, comments=?, update_ms=? WHERE id=?");
    s.bind(1, status);
    s.bind(2, json::text(details));
    s.bind(3, comments);
    s.bind(4, impl_->now());
    s.bind(5, id.bytes.data(), 16);
    s.exec();
}

void Workspace::run_task(const Uid& id, const std::function<json::array()>& work) {
    try {
        finish_task(id, "succeeded", work());
    } catch (const std::exception& error) {
        finish_task(id, "failed", {}, error.what());
    }
}

std::optional<TaskInfo> Workspace::task(const Uid& id) const {
    static const std::string k_one = std::string(k_columns) + "WHERE id=?";
    auto s = impl_->work.sql(k_one.c_str());
    s.bind(1, id.bytes.data(), 16);
    if (!s.executeStep()) return std::nullopt;
    return read_task(s);
}

std::vector<TaskInfo> Workspace::tasks(const std::string& status) const {
    SQLite::Statement s(impl_->work.db(), std::string(k_columns) +
                                              "WHERE status=?1 OR ?1='all' ORDER BY start_ms DESC");
    s.bind(1, status);
    std::vector<TaskInfo> out;
    while (s.executeStep()) out.push_back(read_task(s));
    return out;
}

json::object Workspace::render_task(const TaskInfo& t, model::Level level) const {
    json::object out;
    out["uid"] = t.id.text();
    out["name"] = t.name;
    out["type"] = "CdmTaskNotification";
    out["domain"] = impl_->settings.domain.to_json();
    out["task-id"] = t.id.text();
    out["task-name"] = t.name;
    out["status"] = t.status;
    out["progress-percentage"] = t.percent;
    out["progress-description"] = t.description;
    out["start-time"] = model::date(t.start_ms);
    out["last-update-time"] = model::date(t.update_ms);
    out["initiator"] = t.initiator;
    out["target"] = t.target;
    out["suppressed"] = false;
    if (level != model::Level::uid) out["task-details"] = t.details;
    out["comments"] = t.comments;
    out["color"] = "black";
    out["icon"] = "General/globalsNa";
    out["tags"] = json::array{};
    out["meta-info"] = json::object{{"lock", "unlocked"},
                                    {"validation-state", "ok"},
                                    {"last-modify-time", model::date(t.update_ms)},
                                    {"last-modifier", t.initiator},
                                    {"creation-time", model::date(t.start_ms)},
                                    {"creator", t.initiator}};
    out["read-only"] = false;
    return out;
}

namespace {

json::object show_task(Workspace& workspace, Call& call) {
    call.only({"task-id"});
    const json::value* given = json::find(call.params(), "task-id");
    if (!given || given->is_null()) {
        throw Error(Code::missing_parameters, "Missing parameter: [task-id]");
    }
    json::array ids = given->is_array() ? given->as_array() : json::array{*given};
    if (ids.empty()) throw Error(Code::missing_parameters, "Missing parameter: [task-id]");
    json::array shown;
    for (const json::value& v : ids) {
        std::string text = v.is_string() ? std::string(v.as_string()) : json::text(v);
        auto id = Uid::parse(text);
        auto task = id ? workspace.task(*id) : std::nullopt;
        if (!task) throw Error(Code::object_not_found, "Requested object [" + text + "] not found");
        shown.push_back(workspace.render_task(*task, call.level(model::Level::standard)));
    }
    return {{"tasks", std::move(shown)}};
}

json::object show_tasks(Workspace& workspace, Call& call) {
    call.only(
        {"initiator", "status", "from-date", "to-date", "limit", "offset", "order", "filter"});
    PageRequest page;
    read_paging(call, page);
    std::string status = call.text_or("status", "all");
    std::string initiator = call.text_or("initiator", "");
    static const std::vector<std::string> k_words = {"all", "successful", "failed", "in-progress"};
    if (std::find(k_words.begin(), k_words.end(), status) == k_words.end()) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [status]. '" + status +
                                                 "' is none of: successful, failed, in-progress, "
                                                 "all.");
    }
    std::vector<TaskInfo> all = workspace.tasks("all");
    std::erase_if(all, [&](const TaskInfo& t) {
        if (!initiator.empty() && t.initiator != initiator) return true;
        if (status == "all") return false;
        bool failed = t.status == "failed" || t.status == "partially succeeded";
        if (status == "in-progress") return t.status != "in progress";
        return status == "failed" ? !failed : failed || t.status == "in progress";
    });
    json::array shown;
    for (uint64_t i = page.offset; i < all.size() && shown.size() < page.limit; ++i) {
        shown.push_back(workspace.render_task(all[i], call.level(model::Level::standard)));
    }
    json::object reply;
    uint64_t count = shown.size();
    reply["tasks"] = std::move(shown);
    put_range(reply, page.offset, count, all.size());
    return reply;
}

}  // namespace

void WorkspaceImpl::register_task_commands() {
    CommandFlags flags;
    flags.description = "Shows tasks by their id";
    add_generic(
        "show-task", [this](Call& call) { return show_task(self, call); }, flags);
    flags.description = "Lists tasks";
    add_generic(
        "show-tasks", [this](Call& call) { return show_tasks(self, call); }, flags);
}

}  // namespace mds::mgmt
