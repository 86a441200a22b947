#include "victim.hh"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdlib>
#include <stdexcept>

#include "mgmt/workspace.hh"
#include "store/verify.hh"

namespace {

/// Calls left until death; 0 = it lives on.
int g_left = 0;

void count() {
    if (g_left > 0 && --g_left == 0) kill(getpid(), SIGKILL);
}

template <class F>
F* next(const char* name) {
    return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// What changes files, before the C library's own.
extern "C" {
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
    static auto* real = next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
    count();
    return real(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
    static auto* real = next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
    count();
    return real(fd, data, size, at);
}
int fdatasync(int fd) {
    static auto* real = next<int(int)>("fdatasync");
    count();
    return real(fd);
}
int fsync(int fd) {
    static auto* real = next<int(int)>("fsync");
    count();
    return real(fd);
}
int ftruncate64(int fd, off64_t size) noexcept {
    static auto* real = next<int(int, off64_t)>("ftruncate64");
    count();
    return real(fd, size);
}
int unlink(const char* path) noexcept {
    static auto* real = next<int(const char*)>("unlink");
    count();
    return real(path);
}
int rename(const char* from, const char* to) noexcept {
    static auto* real = next<int(const char*, const char*)>("rename");
    count();
    return real(from, to);
}
}

namespace mds::property {
namespace {

void send_all(int fd, const std::string& text) {
    auto size = static_cast<uint32_t>(text.size());
    iovec parts[2] = {{&size, sizeof size}, {const_cast<char*>(text.data()), text.size()}};
    ssize_t wanted = static_cast<ssize_t>(sizeof size + text.size());
    // Longer than a pipe takes at once.
    ssize_t sent = writev(fd, parts, 2);
    while (sent >= 0 && sent < wanted) {
        size_t offset = static_cast<size_t>(sent) - sizeof size;
        ssize_t more = write(fd, text.data() + offset, text.size() - offset);
        if (more < 0) return;
        sent += more;
    }
}

std::optional<std::string> receive(int fd) {
    auto read_all = [&](void* data, size_t size) {
        auto* at = static_cast<char*>(data);
        while (size > 0) {
            ssize_t n = read(fd, at, size);
            if (n <= 0) return false;
            at += n;
            size -= static_cast<size_t>(n);
        }
        return true;
    };
    uint32_t size = 0;
    if (!read_all(&size, sizeof size)) return std::nullopt;
    std::string text(size, 0);
    if (!read_all(text.data(), size)) return std::nullopt;
    return text;
}

/// Rules of the store that must hold whatever happened.
json::array problems_of(store::PublicDb& db) {
    json::array out;
    auto look = [&](const char* what, const char* sql) {
        SQLite::Statement s(db.db(), sql);
        while (s.executeStep()) {
            out.push_back(json::value(std::string(what) + s.getColumn(0).getString()));
        }
    };
    look("a reference to nothing from ",
         "SELECT o.name FROM ref r JOIN object o ON o.uid=r.src WHERE NOT EXISTS "
         "(SELECT 1 FROM object d WHERE d.uid=r.dst)");
    look("a reference of nothing ",
         "SELECT hex(src) FROM ref WHERE src NOT IN (SELECT uid FROM object)");
    look("a name twice: ", "SELECT name FROM object GROUP BY scope, lower(name) HAVING count(*)>1");
    look("a name without its object: ",
         "SELECT folded FROM name n WHERE NOT EXISTS (SELECT 1 FROM object o WHERE o.uid=n.uid "
         "AND o.scope=n.scope AND lower(o.name)=n.folded)");
    look("an object without its name: ",
         "SELECT name FROM object o WHERE NOT EXISTS (SELECT 1 FROM name n WHERE n.uid=o.uid)");
    if (!store::verify(db.file()).good()) out.push_back(json::value("the digest is another one"));
    return out;
}

}  // namespace

Victim::Victim(std::string folder) : folder_(std::move(folder)) {}

Victim::~Victim() {
    stop();
}

void Victim::start() {
    int down[2], up[2];
    if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0) {
        throw std::runtime_error("no pipes");
    }
    pid_ = fork();
    if (pid_ == 0) {
        close(down[1]);
        close(up[0]);
        run(down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    to_ = down[1];
    from_ = up[0];
}

void Victim::stop() {
    if (to_ >= 0) close(to_);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
    if (from_ >= 0) close(from_);
    pid_ = -1;
    to_ = from_ = -1;
}

std::optional<Answer> Victim::ask(const std::string& sid, const std::string& command,
                                  const json::object& body) {
    clock_ms_ += 7;
    send_all(to_, json::text(json::object{{"sid", sid},
                                          {"command", command},
                                          {"body", body},
                                          {"now", clock_ms_},
                                          {"arm", arm_}}));
    arm_ = 0;
    auto text = receive(from_);
    if (!text) {
        stop();
        return std::nullopt;
    }
    json::object reply = json::parse_object(*text);
    return Answer{static_cast<int>(json::get_int(reply, "status")),
                  json::get_object(reply, "body")};
}

void Victim::run(int in, int out) {
    int64_t now = clock_ms_;
    {
        store::PublicDb db(folder_);
        if (!db.has_history()) db.create(Uid::make(), "test");
        mgmt::WorkDb work(folder_ + "/work.db");
        mgmt::Settings settings;
        settings.domain = {Uid::make(), "acme", "domain"};
        settings.owner_tag = "ownertag";
        settings.catalog = &model::domain_catalog();
        mgmt::Hooks hooks;
        hooks.now_ms = [&] { return now; };
        mgmt::Workspace workspace(db, work, settings, hooks);
        while (auto text = receive(in)) {
            json::object request = json::parse_object(*text);
            std::string command = json::get_string(request, "command");
            const json::object& body = json::get_object(request, "body");
            now = json::get_int(request, "now");
            g_left = static_cast<int>(json::get_int(request, "arm"));
            mgmt::Reply reply;
            if (command == "#login") {
                std::string user = json::get_string(body, "user");
                workspace.end_sessions_of(user, "test");
                reply = mgmt::guarded([&] {
                    return workspace.open_session(
                        {{"user", user},
                         {"session-timeout", 3600},
                         {"continue-last-session", true},
                         {"permissions",
                          json::object{{"read-write", true}, {"manage-sessions", true}}}});
                });
            } else if (command == "#check") {
                reply = mgmt::ok_reply({{"problems", problems_of(db)}});
            } else {
                reply = workspace.execute(json::get_string(request, "sid"), command, "",
                                          json::text(body), {});
            }
            g_left = 0;
            send_all(out, json::text(json::object{{"status", reply.status},
                                                  {"body", json::parse(reply.body)}}));
        }
    }
    _exit(0);
}

}  // namespace mds::property
