#include "log.hh"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.hh"
#include "base/error.hh"
#include "dialog.hh"

namespace mds::firstboot {
namespace {

std::string g_path;

}  // namespace

void open_log(const std::string& path) {
    g_path = path;
}

void log_line(const std::string& text) {
    if (g_path.empty()) return;
    int fd = open(g_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return;  // set-up does not fail for its log
    std::string line = rfc3339(wall_ms()) + " " + std::to_string(getpid()) + " " + text + "\n";
    if (write(fd, line.data(), line.size()) < 0) {
        // A full disk is told by what comes next.
    }
    close(fd);
}

void tell_failure(FILE* out, const std::exception& why) {
    std::string text = why.what(), next;
    if (const auto* e = dynamic_cast<const Error*>(&why)) {
        if (!e->refusal_id().empty()) text = e->refusal_id() + " " + text;
        next = e->next();
    }
    std::fprintf(out, "\nmds-setup: %s\n", text.c_str());
    if (!next.empty()) std::fprintf(out, "Next: %s\n", next.c_str());
    log_line("failed: " + text + (next.empty() ? "" : "; next: " + next));
}

void log_answers(const Answers& answers) {
    for (const Question& question : questions()) {
        auto it = answers.values().find(question.id);
        if (it == answers.values().end() || !(question.roles & answers.role_bit())) continue;
        log_line(std::string("  ") + (*question.key ? question.key : question.id) + " = " +
                 shown_value(question, it->second.text) + "  (" + it->second.source + ")");
    }
}

}  // namespace mds::firstboot
