#pragma once
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "enrol/credentials.hh"
#include "enrol/hello.hh"
#include "enrol/key_store.hh"

namespace mds::enrol {

class Line;

/// How one connection to the responder ended.
struct ServeResult {
    enum class End { enrolled, wrong_key, refused, broken };
    End end = End::broken;
    /// For the log: why, with the peer's address. Never a secret.
    std::string text;
    /// After `enrolled`: the deployment's id, and who enrolled us.
    std::string deployment;
    Hello peer;
};

/// The machine that has the key: answers `mds-enrol/1`, keeps the count of wrong tries, stores what
/// it gets. Thread-safe: several connections may be served at a time, K-2 limits them to four.
class Responder {
  public:
    struct Params {
        /// Who this server is; asked for at each connection (`clock_ms` is set by the responder).
        std::function<Hello()> self;
        /// File of the key's state.
        std::string store_path;
        /// Folder of the credentials (credentials.hh).
        std::string trust_folder;
        int64_t timeout_ms = 30'000;
    };
    explicit Responder(Params params);

    /// Sets the activation key (K-1, K-2). Slow: on a worker thread.
    void set_key(std::string_view key, int64_t valid_ms);
    void clear_key();
    /// Sets a key for a server that has trust already, and forgets its credentials (RS-4). Nothing has
    /// changed when the key breaks a rule.
    void reset(std::string_view key, int64_t valid_ms);
    /// Forgets a key whose time is over. Call it now and then.
    void tidy() { store_.wipe_if_over(); }
    /// The first connection by mutual TLS worked: the key is deleted (step 8).
    void confirm();

    /// Whether the port should be open now: a key is valid and has tries left.
    bool wants_connections() const { return store_.key().has_value(); }
    unsigned tries_left() const { return store_.tries_left(); }
    int64_t expires_at() const { return store_.expires_at(); }
    std::optional<KeyStore::WrongTry> last_wrong() const { return store_.last_wrong(); }
    /// "uninitialized", "initialized but trust not established" or "trust established".
    std::string state() const;
    Credentials& credentials() { return credentials_; }

    /// Serves one accepted connection to its end and closes it. Blocks; never throws.
    ServeResult serve(int socket, const std::string& peer_address) noexcept;
    /// The same on a line that is there: the whole conversation with one initiator. Never throws.
    ServeResult talk(Line& line, const std::string& peer_address) noexcept;

  private:
    ServeResult exchange(Line& line, const std::string& peer, const KeyStore::Key& key);
    void store(Line& line, const Hello& mine, ServeResult& result);

    Params params_;
    KeyStore store_;
    Credentials credentials_;
    /// Installing is one at a time: two peers with the right key must not mix their certificates.
    std::mutex installing_;
    std::atomic<int> running_ = 0;
};

}  // namespace mds::enrol
