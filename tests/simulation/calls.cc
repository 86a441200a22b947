// The program's own system calls stand before those of the C library, for SQLite and the standard
// library too: files of a simulated server go through its Disk, clocks and randomness through the
// Machine.
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "simulation/disk.hh"

using mds::simulation::Disk;
using mds::simulation::Machine;

namespace {

/// Regular files of the simulated server; pipes and terminals are not its.
Disk* disk_of(int fd) {
    if (!Disk::current) return nullptr;
    struct stat st {};
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? Disk::current : nullptr;
}

int open_file(const char* path, int flags, unsigned mode) {
    if (Disk::current) return Disk::current->open(path, flags, mode);
    return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

bool forbidden(const char* path) {
    return Disk::current && Disk::current->mine(path) && !Disk::current->may_change();
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    unsigned mode = flags & O_CREAT ? va_arg(rest, unsigned) : 0;
    va_end(rest);
    return open_file(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    unsigned mode = flags & O_CREAT ? va_arg(rest, unsigned) : 0;
    va_end(rest);
    return open_file(path, flags, mode);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
    if (Disk* disk = disk_of(fd)) return disk->write(fd, data, size, at);
    return syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
    if (Disk* disk = disk_of(fd)) return disk->write(fd, data, size, at);
    return syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t write(int fd, const void* data, size_t size) {
    Disk* disk = disk_of(fd);
    if (!disk) return syscall(SYS_write, fd, data, size);
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t n = disk->write(fd, data, size, at);
    if (n > 0) lseek(fd, at + n, SEEK_SET);
    return n;
}

int fsync(int fd) {
    return Disk::current ? Disk::current->flush(fd) : static_cast<int>(syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
    return Disk::current ? Disk::current->flush(fd) : static_cast<int>(syscall(SYS_fdatasync, fd));
}

int ftruncate64(int fd, off64_t size) noexcept {
    if (Disk* disk = disk_of(fd)) return disk->truncate(fd, size);
    return static_cast<int>(syscall(SYS_ftruncate, fd, size));
}

int rename(const char* from, const char* to) noexcept {
    if (Disk::current && Disk::current->mine(to)) return Disk::current->rename(from, to);
    return static_cast<int>(syscall(SYS_rename, from, to));
}

int unlink(const char* path) noexcept {
    if (forbidden(path)) return -1;
    return static_cast<int>(syscall(SYS_unlink, path));
}

int unlinkat(int folder, const char* path, int flags) noexcept {
    if (Disk::current && !Disk::current->may_change()) return -1;
    return static_cast<int>(syscall(SYS_unlinkat, folder, path, flags));
}

int remove(const char* path) noexcept {
    if (forbidden(path)) return -1;
    int rc = static_cast<int>(syscall(SYS_unlink, path));
    if (rc != 0 && errno == EISDIR) rc = static_cast<int>(syscall(SYS_rmdir, path));
    return rc;
}

int mkdir(const char* path, mode_t mode) noexcept {
    if (forbidden(path)) return -1;
    return static_cast<int>(syscall(SYS_mkdir, path, mode));
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
    if (!Machine::simulated) return static_cast<int>(syscall(SYS_clock_gettime, clock, time));
    int64_t ms = clock == CLOCK_REALTIME ? Machine::wall_ms : Machine::mono_ms;
    time->tv_sec = ms / 1000;
    time->tv_nsec = ms % 1000 * 1'000'000;
    return 0;
}

ssize_t getrandom(void* buffer, size_t size, unsigned flags) {
    if (!Machine::random) return syscall(SYS_getrandom, buffer, size, flags);
    std::string bytes = Machine::random->bytes(size);
    std::memcpy(buffer, bytes.data(), size);
    return static_cast<ssize_t>(size);
}
}
