#pragma once
#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/text.hh"

namespace mds::test {

/// Changes one byte of the file at `path`, `offset` bytes behind the begin of the last place where
/// `pattern` stands. False when it stands nowhere. In a child process: closing a descriptor of an open database drops
/// its locks in the process that does it.
inline bool flip_byte(const std::string& path, const std::string& pattern, size_t offset = 0) {
    pid_t child = fork();
    if (child == 0) {
        std::string bytes = read_file(path);
        size_t at = bytes.rfind(pattern);
        int fd = at == std::string::npos ? -1 : open(path.c_str(), O_WRONLY | O_CLOEXEC);
        at += at == std::string::npos ? 0 : offset;
        char changed = static_cast<char>(bytes[at == std::string::npos ? 0 : at] ^ 1);
        _exit(fd >= 0 && pwrite(fd, &changed, 1, static_cast<off_t>(at)) == 1 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status == 0;
}

/// Runs SQL on a database file behind the back of whoever has it open.
inline void tamper(const std::string& path, const std::string& sql) {
    SQLite::Database database(path, SQLite::OPEN_READWRITE, 5000);
    SQLite::Statement statement(database, sql);
    while (statement.executeStep()) {
    }
}

/// Brings everything that was committed into the database file itself.
inline void flush(const std::string& path) { tamper(path, "PRAGMA wal_checkpoint(TRUNCATE)"); }

}  // namespace mds::test
