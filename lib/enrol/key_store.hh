#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace mds::enrol {

/// What the responder keeps of an activation key: salt and scalar, never the key; when it ends, the
/// tries left and until when the port waits (K-2). One JSON file of mode 0600, replaced in one step
/// before anything is answered, so that a restart forgets no wrong try. Thread-safe.
class KeyStore {
  public:
    struct Key {
        std::string salt, scalar;
    };
    /// Who tried a wrong key and when (milliseconds since 1970).
    struct WrongTry {
        std::string peer;
        int64_t at = 0;
    };

    static constexpr unsigned k_tries = 5;

    /// Reads the file when it is there.
    explicit KeyStore(std::string path);
    ~KeyStore();

    /// Sets a new key, ends the one before; `valid_ms` from now. Throws mds::Error(invalid_parameter)
    /// when key or time break K-1 or K-2 (1 hour to 14 days). Slow: see key_scalar().
    void set(std::string_view key, int64_t valid_ms);
    void clear();
    /// The key while it is valid and has tries left.
    std::optional<Key> key() const;
    unsigned tries_left() const;
    /// Milliseconds since 1970; 0 when there is no key.
    int64_t expires_at() const;
    /// How long the port still waits after a wrong try, in milliseconds; 0 = not.
    int64_t wait_ms() const;
    std::optional<WrongTry> last_wrong() const;

    /// Takes one try, before the peer's confirmation is looked at; false when none is left, the key
    /// has changed since or the port waits. `peer` is the address that tries.
    bool take_try(const Key& key, const std::string& peer);
    /// Gives the try back: the confirmation was right.
    void give_back(const Key& key);
    /// Wipes the scalar of a key that has no tries or no time left.
    void wipe_if_over();
    /// Where the enrolment stands, kept with the key: true after install, until confirm().
    void set_enrolled(bool enrolled);
    bool enrolled() const;

  private:
    void save() const;
    bool valid() const;

    mutable std::mutex mutex_;
    std::string path_;
    Key key_;
    unsigned tries_ = 0;
    int64_t expires_ = 0, wait_until_ = 0, waited_until_ = 0;
    WrongTry wrong_, wrong_before_;
    bool enrolled_ = false;
};

}  // namespace mds::enrol
