#include "client/api.hh"

#include <algorithm>
#include <chrono>
#include <thread>

namespace mds::client {

Error error_of(const json::object& reply) {
    Error error(code_from_word(json::get_string(reply, "code")), json::get_string(reply, "message"));
    for (const json::value& row : json::get_array(reply, "errors")) {
        if (row.is_object()) error.add_error(json::get_string(row.get_object(), "message"));
    }
    for (const json::value& row : json::get_array(reply, "warnings")) {
        if (row.is_object()) error.add_warning(json::get_string(row.get_object(), "message"));
    }
    const json::object& refusal = json::get_object(reply, "refusal");
    return std::move(error).refusal(json::get_string(refusal, "id"), json::get_string(refusal, "next"));
}

json::object Api::call(const std::string& sid, const std::string& command, const json::object& body, int& status) {
    HttpReply reply = https_.post("/" + context + "/" + (version.empty() ? "" : "v" + version + "/") + command, sid,
                                  json::text(body));
    status = reply.status;
    try {
        return json::parse_object(reply.body);
    } catch (const Error&) {
        throw Error(Code::unreachable, "what answers there is no management API: HTTP " +
                                           std::to_string(reply.status) + " for /" + context + "/" + command);
    }
}

json::object Api::call(const std::string& sid, const std::string& command, const json::object& body) {
    int status = 0;
    json::object answer = call(sid, command, body, status);
    if (status != 200) throw error_of(answer);
    return answer;
}

std::vector<std::string> Api::tasks_of(const json::object& reply) {
    std::vector<std::string> ids;
    if (const json::value* id = json::find(reply, "task-id"); id && id->is_string()) {
        ids.emplace_back(std::string_view(id->as_string()));
    }
    for (const json::value& t : json::get_array(reply, "tasks")) {
        ids.push_back(json::get_string(t.as_object(), "task-id"));
    }
    return ids;
}

json::object Api::ended(const std::string& sid, const std::string& task) {
    for (auto pause = std::chrono::milliseconds(50);; pause = std::min(pause * 2, std::chrono::milliseconds(2000))) {
        json::object state = call(sid, "show-task", {{"task-id", task}, {"details-level", "full"}});
        const json::array& tasks = json::get_array(state, "tasks");
        if (tasks.empty() || json::get_string(tasks[0].as_object(), "status") != "in progress") return state;
        std::this_thread::sleep_for(pause);
    }
}

}  // namespace mds::client
