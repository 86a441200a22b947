#include "turn.hh"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.hh"

namespace mds::firstboot {

Turn::Turn(const std::string& folder, std::string me) : file_(folder + "/setup.turn"), me_(std::move(me)) {
    mkdir(folder.c_str(), 0755);
    fd_ = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) throw Error(Code::internal, file_ + ": " + strerror(errno));
    news_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    // Written by whoever takes it, touched by whoever gives it back; closed by one that was killed,
    // which the kernel says just before it takes the lock from him.
    if (news_ >= 0) inotify_add_watch(news_, file_.c_str(), IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE);
}

Turn::~Turn() {
    give_back();
    if (fd_ >= 0) close(fd_);
    if (news_ >= 0) close(news_);
}

bool Turn::take() {
    if (mine_) return true;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    if (fcntl(fd_, F_OFD_SETLK, &lock) != 0) return false;
    mine_ = true;
    // The watchers are woken by the writing: what they read then is the whole name, to its end of line.
    std::string line = me_ + '\n';
    if (pwrite(fd_, line.data(), line.size(), 0) < 0 || ftruncate(fd_, static_cast<off_t>(line.size())) != 0) {
        throw Error(Code::internal, file_ + ": " + strerror(errno));
    }
    return true;
}

void Turn::give_back() {
    if (!mine_) return;
    mine_ = false;
    // Before: afterwards it is the file of whoever takes it next.
    if (ftruncate(fd_, 0) != 0 || pwrite(fd_, "\n", 1, 0) < 0) {
        // An old name in a file that nobody has locked says nothing.
    }
    struct flock lock {};
    lock.l_type = F_UNLCK;
    fcntl(fd_, F_OFD_SETLK, &lock);
    futimens(fd_, nullptr);  // wakes who waits, now that it is free
}

std::string Turn::other() const {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    if (mine_ || fcntl(fd_, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return "";
    char name[64] = "";
    ssize_t size = pread(fd_, name, sizeof(name) - 1, 0);
    std::string line(name, size > 0 ? static_cast<size_t>(size) : 0);
    line = line.substr(0, line.find('\n'));
    return line.empty() ? "another terminal" : line;
}

void Turn::heard() {
    char buffer[4096];
    while (read(news_, buffer, sizeof(buffer)) > 0) {
    }
}

}  // namespace mds::firstboot
