#include "guarded_file.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.hh"

namespace mds::firstboot {

std::string plain_quotes(std::string text) {
    text = trim(text);
    if (text.size() >= 2 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0]) {
        text = text.substr(1, text.size() - 2);
    }
    return text;
}

bool load(const std::string& path, std::string& text, std::string& reason, bool& guarded) {
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info {};
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        reason = fd < 0 ? strerror(errno) : "not a file";
        if (fd >= 0) close(fd);
        return false;
    }
    guarded = (info.st_mode & (S_IROTH | S_IWOTH)) == 0;
    char buffer[4096];
    for (ssize_t n = 0; text.size() < 1048576 && (n = read(fd, buffer, sizeof(buffer))) > 0;) {
        text.append(buffer, static_cast<size_t>(n));
    }
    close(fd);
    return true;
}

}  // namespace mds::firstboot
