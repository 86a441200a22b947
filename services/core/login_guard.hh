#pragma once
#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "app/config.hh"
#include "base/rate.hh"

namespace mds::core {

/// How often one may try to log in, and how many passwords are hashed at a time (security.md 7). No account
/// is ever locked for good; root on this machine is not counted. On the loop thread, but for hash().
class LoginGuard {
  public:
    explicit LoginGuard(const app::Config& config);
    ~LoginGuard();

    /// Counts a request. Throws mds::Error(too_many_requests), naming the wait, while the account or the
    /// address has to wait, and beyond the requests of an account per minute.
    void admit(const std::string& user, const std::string& address);
    /// What begins with a failure: how long the account and the address have to wait; 0 = not at all.
    struct Waits {
        int64_t account_ms = 0, address_ms = 0;
    };
    Waits failed(const std::string& user, const std::string& address);
    void succeeded(const std::string& user);
    /// An administrator lets an account try again at once.
    void unlock(const std::string& user);
    /// Runs `work` on a thread for hashing: 4 at a time, 32 wait; throws mds::Error(too_many_requests)
    /// beyond that. A hash takes 90 ms and 66 MiB (S-1).
    void hash(std::function<void()> work);

  private:
    struct Failures {
        /// Mono ms of the first of those that count; 0 = none.
        int64_t since = 0;
        int count = 0;
        /// Mono ms until when is waited, and how long the next wait is.
        int64_t until = 0, wait = 0;
    };
    /// Forgets who neither waits nor has failed lately: names come from strangers.
    void forget(int64_t now);

    int account_failures_, address_failures_;
    Rate requests_;
    std::map<std::string, Failures> accounts_, addresses_;
    int64_t forget_after_ = 0;
    std::shared_ptr<std::atomic<int>> hashing_ = std::make_shared<std::atomic<int>>(0);
    boost::asio::thread_pool hashers_{k_hashers};

  public:
    static constexpr int k_hashers = 4, k_waiting = 32;
};

}  // namespace mds::core
