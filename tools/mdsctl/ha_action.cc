// mdsctl ha set-active, set-standby, force-active, sync: what it costs, the question, the task.
#include <fmt/core.h>

#include "ha_plan.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {

json::object ha_request(const std::string& domain, const std::string& action, const std::string& target) {
    return {{"domain", domain}, {"action", action}, {"target", target}};
}

json::object ha_plan(Client& client, const std::string& domain, const std::string& action,
                     const std::string& target) {
    json::object request = ha_request(domain, action, target);
    request["plan"] = true;
    return client.run("", "domain-ha-action", request);
}

void tell(const Options& options, const std::string& mark, const std::string& text) {
    std::fprintf(stderr, "%s\n", wrapped(options, "  " + symbol(options, mark) + " ", safe(text)).c_str());
}

namespace {

std::string always_asked(const std::string& action) {
    if (action == "set-standby") {
        return "Nobody can change this Domain until a server is set Active.";
    }
    if (action == "force-active") {
        return "The old Active server may hold publishes that this one lacks; when it returns they "
               "are parked and given back to their authors, not lost.";
    }
    if (action == "full-sync") return "The content of the peer is replaced with a full copy.";
    return "";
}

/// The plan as people read it.
void show_plan(FILE* out, const Options& options, const std::string& domain, const json::object& plan) {
    std::string who = json::get_string(plan, "target"), on = json::get_string(plan, "mds-name");
    std::fprintf(out, "%s: %s%s\n", safe(domain).c_str(), safe(who).c_str(),
                 who == on ? "" : (" on " + safe(on)).c_str());
    for (const json::value& v : json::get_array(plan, "warnings")) {
        std::string line =
            wrapped(options, "  " + symbol(options, "warning") + " ", safe(std::string(v.as_string())));
        std::fprintf(out, "%s\n", line.c_str());
    }
}

/// Shows the plan and asks when there is something to lose; throws `unconfirmed` (exit 9).
void ask(const Options& options, const std::string& domain, const std::string& action, const std::string& target,
         const json::object& plan) {
    std::string question = always_asked(action);
    std::string word = action == "full-sync" ? "sync" : action;
    std::string where = target.empty() ? "" : (action == "full-sync" ? " --to " : " ") + shell_word(target);
    std::string words = fmt::format("ha {} {}{}", word, shell_word(domain), where);
    if (question.empty() && !json::get_bool(plan, "costs")) return;
    if (!options.quiet) show_plan(stderr, options, domain, plan);
    bool loses = action == "full-sync" || action == "force-active";
    question += question.empty() ? "Go on?" : " Go on?";
    if (loses ? confirm_loss(options, question, words) : confirm(options, question)) return;
    throw Error(Code::unconfirmed, "not confirmed, nothing was changed")
        .refusal("", "mdsctl " + words + " --yes" + (loses ? " --reason TEXT" : ""));
}

}  // namespace

int ha_action(Client& client, const Options& options, const std::string& domain, const std::string& action,
              const std::string& target) {
    const json::object plan = ha_plan(client, domain, action, target);
    if (options.dry_run) {
        if (options.json) {
            print_json(options, plan);
        } else if (!options.quiet) {
            show_plan(stdout, options, domain, plan);
            std::printf("It would be done; nothing was changed.\n");
        }
        return 0;
    }
    ask(options, domain, action, target, plan);
    json::object request = ha_request(domain, action, target);
    request["confirmed"] = true;
    json::object reply = client.run("", "domain-ha-action", request);
    std::string saved = json::get_string(reply, "saved-to");
    if (!saved.empty() && !options.quiet) {
        tell(options, "empty", "what only this side has is listed in " + saved);
    }
    json::object task = follow(client, options, "", json::get_string(reply, "task-id"));
    if (options.wait) {
        print_done(options, domain + ": " + json::get_string(task, "progress-description"),
                   {{"domain", domain}, {"task-id", json::get_string(reply, "task-id")}});
    }
    return 0;
}

}  // namespace mds::ctl
