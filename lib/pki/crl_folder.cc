#include "pki/crl_folder.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "pki/crl.hh"

namespace mds::pki {
namespace {

constexpr mode_t k_public_file = 0644, k_public_folder = 0755;
/// Decimal digits of an epoch and of a part.
constexpr size_t k_max_digits = 10;

[[noreturn]] void fail(const std::string& what, const std::string& path) {
    throw Error(Code::internal, what + " " + path + ": " + std::strerror(errno));
}

bool is_number(std::string_view text) {
    return !text.empty() && text.size() <= k_max_digits && (text.size() == 1 || text[0] != '0') &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// As the services run with a mask that hides everything, modes are set by hand.
void put(const std::string& path, const std::string& content) {
    // Backups leave .part out.
    std::string incoming = path + ".part";
    replace_file(incoming, content, k_public_file);
    if (chmod(incoming.c_str(), k_public_file) != 0) fail("cannot open to all", incoming);
    if (rename(incoming.c_str(), path.c_str()) != 0) fail("cannot replace", path);
}

}  // namespace

bool is_crl_name(std::string_view name) {
    size_t slash = name.find('/');
    if (slash == std::string_view::npos) return false;
    std::string_view authority = name.substr(0, slash), part = name.substr(slash + 1);
    if (authority != "root" && authority != "servers") {
        // Only the one way to write it.
        auto uid = Uid::parse(std::string(authority));
        if (!uid || uid->text() != authority) return false;
    }
    size_t dash = part.find('-');
    return dash != std::string_view::npos && is_number(part.substr(0, dash)) &&
           is_number(part.substr(dash + 1));
}

CrlFolder::CrlFolder(std::string folder) : folder_(std::move(folder)) {}

uint64_t CrlFolder::version() const {
    std::string path = folder_ + "/version";
    if (access(path.c_str(), F_OK) != 0) return 0;
    return std::strtoull(read_file(path).c_str(), nullptr, 10);
}

void CrlFolder::keep(const std::vector<std::pair<std::string, std::string>>& lists,
                     uint64_t version) const {
    for (const auto& [name, pem] : lists) {
        if (!is_crl_name(name)) {
            throw Error(Code::invalid_parameter, "Not the name of a revocation list: " + name);
        }
        Crl list = Crl::from_pem(pem);
        std::string der = list.der();
        if (der.size() > k_max_crl_bytes) {
            throw Error(Code::invalid_parameter,
                        "The revocation list " + name + " has " + std::to_string(der.size()) +
                            " bytes, more than " + std::to_string(k_max_crl_bytes));
        }
        std::string path = folder_ + "/" + name + ".crl";
        std::string authority = path.substr(0, path.rfind('/'));
        if (mkdir(authority.c_str(), k_public_folder) != 0 && errno != EEXIST) {
            fail("cannot create", authority);
        }
        if (chmod(authority.c_str(), k_public_folder) != 0) fail("cannot open to all", authority);
        try {
            std::optional<std::string> before = read(name);
            if (before) {
                Crl here = Crl::from_der(*before);
                if (here.issuer() == list.issuer() && here.number() > list.number()) continue;
            }
        } catch (const Error&) {
            // What is damaged is replaced.
        }
        put(path, der);
    }
    put(folder_ + "/version", std::to_string(version) + "\n");
}

std::vector<std::string> CrlFolder::names() const {
    namespace fs = std::filesystem;
    std::vector<std::string> out;
    std::error_code error, none;
    for (fs::directory_iterator folder(folder_, error), end; !error && folder != end; folder.increment(error)) {
        if (!folder->is_directory(none)) continue;
        std::error_code inner;
        for (fs::directory_iterator it(folder->path(), inner); !inner && it != end; it.increment(inner)) {
            if (it->path().extension() != ".crl") continue;
            std::string name = folder->path().filename().string() + "/" + it->path().stem().string();
            if (is_crl_name(name)) out.push_back(std::move(name));
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::optional<std::string> CrlFolder::read(std::string_view name) const {
    if (!is_crl_name(name)) return std::nullopt;
    std::string path = folder_ + "/" + std::string(name) + ".crl";
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
        fail("cannot open", path);
    }
    // One byte more than any list has: a larger one is then not a list.
    std::string content(k_max_crl_bytes + 1, '\0');
    size_t size = 0;
    while (size < content.size()) {
        ssize_t n = ::read(fd, content.data() + size, content.size() - size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            close(fd);
            fail("cannot read", path);
        }
        if (n == 0) break;
        size += static_cast<size_t>(n);
    }
    close(fd);
    content.resize(size);
    return content;
}

}  // namespace mds::pki
