#include "bus/blob.hh"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/error.hh"

namespace mds::bus {
namespace {

[[noreturn]] void fail(const char* what) {
    throw Error(Code::internal, std::string(what) + ": " + std::strerror(errno));
}

// What the names of members with secrets have in them: password, new-password, one-time-password,
// password-hash, api-key, activation-key. The last is how JSON hides a letter of a name.
constexpr std::string_view k_secret_names[] = {"password", "passphrase", "api-key", "activation-key", "\\u00"};

}  // namespace

bool may_hold_secret(std::string_view json) {
    for (std::string_view name : k_secret_names) {
        if (memmem(json.data(), json.size(), name.data(), name.size())) return true;
    }
    return false;
}

Blob pack(std::string_view content) {
    if (content.size() > k_inline_limit) return pack_secret(content);
    Blob blob;
    blob.bytes.assign(content.begin(), content.end());
    return blob;
}

Blob pack_body(std::string_view json) { return may_hold_secret(json) ? pack_secret(json) : pack(json); }

Blob pack_secret(std::string_view content) {
    Blob blob;
    int fd = memfd_create("openmds", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) fail("no memory file");
    sdbus::UnixFd owned(fd, sdbus::adopt_fd);
    size_t done = 0;
    while (done < content.size()) {
        ssize_t n = write(fd, content.data() + done, content.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("cannot fill a memory file");
        done += static_cast<size_t>(n);
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        fail("cannot seal a memory file");
    }
    blob.fds.push_back(std::move(owned));
    return blob;
}

std::string unpack(const std::vector<uint8_t>& bytes, const std::vector<sdbus::UnixFd>& fds) {
    if (fds.empty()) return {bytes.begin(), bytes.end()};
    int fd = fds.front().get();
    struct stat info {};
    if (fstat(fd, &info) != 0) fail("cannot read a passed descriptor");
    std::string out(static_cast<size_t>(info.st_size), '\0');
    size_t done = 0;
    while (done < out.size()) {
        ssize_t n = pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) fail("cannot read a passed descriptor");
        done += static_cast<size_t>(n);
    }
    return out;
}

}  // namespace mds::bus
