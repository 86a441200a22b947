// Verification in the background, and repair of what it finds damaged from another server
// (replication.md 6): damaged rows and records by themselves, lost rows by comparing buckets, a
// file that cannot be read by a full copy. The Active repairs itself from a Standby the same way. Nobody
// gives a full copy while it is damaged. A record that no server has whole ends the log: it begins after it.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.hh"
#include "repl/replica.hh"

namespace mds::repl {
namespace {

// A check and a repair may take turns this often before a full copy is the better way.
constexpr int k_most_attempts = 5;
// With more, the replicas have little in common and a full copy is cheaper.
constexpr size_t k_most_buckets = 512;
// An answer takes no longer than so many repetitions.
constexpr int k_patience = 15;
// What is asked for at once.
constexpr size_t k_most_rows = 2000;

/// Whether both have revisions that the other one lacks.
bool parted(const Comparison& c) {
    return c.relation == Relation::collision || c.relation == Relation::diverged;
}

}  // namespace

bool Replica::verified() const {
    return health_.good_at != 0 && health_.damage.empty() &&
           env_.mono_ms() - health_.good_at <= timing_.verify_ms + timing_.verify_ms / 4;
}

void Replica::mark_good(int64_t read_at) {
    health_.good_at = read_at;
    health_.due_at = health_.good_at + timing_.verify_ms;
    health_.damage.clear();
    health_.attempts = 0;
    health_.asked = {};
    health_.without.clear();
    health_.waits.clear();
}

void Replica::verify(Verified done) {
    health_.waiting.push_back(std::move(done));
    health_.due_at = env_.mono_ms();
    health_.attempts = 0;
    // A check that runs already may have read the damaged place before it was damaged.
    if (!health_.checking) start_check();
}

void Replica::progress_health() {
    int64_t now = env_.mono_ms();
    if (!db_.has_history() || receiving_ || health_.checking) return;
    if (db_.take_damage_notice()) health_.due_at = now;
    // A question and its answer may take long on a slow line; a check meanwhile would forget them.
    bool waits = !health_.asked.is_nil() && now - health_.asked_at <= k_patience * timing_.repeat_ms;
    if (now >= health_.due_at && (!waits || !health_.waiting.empty())) start_check();
}

void Replica::start_check() {
    health_.checking = true;
    health_.asked = {};
    // Those who asked while an older check ran wait for this one.
    auto waiting = std::make_shared<std::vector<Verified>>(std::move(health_.waiting));
    health_.waiting.clear();
    std::string path = db_.file();
    int64_t begun = env_.mono_ms();
    compute<store::Verification>([path] { return store::verify(path); },
                                 [this, path, waiting, begun](store::Verification found) {
                                     health_.checking = false;
                                     if (path != db_.file()) {
                                         // A full copy came meanwhile.
                                         for (Verified& w : *waiting) {
                                             health_.waiting.push_back(std::move(w));
                                         }
                                         health_.due_at = env_.mono_ms();
                                         return;
                                     }
                                     on_verified(found, begun);
                                     for (Verified& w : *waiting) w(found);
                                 });
}

void Replica::on_verified(store::Verification found, int64_t begun) {
    bool was_damaged = !health_.damage.empty();
    if (found.good()) {
        if (was_damaged) {
            env_.event(Event::database_repaired,
                       fmt::format("the database is whole again: {} objects and {} records read at revision {}",
                                   found.rows, found.records, found.at.rev));
        }
        // Else the others would say until the next idle beat that it is being verified.
        bool news = was_damaged || !verified();
        mark_good(begun);
        if (!health_.waiting.empty()) health_.due_at = env_.mono_ms();
        health_.last = std::move(found);
        if (news) send_positions();
        env_.status_changed();
        update_shown();
        return;
    }
    std::vector<std::string> names;
    for (const Uid& uid : found.damaged_rows) {
        if (names.size() == 5) break;
        auto object = db_.get(uid);
        names.push_back(object ? object->type + " " + object->name + " " + uid.text() : uid.text());
    }
    std::string text = found.text();
    if (!names.empty()) text += ": " + join(names, ", ");
    if (text != health_.damage) {
        env_.event(Event::database_damaged,
                   fmt::format("the database is damaged at revision {}: {}", found.at.rev, text));
    }
    health_.damage = std::move(text);
    health_.last = found;
    stop_serving();  // what was copied of it is no better
    // Until it was repaired, or if nobody can be asked: again a little later.
    health_.due_at = env_.mono_ms() + 5 * timing_.repeat_ms;
    send_positions();
    env_.status_changed();
    repair(found);
    update_shown();
}

bool Replica::lacks_ours(const PeerState& p) const {
    return compare(history(), p.last.history).relation == Relation::ahead;
}

Replica::PeerState* Replica::repair_source(bool damaged_too) {
    PeerState* best = nullptr;
    for (PeerState& p : peers_) {
        if (!reachable(p) || (!damaged_too && !p.last.damage.empty())) continue;
        if (health_.without.count(p.peer.mds)) continue;
        Relation relation = compare(history(), p.last.history).relation;
        // Where the histories part, what is older than that is the same on both.
        if (relation == Relation::foreign || relation == Relation::no_history) continue;
        auto rank = [this](const PeerState& s) {
            // One that takes a full copy still has what it had; the copy may be waiting for the repair.
            bool same_line = !parted(compare(history(), s.last.history));
            return std::tuple(s.last.damage.empty(), same_line, s.last.copy_percent == 255,
                              s.last.role == Role::active, s.last.verified,
                              s.last.history.position.rev);
        };
        if (!best || rank(p) > rank(*best)) best = &p;
    }
    return best;
}

bool Replica::give_up_records(const store::Verification& found) {
    uint64_t last = found.damaged_records.back();
    // The newest one is the position; the next publish makes it an older one.
    if (last >= db_.position().rev) return false;
    for (const PeerState& p : peers_) {
        Comparison c = compare(history(), p.last.history);
        bool nothing = c.relation == Relation::no_history || c.relation == Relation::foreign;
        // It may have it; or the record is in a line that must be parked one day.
        bool may_have = !nothing && !health_.without.count(p.peer.mds);
        if (may_have || !reachable(p) || (parted(c) && last > c.common_rev)) {
            std::string waits = fmt::format("record {} of the log is damaged and nobody who answered has "
                                            "it whole; waiting for {}", last, p.peer.name);
            if (waits != health_.waits) env_.log(4, waits);
            health_.waits = std::move(waits);
            return false;
        }
    }
    try {
        db_.forget_records(last);
    } catch (const std::exception& e) {
        env_.log(4, std::string("damaged records cannot be dropped: ") + e.what());
        return false;
    }
    env_.event(Event::log_shortened,
               fmt::format("record {} of the log is damaged on every server: the log begins after it from now "
                           "on. The content is whole", last));
    health_.due_at = env_.mono_ms();
    env_.content_changed({}, true);
    return true;
}

bool Replica::repair_from_log() {
    try {
        size_t rows = db_.repair_from_log();
        if (rows == 0) return false;
        env_.log(5, fmt::format("{} object{} made anew from the log to repair the database", rows,
                                rows == 1 ? "" : "s"));
    } catch (const std::exception& e) {
        env_.log(4, std::string("the log here does not repair the damage: ") + e.what());
        return false;
    }
    env_.content_changed({}, true);
    health_.due_at = env_.mono_ms();
    return true;
}

void Replica::repair(const store::Verification& found) {
    bool only_records = found.content && found.damaged_rows.empty() && found.indexes.empty() &&
                        found.unreadable.empty() && !found.damaged_records.empty();
    if (!only_records) health_.without.clear();
    PeerState* source = repair_source(false);
    // One that is damaged at another place has what is lost here.
    bool single = !found.damaged_rows.empty() || !found.damaged_records.empty();
    if (!source && single && found.unreadable.empty()) source = repair_source(true);
    if (!source && only_records) {
        if (give_up_records(found)) return;
        // Who has not answered may have it; the log of a Standby may as well be that of another.
        std::set<Uid> without = std::exchange(health_.without, {});
        PeerState* whole = role_ == Role::active ? nullptr : repair_source(false);
        health_.without = std::move(without);
        if (whole && !lacks_ours(*whole)) return request_copy(*whole);
    }
    ++health_.attempts;
    if ((!found.indexes.empty() && found.damaged_rows.empty()) ||
        (!found.unreadable.empty() && health_.attempts == 1)) {
        // Made anew from the objects; so may be what SQLite cannot read, if it is an index.
        store::Repair indexes;
        indexes.indexes = true;
        try {
            db_.repair(indexes, 0);
            env_.log(5, "the indexes were made anew from the objects");
            health_.due_at = env_.mono_ms();
            return;
        } catch (const std::exception& e) {
            env_.log(4, std::string("the indexes cannot be made anew: ") + e.what());
        }
    }
    if (!source) {
        if (!only_records && found.unreadable.empty() && repair_from_log()) return;
        health_.attempts = std::min(health_.attempts, 1);  // waiting for a peer is no attempt
        return;
    }
    if (!found.unreadable.empty() || health_.attempts > k_most_attempts) {
        if (role_ != Role::active && source->last.damage.empty() && !lacks_ours(*source)) {
            env_.log(4, "the damage cannot be repaired piece by piece");
            request_copy(*source);
            return;
        }
        // An operator may make another server Active; piece by piece it is tried on, now and then.
        health_.due_at = env_.mono_ms() + 2 * k_patience * timing_.repeat_ms;
        if (!found.unreadable.empty()) return;
    }
    health_.asked = source->peer.mds;
    health_.asked_at = env_.mono_ms();
    if (!found.damaged_rows.empty() || !found.damaged_records.empty()) {
        LostMessage lost{found.damaged_rows, found.damaged_records};
        env_.send(source->peer.mds, Kind::lost, lost.encode());
        return;
    }
    std::string path = db_.file();
    compute<store::BucketSums>([path] { return store::bucket_sums(path); },
                               [this](store::BucketSums sums) {
                                   if (health_.asked.is_nil()) return;
                                   env_.send(health_.asked, Kind::buckets,
                                             BucketsMessage{std::move(sums)}.encode());
                               });
}

void Replica::on_buckets(PeerState& p, std::string_view payload) {
    if (!db_.has_history()) return;
    auto theirs = std::make_shared<BucketsMessage>(BucketsMessage::decode(payload));
    if (theirs->sums.at.incarnation != db_.position().incarnation) return;
    std::string path = db_.file();
    Uid mds = p.peer.mds;
    compute<MarksMessage>(
        [path, theirs] {
            store::BucketSums mine = store::bucket_sums(path);
            MarksMessage out;
            for (size_t i = 0; i < mine.sums.size(); ++i) {
                if (mine.sums[i] != theirs->sums.sums[i]) {
                    out.buckets.push_back(static_cast<uint16_t>(i));
                }
            }
            out.rows.at = mine.at;
            if (out.buckets.size() <= k_most_buckets) {
                out.rows = store::marks_of(path, out.buckets);
            }
            return out;
        },
        [this, mds](MarksMessage marks) { env_.send(mds, Kind::marks, marks.encode()); });
}

void Replica::on_marks(PeerState& p, std::string_view payload) {
    if (p.peer.mds != health_.asked || health_.damage.empty()) return;
    auto theirs = std::make_shared<MarksMessage>(MarksMessage::decode(payload));
    if (theirs->buckets.size() > k_most_buckets) {
        health_.asked = {};
        if (role_ != Role::active && !lacks_ours(p)) request_copy(p);
        return;
    }
    std::string path = db_.file();
    compute<store::RowMarks>(
        [path, theirs] { return store::marks_of(path, theirs->buckets); },
        [this, theirs](store::RowMarks mine) {
            std::map<Uid, const store::RowMark*> here;
            for (const store::RowMark& mark : mine.marks) here[mark.uid] = &mark;
            LostMessage lost;
            for (const store::RowMark& mark : theirs->rows.marks) {
                auto found = here.find(mark.uid);
                bool missing = found == here.end();
                // Another revision of a row is a matter of our positions, not of damage.
                bool differs = !missing && found->second->rev == mark.rev &&
                               found->second->hash != mark.hash;
                if (missing || differs) lost.rows.push_back(mark.uid);
                if (!missing) here.erase(found);
            }
            for (const auto& [uid, mark] : here) lost.rows.push_back(uid);
            if (lost.rows.size() > k_most_rows) lost.rows.resize(k_most_rows);
            if (health_.asked.is_nil()) return;
            if (lost.rows.empty()) {
                health_.asked = {};
                health_.due_at = env_.mono_ms();
                return;
            }
            health_.asked_at = env_.mono_ms();
            env_.send(health_.asked, Kind::lost, lost.encode());
        });
}

void Replica::on_lost(PeerState& p, std::string_view payload) {
    if (!db_.has_history()) return;
    LostMessage lost = LostMessage::decode(payload);
    if (lost.rows.size() > k_most_rows) lost.rows.resize(k_most_rows);
    if (lost.records.size() > k_most_rows) lost.records.resize(k_most_rows);
    FoundMessage found;
    found.at = db_.position();
    found.rows = db_.images_of(lost.rows);
    for (uint64_t rev : lost.records) {
        auto record = db_.revision(rev);
        if (record && store::is_whole(*record)) found.records.push_back(std::move(*record));
    }
    env_.send(p.peer.mds, Kind::found, found.encode());
}

void Replica::on_found(PeerState& p, std::string_view payload) {
    if (p.peer.mds != health_.asked || receiving_) return;
    FoundMessage found = FoundMessage::decode(payload);
    if (found.at.incarnation != db_.position().incarnation) return;
    health_.asked = {};
    store::Repair repair;
    Comparison c = compare(history(), p.last.history);
    bool other_line = parted(c);
    // Whether a row is missing there or lost is known of one that is whole only.
    bool whole = p.last.damage.empty();
    for (store::Image& image : found.rows) {
        if (!whole && image.change.op == store::Change::Op::remove) continue;
        if (other_line && (image.rev > c.common_rev || image.change.op == store::Change::Op::remove)) {
            continue;
        }
        if (image.change.op == store::Change::Op::remove) {
            repair.extra.push_back(image.change.uid);
        } else {
            repair.rows.push_back(std::move(image));
        }
    }
    repair.records = std::move(found.records);
    repair.indexes = !health_.last.indexes.empty();
    store::PublicDb::Repaired taken;
    try {
        taken = db_.repair(repair, other_line ? c.common_rev : found.at.rev);
    } catch (const std::exception& e) {
        env_.log(4, "what " + p.peer.name + " sent does not repair the damage: " + e.what());
        health_.due_at = env_.mono_ms();
        return;
    }
    // Not what was sent: what is newer there than the content here is of no use.
    const size_t rows = taken.rows, records = taken.records;
    env_.log(5, fmt::format("{} objects and {} records taken from {} to repair the database",
                            rows, records, p.peer.name));
    // What is left is looked for at all the others again; who has nothing of it is not asked twice.
    if (records) health_.without.clear();
    if (records < health_.last.damaged_records.size()) health_.without.insert(p.peer.mds);
    // It had nothing of it: the next one is asked after a pause.
    health_.due_at = env_.mono_ms() + (rows + records ? 0 : 5 * timing_.repeat_ms);
    if (rows + records == 0) {
        // What nobody else has, because it was changed there since.
        if (!health_.last.content || !health_.last.damaged_rows.empty()) repair_from_log();
        return;
    }
    env_.content_changed({}, true);
    // Whether it is whole again is seen by reading it, not believed.
    progress_health();
}

}  // namespace mds::repl
