#include "login_guard.hh"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/text.hh"

namespace mds::core {
namespace {

constexpr int64_t k_account_window_ms = 5 * 60'000, k_first_wait_ms = 30'000, k_longest_wait_ms = 15 * 60'000;
constexpr int64_t k_address_window_ms = 10 * 60'000, k_address_wait_ms = 10 * 60'000;
constexpr int64_t k_forget_ms = 60'000;
/// A name is at most so long; what is longer is counted by its begin.
constexpr size_t k_name = 128;

std::string key_of(const std::string& user) { return fold(user).substr(0, k_name); }

[[noreturn]] void refuse(int64_t wait_ms) {
    throw Error(Code::too_many_requests,
                fmt::format("Too many requests in a given amount of time. Try again in {} s.", (wait_ms + 999) / 1000));
}

}  // namespace

LoginGuard::LoginGuard(const app::Config& config)
    : account_failures_(config.get_int("Api.LoginFailures")),
      address_failures_(config.get_int("Api.AddressFailures")),
      requests_(config.get_int("Api.LoginsPerMinute") / 60.0, config.get_int("Api.LoginsPerMinute")) {}

LoginGuard::~LoginGuard() { hashers_.join(); }

void LoginGuard::admit(const std::string& user, const std::string& address) {
    int64_t now = mono_ms();
    forget(now);
    for (auto [list, key] : {std::pair{&accounts_, key_of(user)}, std::pair{&addresses_, network_of(address)}}) {
        auto it = list->find(key);
        if (it != list->end() && it->second.until > now) refuse(it->second.until - now);
    }
    if (!requests_.allow("user " + key_of(user), now)) refuse(2000);
}

LoginGuard::Waits LoginGuard::failed(const std::string& user, const std::string& address) {
    Waits waits;
    int64_t now = mono_ms();
    Failures& account = accounts_[key_of(user)];
    // A wait that is over long ago is forgiven.
    if (now - account.since > k_account_window_ms) {
        account.since = now;
        account.count = 0;
        if (now - account.until > k_longest_wait_ms) account.wait = 0;
    }
    // After the first wait each further failure begins the next one.
    if (++account.count >= account_failures_ || account.wait > 0) {
        account.wait = std::clamp(2 * account.wait, k_first_wait_ms, k_longest_wait_ms);
        account.until = now + account.wait;
        waits.account_ms = account.wait;
    }
    Failures& from = addresses_[network_of(address)];
    if (now - from.since > k_address_window_ms) from = {now, 0, 0, 0};
    if (++from.count >= address_failures_) {
        from = {0, 0, now + k_address_wait_ms, 0};
        waits.address_ms = k_address_wait_ms;
    }
    return waits;
}

void LoginGuard::succeeded(const std::string& user) { accounts_.erase(key_of(user)); }
void LoginGuard::unlock(const std::string& user) { accounts_.erase(key_of(user)); }

void LoginGuard::hash(std::function<void()> work) {
    if (hashing_->fetch_add(1) >= k_hashers + k_waiting) {
        --*hashing_;
        throw Error(Code::too_many_requests, "Too many logins at a time. Try again in a few seconds.");
    }
    boost::asio::post(hashers_, [work = std::move(work), count = hashing_] {
        struct Leave {
            std::atomic<int>& count;
            ~Leave() { --count; }
        } leave{*count};
        work();
    });
}

void LoginGuard::forget(int64_t now) {
    if (now < forget_after_) return;
    forget_after_ = now + k_forget_ms;
    auto over = [now](int64_t window) {
        return [now, window](const auto& row) {
            const Failures& f = row.second;
            return now - f.since > window && now - f.until > k_longest_wait_ms;
        };
    };
    std::erase_if(accounts_, over(k_account_window_ms));
    std::erase_if(addresses_, over(k_address_window_ms));
}

}  // namespace mds::core
