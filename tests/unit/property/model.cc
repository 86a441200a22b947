#include "model.hh"

namespace mds::property {

State Model::merged(int user) const {
    State out = published_;
    auto found = overlays_.find(user);
    if (found == overlays_.end()) return out;
    for (const auto& [id, change] : found->second.changes) {
        if (change) {
            out[id] = *change;
        } else {
            out.erase(id);
        }
    }
    return out;
}

State Model::view(int user) const {
    return merged(user);
}

int Model::find(int user, const std::string& name) const {
    // Its own before what another session has published meanwhile.
    if (auto own = overlays_.find(user); own != overlays_.end()) {
        for (const auto& [id, change] : own->second.changes) {
            if (change && change->name == name) return id;
        }
    }
    for (const auto& [id, thing] : merged(user)) {
        if (thing.name == name) return id;
    }
    return -1;
}

bool Model::free(int user, const std::string& name, int except) const {
    int id = find(user, name);
    return id < 0 || id == except;
}

/// What is not published is seen by its owner only and needs no lock.
bool Model::take(int user, int id) {
    if (!published_.contains(id)) return true;
    for (const auto& [other, overlay] : overlays_) {
        if (other != user && overlay.locks.contains(id)) return false;
    }
    overlays_[user].locks.insert(id);
    return true;
}

/// Whether `group` is `wanted` or holds it, at any depth.
bool Model::holds(const State& state, int group, int wanted) const {
    if (group == wanted) return true;
    auto found = state.find(group);
    if (found == state.end()) return false;
    for (int member : found->second.members) {
        if (holds(state, member, wanted)) return true;
    }
    return false;
}

bool Model::add(int user, const Thing& thing, const std::set<std::string>& members) {
    if (!free(user, thing.name, -1)) return false;
    Thing made = thing;
    for (const std::string& name : members) {
        int id = find(user, name);
        if (id < 0) return false;
        made.members.insert(id);
    }
    overlays_[user].changes[next_++] = made;
    return true;
}

bool Model::rename(int user, const std::string& name, const std::string& new_name) {
    int id = find(user, name);
    if (id < 0 || !free(user, new_name, id) || !take(user, id)) return false;
    Thing thing = merged(user).at(id);
    if (thing.name == new_name) return true;
    thing.name = new_name;
    overlays_[user].changes[id] = thing;
    return true;
}

bool Model::comment(int user, const std::string& name, const std::string& comments) {
    int id = find(user, name);
    if (id < 0 || !take(user, id)) return false;
    Thing thing = merged(user).at(id);
    if (thing.comments == comments) return true;
    thing.comments = comments;
    overlays_[user].changes[id] = thing;
    return true;
}

bool Model::edit_member(int user, const std::string& group, const std::string& member, bool add) {
    int id = find(user, group), other = find(user, member);
    State seen = merged(user);
    if (id < 0 || other < 0 || !seen.at(id).group) return false;
    if (add && !seen.at(id).members.contains(other) && holds(seen, other, id)) return false;
    if (!take(user, id)) return false;
    Thing thing = seen.at(id);
    bool changed = add ? thing.members.insert(other).second : thing.members.erase(other) > 0;
    if (changed) overlays_[user].changes[id] = thing;
    return true;
}

bool Model::remove(int user, const std::string& name) {
    int id = find(user, name);
    if (id < 0) return false;
    for (const auto& [other, thing] : merged(user)) {
        if (thing.members.contains(id)) return false;
    }
    if (!take(user, id)) return false;
    if (published_.contains(id)) {
        overlays_[user].changes[id] = std::nullopt;
    } else {
        overlays_[user].changes.erase(id);
    }
    return true;
}

bool Model::publish(int user) {
    Overlay& overlay = overlays_[user];
    if (overlay.changes.empty()) return true;
    State after = merged(user);
    std::set<std::string> names;
    for (const auto& [id, thing] : after) {
        if (!names.insert(thing.name).second) return false;
        for (int member : thing.members) {
            if (!after.contains(member)) return false;
        }
    }
    published_ = after;
    overlay = {};
    return true;
}

void Model::discard(int user) {
    overlays_[user] = {};
}

bool Model::idle(int user) const {
    auto found = overlays_.find(user);
    return found == overlays_.end() ||
           (found->second.changes.empty() && found->second.locks.empty());
}

std::string Model::lock(int user, int id) const {
    if (!published_.contains(id)) return "locked by current session";
    for (const auto& [other, overlay] : overlays_) {
        if (!overlay.locks.contains(id)) continue;
        return other == user ? "locked by current session" : "locked by other session";
    }
    return "unlocked";
}

bool Model::revert(int user, const State& to) {
    if (!overlays_[user].changes.empty()) return false;
    published_ = to;
    return true;
}

}  // namespace mds::property
