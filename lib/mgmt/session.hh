#pragma once
#include <memory>
#include <string>

#include "json/json.hh"
#include "mgmt/overlay.hh"

namespace mds::mgmt {

/// One session of an administrator (multi-domain-ha.md 2.8). Rows of work.db, kept in memory while
/// the session is open; its overlay is read when it is first needed.
struct Session {
    Uid uid;
    /// SHA-256 of the session id; empty = nobody is connected.
    std::string sid_hash;
    std::string user;
    Uid user_uid;
    json::object permissions;
    /// "name", "description", "comments", "color", "application", "ip-address", "tags"; "recovered"
    /// of a parked publish: {"server","term","revision","time","author"}.
    json::object info;
    /// "open", "pending_approval", "rejected" (its owner can go on with it), "published",
    /// "discarded" (of recovered sessions only).
    std::string state = "open";
    bool read_only = false, expired = false;
    /// Its changes are being published beside other work: nobody changes or drops them now.
    bool publishing = false;
    /// Local superuser; never written to work.db.
    bool transient = false, superuser = false;
    /// As Principal::past_locks.
    bool past_locks = false;
    int timeout_s = 600;
    int64_t created_ms = 0, login_ms = 0, logout_ms = 0, last_use_ms = 0, saved_use_ms = 0;
    int64_t publish_ms = 0;
    /// Number of changed objects, also while the overlay is not loaded.
    uint64_t changes = 0;
    std::unique_ptr<Overlay> overlay;

    bool connected() const { return !sid_hash.empty() || transient; }
    std::string name() const { return json::get_string(info, "name"); }
    bool recovered() const { return info.contains("recovered"); }
    /// Recovered, and nobody has gone on with it yet.
    bool untouched() const {
        return recovered() && !connected() && login_ms == 0 && state == "open" &&
               user == json::get_string(json::get_object(info, "recovered"), "author");
    }
};

struct Lock {
    Uid session;
    int64_t since_ms = 0;
    bool by_hand = false;
};

}  // namespace mds::mgmt
