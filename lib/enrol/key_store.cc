#include "enrol/key_store.hh"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "enrol/key.hh"
#include "json/json.hh"

namespace mds::enrol {
namespace {

constexpr int64_t k_hour = 3'600'000;

std::string bytes_at(const json::object& o, const char* key) {
    return unhex(json::get_string(o, key)).value_or("");
}

/// 1, 2, 4, 8 s after the first to fourth wrong try (K-2).
int64_t back_off(unsigned wrong_tries) { return int64_t{1000} << (wrong_tries - 1); }

}  // namespace

KeyStore::KeyStore(std::string path) : path_(std::move(path)) {
    if (!std::filesystem::exists(path_)) return;
    json::object o = json::parse_object(read_file(path_));
    key_ = {bytes_at(o, "salt"), bytes_at(o, "scalar")};
    tries_ = static_cast<unsigned>(json::get_int(o, "tries"));
    expires_ = json::get_int(o, "expires");
    wait_until_ = json::get_int(o, "wait-until");
    wrong_ = {json::get_string(o, "wrong-peer"), json::get_int(o, "wrong-at")};
    enrolled_ = json::get_bool(o, "enrolled");
    if (key_.salt.size() != 16 || key_.scalar.size() != 32 || tries_ > k_tries) tries_ = 0;
}

KeyStore::~KeyStore() { crypto::wipe(key_.scalar); }

void KeyStore::save() const {
    json::object o{{"salt", hex(key_.salt)}, {"scalar", hex(key_.scalar)}, {"tries", tries_},
                   {"expires", expires_},    {"wait-until", wait_until_},
                   {"wrong-peer", wrong_.peer}, {"wrong-at", wrong_.at}, {"enrolled", enrolled_}};
    std::string text = json::text(o);
    replace_file(path_, text, 0600);
    crypto::wipe(text);
}

void KeyStore::set(std::string_view key, int64_t valid_ms) {
    check_key(key);
    if (valid_ms < k_hour || valid_ms > 14 * 24 * k_hour) {
        throw Error(Code::invalid_parameter, "An activation key is valid for 1 hour to 14 days");
    }
    std::string salt = random_bytes(16);
    std::string scalar = key_scalar(key, salt);
    std::lock_guard lock(mutex_);
    crypto::wipe(key_.scalar);
    key_ = {salt, scalar};
    crypto::wipe(scalar);
    tries_ = k_tries;
    expires_ = wall_ms() + valid_ms;
    wait_until_ = 0;
    wrong_ = {};
    enrolled_ = false;
    save();
}

void KeyStore::clear() {
    std::lock_guard lock(mutex_);
    crypto::wipe(key_.scalar);
    key_ = {};
    tries_ = 0;
    expires_ = wait_until_ = 0;
    enrolled_ = false;
    if (unlink(path_.c_str()) == 0) {
        size_t slash = path_.rfind('/');
        sync_folder(slash == std::string::npos ? "." : path_.substr(0, slash + 1));
    }
}

bool KeyStore::valid() const { return tries_ > 0 && wall_ms() < expires_; }

std::optional<KeyStore::Key> KeyStore::key() const {
    std::lock_guard lock(mutex_);
    if (!valid()) return std::nullopt;
    return key_;
}

unsigned KeyStore::tries_left() const {
    std::lock_guard lock(mutex_);
    return valid() ? tries_ : 0;
}

int64_t KeyStore::expires_at() const {
    std::lock_guard lock(mutex_);
    return valid() ? expires_ : 0;
}

int64_t KeyStore::wait_ms() const {
    std::lock_guard lock(mutex_);
    // Bounded: a clock that was set back must not close the port for long.
    return std::clamp<int64_t>(wait_until_ - wall_ms(), 0, back_off(k_tries - 1));
}

std::optional<KeyStore::WrongTry> KeyStore::last_wrong() const {
    std::lock_guard lock(mutex_);
    if (wrong_.at == 0) return std::nullopt;
    return wrong_;
}

bool KeyStore::take_try(const Key& key, const std::string& peer) {
    std::lock_guard lock(mutex_);
    int64_t now = wall_ms();
    bool waits = now < wait_until_ && wait_until_ - now <= back_off(k_tries - 1);
    if (!valid() || key.salt != key_.salt || waits) return false;
    wrong_before_ = wrong_;
    waited_until_ = wait_until_;
    --tries_;
    wrong_ = {peer, now};
    wait_until_ = tries_ == 0 ? 0 : now + back_off(k_tries - tries_);
    save();
    return true;
}

void KeyStore::give_back(const Key& key) {
    std::lock_guard lock(mutex_);
    if (key.salt != key_.salt || tries_ >= k_tries) return;
    ++tries_;
    wrong_ = wrong_before_;
    wait_until_ = waited_until_;
    save();
}

void KeyStore::wipe_if_over() {
    std::lock_guard lock(mutex_);
    if (valid() || key_.scalar.empty()) return;
    crypto::wipe(key_.scalar);
    save();
}

void KeyStore::set_enrolled(bool enrolled) {
    std::lock_guard lock(mutex_);
    enrolled_ = enrolled;
    save();
}

bool KeyStore::enrolled() const {
    std::lock_guard lock(mutex_);
    return enrolled_;
}

}  // namespace mds::enrol
