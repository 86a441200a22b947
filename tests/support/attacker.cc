// What somebody tries who took over a service: run instead of it, in its sandbox (T-28). One line an
// attempt: its name, and "refused" or "DONE". Arguments: files that are not for this service.
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>

namespace {

void told(const char* name, bool done) {
    std::printf("attempt %s %s\n", name, done ? "DONE" : "refused");
    std::fflush(stdout);
}

/// In a child: a filter may kill, and what is done is done there alone.
template <class Act>
void attempt(const char* name, Act act) {
    std::fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(act() ? 1 : 0);
    int status = 0;
    waitpid(child, &status, 0);
    told(name, WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

bool reads(const char* path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    struct stat what {};
    char byte = 0;
    bool folder = fstat(fd, &what) == 0 && S_ISDIR(what.st_mode);
    bool got = folder ? true : read(fd, &byte, 1) >= 0;
    close(fd);
    return got;
}

bool writes(const char* path, int flags = 0) { return open(path, O_WRONLY | O_CLOEXEC | flags, 0600) >= 0; }
bool opens(int family, int type) { return socket(family, type | SOCK_CLOEXEC, 0) >= 0; }

bool sees_others() {
    DIR* proc = opendir("/proc");
    if (!proc) return false;
    bool seen = false;
    while (const dirent* entry = readdir(proc)) {
        struct stat what {};
        char path[300];
        std::snprintf(path, sizeof path, "/proc/%s", entry->d_name);
        if (std::atoi(entry->d_name) > 0 && stat(path, &what) == 0 && what.st_uid != getuid()) seen = true;
    }
    closedir(proc);
    return seen;
}

bool runs(const char* program) {
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) return false;
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, "-c", "exit 0", static_cast<char*>(nullptr));
        char failed = 1;
        (void)!write(out[1], &failed, 1);
        _exit(0);
    }
    close(out[1]);
    char failed = 0;
    bool good = read(out[0], &failed, 1) == 0;
    waitpid(child, nullptr, 0);
    return good;
}

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        char name[300];
        std::snprintf(name, sizeof name, "read:%s", argv[i]);
        attempt(name, [&] { return reads(argv[i]); });
    }
    attempt("write:/etc", [] { return writes("/etc/mds/evil", O_CREAT); });
    attempt("write:/usr", [] { return writes("/usr/lib/mds/evil", O_CREAT); });
    attempt("write:/home", [] { return writes("/root/evil", O_CREAT); });
    attempt("processes", sees_others);
    attempt("ptrace", [] { return ptrace(PTRACE_ATTACH, getppid(), nullptr, nullptr) == 0; });
    attempt("kill:init", [] { return kill(1, 0) == 0; });
    attempt("socket:inet", [] { return opens(AF_INET, SOCK_STREAM); });
    attempt("socket:inet6", [] { return opens(AF_INET6, SOCK_DGRAM); });
    attempt("socket:netlink", [] { return opens(AF_NETLINK, SOCK_RAW); });
    attempt("socket:packet", [] { return opens(AF_PACKET, SOCK_RAW); });
    attempt("socket:raw", [] { return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1) >= 0; });
    attempt("socket:vsock", [] { return opens(AF_VSOCK, SOCK_STREAM); });
    attempt("socket:alg", [] { return opens(AF_ALG, SOCK_SEQPACKET); });
    attempt("exec:/bin/sh", [] { return runs("/bin/sh"); });
    attempt("exec:/usr/bin/env", [] { return runs("/usr/bin/env"); });
    attempt("exec:memory", [] {
        // A program that was never a file.
        int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        int fd = static_cast<int>(syscall(SYS_memfd_create, "x", 0));
        char block[65536];
        for (ssize_t n; from >= 0 && fd >= 0 && (n = read(from, block, sizeof block)) > 0;) (void)!write(fd, block, static_cast<size_t>(n));
        void* code = fd >= 0 ? mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0) : MAP_FAILED;
        return code != MAP_FAILED;
    });
    attempt("memory:write-and-execute", [] {
        return mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
    });
    attempt("memory:make-executable", [] {
        void* p = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
    });
    attempt("kernel:core_pattern", [] { return writes("/proc/sys/kernel/core_pattern"); });
    attempt("kernel:forwarding", [] { return writes("/proc/sys/net/ipv4/ip_forward"); });
    attempt("kernel:sysfs", [] { return writes("/sys/kernel/mm/transparent_hugepage/enabled"); });
    attempt("kernel:cgroup", [] { return mkdir("/sys/fs/cgroup/evil", 0700) == 0; });
    attempt("kernel:log", [] { return syscall(SYS_syslog, 3, nullptr, 0) >= 0; });
    attempt("kernel:modules", [] { return syscall(SYS_init_module, nullptr, 0, "") == 0 || errno == EFAULT; });
    attempt("kernel:bpf", [] { return syscall(SYS_bpf, 0, nullptr, 0) >= 0 || errno == EINVAL; });
    attempt("kernel:perf", [] {
        perf_event_attr attr{};
        attr.size = sizeof attr;
        return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) >= 0;
    });
    attempt("kernel:keys", [] { return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "evil") >= 0; });
    attempt("kernel:reboot", [] { return reboot(RB_DISABLE_CAD) == 0; });
    attempt("host-name", [] { return sethostname("evil", 4) == 0; });
    attempt("clock", [] {
        timeval now{};
        gettimeofday(&now, nullptr);
        return settimeofday(&now, nullptr) == 0;
    });
    attempt("personality", [] { return personality(ADDR_NO_RANDOMIZE) >= 0; });
    attempt("real-time", [] {
        sched_param p{};
        p.sched_priority = 1;
        return sched_setscheduler(0, SCHED_FIFO, &p) == 0;
    });
    attempt("device:mem", [] { return reads("/dev/mem"); });
    attempt("device:kmsg", [] { return reads("/dev/kmsg"); });
    attempt("device:make", [] { return mknod("/tmp/evil", S_IFBLK | 0600, makedev(8, 0)) == 0; });
    attempt("namespace:user", [] { return unshare(CLONE_NEWUSER) == 0; });
    attempt("namespace:mount", [] { return unshare(CLONE_NEWNS) == 0; });
    attempt("namespace:network", [] { return unshare(CLONE_NEWNET) == 0; });
    attempt("mount", [] { return mount("none", "/tmp", "tmpfs", 0, nullptr) == 0; });
    attempt("chroot", [] { return chroot("/tmp") == 0; });
    attempt("suid", [] {
        int fd = open("/tmp/suid", O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
        return fd >= 0 && fchmod(fd, 04755) == 0;
    });
    attempt("become:root", [] { return getuid() != 0 && setuid(0) == 0; });
    attempt("become:other", [] { return setuid(getuid() + 1) == 0; });
    return 0;
}
