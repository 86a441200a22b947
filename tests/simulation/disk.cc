#include "simulation/disk.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

namespace mds::simulation {
namespace fs = std::filesystem;
namespace {

ssize_t raw_pwrite(int fd, const void* data, size_t size, int64_t at) {
    return syscall(SYS_pwrite64, fd, data, size, at);
}

void put_all(int fd, const std::string& bytes, int64_t at) {
    size_t done = 0;
    while (done < bytes.size()) {
        ssize_t n = raw_pwrite(fd, bytes.data() + done, bytes.size() - done,
                               at + static_cast<int64_t>(done));
        if (n <= 0) return;
        done += static_cast<size_t>(n);
    }
}

std::string get(int fd, int64_t at, size_t size) {
    std::string out(size, '\0');
    ssize_t n = syscall(SYS_pread64, fd, out.data(), size, at);
    out.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return out;
}

/// SQLite's index of the WAL: memory that is made anew, never relied upon.
bool is_memory(std::string_view path) {
    return path.ends_with("-shm");
}

}  // namespace

Disk* Disk::current = nullptr;

Disk::Disk(std::string root, Random& random) : root_(std::move(root)), random_(random) {
    fs::create_directories(root_);
    fs::create_directories(root_ + ".kept");
}

Disk::~Disk() {
    forget();
    std::error_code ignored;
    fs::remove_all(root_, ignored);
    fs::remove_all(root_ + ".kept", ignored);
}

bool Disk::mine(const char* path) const {
    return std::strncmp(path, root_.c_str(), root_.size()) == 0 && path[root_.size()] == '/';
}

bool Disk::may_change() {
    if (calls_left_ > 0 && --calls_left_ == 0) dead_ = true;
    if (dead_) {
        errno = EIO;
        return false;
    }
    if (failing && random_.chance(failing)) {
        ++refused;
        errno = EIO;
        return false;
    }
    return true;
}

Disk::File* Disk::unflushed(int fd) {
    struct stat st {};
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return nullptr;
    auto [it, fresh] = files_.try_emplace(st.st_ino);
    if (fresh) {
        // Opened by its number: the caller's may be for writing only.
        std::string path = "/proc/self/fd/" + std::to_string(fd);
        it->second.fd =
            static_cast<int>(syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDWR | O_CLOEXEC, 0));
    }
    return &it->second;
}

ssize_t Disk::write(int fd, const void* data, size_t size, int64_t at) {
    bool alive = may_change();
    File* file = unflushed(fd);
    if (!file) return alive ? raw_pwrite(fd, data, size, at) : -1;
    struct stat st {};
    fstat(file->fd, &st);
    std::string_view bytes(static_cast<const char*>(data), size);
    if (alive && full && at + static_cast<int64_t>(size) > st.st_size) {
        ++refused;
        errno = ENOSPC;
        return -1;
    }
    if (!alive && calls_left_ == 0) {
        // The call at which it died may have got part of its bytes there.
        calls_left_ = -1;
        bytes = bytes.substr(0, random_.below(size + 1));
    } else if (!alive) {
        return -1;
    }
    Write w;
    w.at = at;
    w.size_before = st.st_size;
    w.before = get(file->fd, at, bytes.size());
    w.after = bytes;
    put_all(file->fd, w.after, at);
    file->writes.push_back(std::move(w));
    if (alive) return static_cast<ssize_t>(size);
    errno = EIO;
    return -1;
}

int Disk::truncate(int fd, int64_t size) {
    if (!may_change()) return -1;
    File* file = unflushed(fd);
    if (file) {
        struct stat st {};
        fstat(file->fd, &st);
        Write w;
        w.cut = true;
        w.at = size;
        w.size_before = st.st_size;
        if (size < st.st_size) w.before = get(file->fd, size, st.st_size - size);
        file->writes.push_back(std::move(w));
    }
    return static_cast<int>(syscall(SYS_ftruncate, fd, size));
}

void Disk::all_durable() {
    for (const Naming& n : namings_) {
        if (!n.saved.empty()) syscall(SYS_unlink, n.saved.c_str());
    }
    namings_.clear();
}

int Disk::flush(int fd) {
    if (!may_change()) return -1;
    struct stat st {};
    if (fstat(fd, &st) != 0) return -1;
    // The journal of the file system is one: a flush makes every earlier change of names durable.
    all_durable();
    auto it = files_.find(st.st_ino);
    if (it == files_.end()) return 0;
    syscall(SYS_close, it->second.fd);
    files_.erase(it);
    return 0;
}

int Disk::open(const char* path, int flags, unsigned mode) {
    bool creates = false;
    if ((flags & O_CREAT) && mine(path) && !is_memory(path)) {
        struct stat st {};
        creates = stat(path, &st) != 0;
        if (creates && !may_change()) return -1;
        if (creates && full) {
            ++refused;
            errno = ENOSPC;
            return -1;
        }
    }
    if ((flags & O_TRUNC) && mine(path) && dead_) {
        errno = EIO;
        return -1;
    }
    int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
    if (fd >= 0 && creates) namings_.push_back({path, "", ""});
    return fd;
}

int Disk::rename(const char* from, const char* to) {
    if (!may_change()) return -1;
    Naming n{to, from, ""};
    struct stat st {};
    if (stat(to, &st) == 0) {
        n.saved = root_ + ".kept/" + std::to_string(++saved_count_);
        syscall(SYS_link, to, n.saved.c_str());
    }
    int rc = static_cast<int>(syscall(SYS_rename, from, to));
    if (rc == 0) namings_.push_back(std::move(n));
    return rc;
}

void Disk::forget() {
    for (auto& [inode, file] : files_) syscall(SYS_close, file.fd);
    files_.clear();
    all_durable();
}

void Disk::restart() {
    // Written is written, as long as the host lives; a later power cut may still take it back.
    dead_ = false;
    calls_left_ = -1;
}

void Disk::take_back(File& file) {
    for (auto w = file.writes.rbegin(); w != file.writes.rend(); ++w) {
        if (w->cut) {
            if (ftruncate(file.fd, w->size_before) != 0) return;
            put_all(file.fd, w->before, w->at);
        } else {
            put_all(file.fd, w->before, w->at);
            if (ftruncate(file.fd, w->size_before) != 0) return;
        }
    }
    // 0: nothing of it reached the disk; 1: the first ones; 2: any of them, in pieces.
    uint64_t way = random_.below(3);
    uint64_t first = random_.below(file.writes.size() + 1);
    for (size_t i = 0; i < file.writes.size() && way > 0; ++i) {
        if (way == 1 ? i >= first : random_.percent(50)) continue;
        Write& w = file.writes[i];
        if (w.cut) {
            if (ftruncate(file.fd, w.at) != 0) return;
        } else {
            if (way == 2 && random_.percent(20)) w.after.resize(random_.below(w.after.size() + 1));
            put_all(file.fd, w.after, w.at);
        }
    }
}

void Disk::restart_after_power_cut() {
    Disk* before = current;
    current = nullptr;
    for (auto& [inode, file] : files_) take_back(file);
    size_t lost = random_.below(namings_.size() + 1);
    for (; lost > 0; --lost) {
        Naming& n = namings_.back();
        if (n.from.empty()) {
            syscall(SYS_unlink, n.path.c_str());
        } else {
            syscall(SYS_rename, n.path.c_str(), n.from.c_str());
            if (!n.saved.empty()) syscall(SYS_rename, n.saved.c_str(), n.path.c_str());
        }
        namings_.pop_back();
    }
    forget();
    current = before;
    restart();
}

void Disk::save(const std::string& folder) const {
    fs::remove_all(folder);
    fs::copy(root_, folder, fs::copy_options::recursive);
}

void Disk::restore(const std::string& folder) {
    forget();
    fs::remove_all(root_);
    fs::copy(folder, root_, fs::copy_options::recursive);
    restart();
}

bool Machine::simulated = false;
int64_t Machine::mono_ms = 0;
int64_t Machine::wall_ms = 0;
Random* Machine::random = nullptr;

int64_t Machine::real_ms() {
    timespec t{};
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
}

}  // namespace mds::simulation
