// Preloaded before libfaketime, which moves absolute times of every timerfd by the wall clock's shift,
// those of the monotonic clock too: a timer of the event loop that was already due ("at 1 ns") then never
// rang, and the program waited until something else woke it. Timers of our services are monotonic only.
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

extern "C" int timerfd_settime(int fd, int flags, const itimerspec* value, itimerspec* old) noexcept {
    return static_cast<int>(syscall(SYS_timerfd_settime, fd, flags, value, old));
}

extern "C" int timerfd_gettime(int fd, itimerspec* value) noexcept {
    return static_cast<int>(syscall(SYS_timerfd_gettime, fd, value));
}
