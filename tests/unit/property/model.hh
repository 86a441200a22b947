#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace mds::property {

/// One object: a host (address) or a group (members, by identity).
struct Thing {
    bool group = false;
    std::string name, address, comments;
    std::set<int> members;
    bool operator==(const Thing&) const = default;
};
using State = std::map<int, Thing>;

/// What the database should be, in plain memory: published things, one overlay per user, locks.
class Model {
  public:
    /// What a session sees.
    State view(int user) const;
    /// The thing with this name in the user's view; -1 when there is none.
    int find(int user, const std::string& name) const;

    /// Each returns whether it is allowed, and does it when it is.
    bool add(int user, const Thing& thing, const std::set<std::string>& members);
    bool rename(int user, const std::string& name, const std::string& new_name);
    bool comment(int user, const std::string& name, const std::string& comments);
    bool edit_member(int user, const std::string& group, const std::string& member, bool add);
    bool remove(int user, const std::string& name);
    bool publish(int user);
    void discard(int user);
    bool revert(int user, const State& to);

    bool idle(int user) const;
    /// What meta-info.lock says to the user.
    std::string lock(int user, int id) const;
    const State& published() const { return published_; }

  private:
    struct Overlay {
        /// Nothing = removed.
        std::map<int, std::optional<Thing>> changes;
        std::set<int> locks;
    };
    bool take(int user, int id);
    bool free(int user, const std::string& name, int except) const;
    bool holds(const State& state, int group, int wanted) const;
    State merged(int user) const;

    State published_;
    std::map<int, Overlay> overlays_;
    int next_ = 1;
};

}  // namespace mds::property
