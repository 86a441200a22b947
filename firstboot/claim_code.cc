#include "claim_code.hh"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.hh"
#include "base/text.hh"
#include "base/typed_code.hh"
#include "crypto/secret.hh"

namespace mds::firstboot {
namespace {

/// Three groups of four: 60 random bits.
constexpr size_t k_digits = 12;

}  // namespace

/// One program at a time: two tries at once are two tries.
class ClaimCode::Lock {
  public:
    explicit Lock(const std::string& folder) : fd_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        if (fd_ < 0 || flock(fd_, LOCK_EX) != 0) throw Error(Code::internal, folder + ": " + strerror(errno));
    }
    ~Lock() { close(fd_); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

  private:
    int fd_;
};

ClaimCode::ClaimCode(std::string folder) : folder_(std::move(folder)), file_(folder_ + "/code") {}

ClaimCode::State ClaimCode::read() const {
    if (access(file_.c_str(), F_OK) != 0) return {};
    std::vector<std::string> words = split(trim(read_file(file_)), ' ');
    if (words.size() != 2 || !normal_typed_code(words[0], k_digits)) return {};
    return {words[0], std::atoi(words[1].c_str())};
}

void ClaimCode::write(const State& state) {
    replace_file(file_, state.code + " " + std::to_string(state.wrong) + "\n", 0600);
}

std::string ClaimCode::renew() {
    mkdir(folder_.c_str(), 0700);
    Lock lock(folder_);
    State fresh{generate_typed_code(k_digits), 0};
    write(fresh);
    return fresh.code;
}

std::string ClaimCode::code() const { return read().code; }

int ClaimCode::tries_left() const {
    State now = read();
    return now.code.empty() ? 0 : std::max(0, k_tries - now.wrong);
}

ClaimCode::Answer ClaimCode::attempt(const std::string& typed) {
    if (access(folder_.c_str(), F_OK) != 0) return Answer::closed;
    Lock lock(folder_);
    State now = read();
    if (now.code.empty() || now.wrong >= k_tries) return Answer::closed;
    ++now.wrong;
    write(now);
    // What cannot be a code is compared as well, with as many other characters.
    std::string wanted = *normal_typed_code(now.code, k_digits);
    std::string given = normal_typed_code(typed, k_digits).value_or(std::string(k_digits, '?'));
    bool right = crypto::equal(wanted, given);
    crypto::wipe(wanted);
    crypto::wipe(given);
    if (!right) return now.wrong >= k_tries ? Answer::closed : Answer::wrong;
    --now.wrong;
    write(now);
    return Answer::right;
}

}  // namespace mds::firstboot
