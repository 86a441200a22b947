// mdsctl task.
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {

int task_list(Client& client, const Options& options, const std::string& domain) {
    json::object reply = client.run(domain, "show-tasks", {{"details-level", "full"}});
    const json::array& tasks = json::get_array(reply, "tasks");
    Rows table("tasks", {"TASK", "WHAT", "STATUS", "%", "STARTED", "STEP", Column("COMMENTS", true)});
    for (const json::value& v : tasks) {
        const json::object& t = v.as_object();
        table.row(t, {json::get_string(t, "task-id"), json::get_string(t, "task-name"), json::get_string(t, "status"),
                      json::get_int(t, "progress-percentage"),
                      since_cell(json::get_int(json::get_object(t, "start-time"), "posix")),
                      json::get_string(t, "progress-description"), json::get_string(t, "comments")});
    }
    table.print(options);
    return 0;
}

int task_show(Client& client, const Options& options, const std::string& domain, const std::string& id) {
    json::object reply =
        client.run(domain, "show-task", {{"task-id", id}, {"details-level", "full"}});
    const json::array& tasks = json::get_array(reply, "tasks");
    if (tasks.empty()) throw Error(Code::object_not_found, "no task " + id).refusal("", "mdsctl task list");
    print_object(options, tasks.front().as_object());
    return 0;
}

int task_watch(Client& client, const Options& options, const std::string& domain,
               const std::string& id) {
    Options waiting = options;
    waiting.wait = true;
    json::object task = follow(client, waiting, domain, id);
    print_done(options, json::get_string(task, "task-name") + ": " + json::get_string(task, "status"),
               {{"task-id", id}, {"status", json::get_string(task, "status")}});
    return 0;
}

}  // namespace mds::ctl
