// mdsctl task.
#include "draw.hh"
#include "verbs.hh"

namespace mds::ctl {

int task_list(Client& client, const Options& options, const std::string& domain) {
    json::object reply = client.run(domain, "show-tasks", {{"details-level", "full"}});
    const json::array& tasks = json::get_array(reply, "tasks");
    if (options.json) {
        std::printf("%s\n", json::pretty(tasks).c_str());
        return 0;
    }
    if (tasks.empty()) {
        std::fprintf(stderr, "No tasks.\n");
        return 0;
    }
    Table table({"TASK", "WHAT", "STATUS", "%", "STARTED", "STEP"});
    for (const json::value& v : tasks) {
        const json::object& t = v.as_object();
        table.row({json::get_string(t, "task-id"), safe(json::get_string(t, "task-name")),
                   json::get_string(t, "status"),
                   std::to_string(json::get_int(t, "progress-percentage")),
                   since_text(json::get_int(json::get_object(t, "start-time"), "posix")),
                   safe(json::get_string(t, "progress-description"))});
    }
    table.print(options);
    return 0;
}

int task_show(Client& client, const Options&, const std::string& domain, const std::string& id) {
    json::object reply =
        client.run(domain, "show-task", {{"task-id", id}, {"details-level", "full"}});
    std::printf("%s\n", json::pretty(reply).c_str());
    return 0;
}

int task_watch(Client& client, const Options& options, const std::string& domain,
               const std::string& id) {
    Options waiting = options;
    waiting.wait = true;
    json::object task = follow(client, waiting, domain, id);
    std::printf("%s %s: %s\n", symbol(options, "done").c_str(),
                json::get_string(task, "task-name").c_str(),
                json::get_string(task, "status").c_str());
    return 0;
}

}  // namespace mds::ctl
