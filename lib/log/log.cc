#include "log/log.hh"

#include <systemd/sd-journal.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <vector>

namespace mds::log {
namespace {

std::atomic<bool> g_debug{false};

void send(Priority priority, std::string_view message_id, const std::string& message,
          std::initializer_list<Field> fields) {
    if (isatty(STDERR_FILENO)) {
        std::string line = "<" + std::to_string(static_cast<int>(priority)) + "> " + message;
        if (!message_id.empty()) line += " MESSAGE_ID=" + std::string(message_id);
        for (const Field& field : fields) {
            line += " " + std::string(field.first) + "=" + std::string(field.second);
        }
        std::fprintf(stderr, "%s\n", line.c_str());
        return;
    }
    std::vector<std::string> entries;
    entries.reserve(fields.size() + 3);
    entries.push_back("MESSAGE=" + message);
    entries.push_back("PRIORITY=" + std::to_string(static_cast<int>(priority)));
    if (!message_id.empty()) entries.push_back("MESSAGE_ID=" + std::string(message_id));
    for (const Field& field : fields) {
        entries.push_back(std::string(field.first) + "=" + std::string(field.second));
    }
    std::vector<iovec> vectors;
    vectors.reserve(entries.size());
    for (std::string& entry : entries) vectors.push_back({entry.data(), entry.size()});
    if (sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size())) < 0) {
        std::fprintf(stderr, "<%d>%s\n", static_cast<int>(priority), message.c_str());
    }
}

}  // namespace

void write(Priority priority, const std::string& message, std::initializer_list<Field> fields) {
    send(priority, {}, message, fields);
}

void event(const Message& kind, const std::string& message, std::initializer_list<Field> fields) {
    send(kind.priority, kind.id, message, fields);
}

void debug(const std::string& m, std::initializer_list<Field> f) {
    if (g_debug) send(Priority::debug, {}, m, f);
}

void set_debug(bool on) { g_debug = on; }

}  // namespace mds::log
