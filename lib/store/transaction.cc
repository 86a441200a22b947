#include "store/transaction.hh"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/text.hh"
#include "json/json.hh"
#include "store/public_db_impl.hh"

namespace mds::store {
namespace {

constexpr uint8_t k_format = 1;

/// " by 'anna' at 2026-11-29T10:02:00Z (revision 12)", as far as the log tells.
std::string by_whom(const PublicDb& db, uint64_t rev) {
    auto record = db.revision(rev);
    if (!record || record->author.empty()) return fmt::format(" by revision {}", rev);
    return fmt::format(" by '{}' at {} (revision {})", record->author, rfc3339(record->time_ms), rev);
}

std::string title(const std::string& type, const std::string& name) {
    return fmt::format("{} '{}'", type, name);
}

bool same_effect(const Change& a, const Change& b) {
    return a.op == b.op && (a.op == Change::Op::remove || (a.name == b.name && a.doc == b.doc));
}

bool same(const Object& now, const Change& then) {
    return now.type == then.type && now.scope == then.scope && now.name == then.name &&
           now.doc == then.doc;
}

}  // namespace

std::string Transaction::encode() const {
    Writer out;
    out.u8(k_format).uid(id).uid(origin).u64(clock).uid(author_uid);
    out.text(session_name).text(author).text(description).u64(static_cast<uint64_t>(time_ms));
    std::vector<Image> after;
    for (const Change& c : changes) after.push_back({c, 0});
    for (const std::vector<Image>* images : {&std::as_const(after), &before}) {
        uint8_t codec = 0;
        std::string packed = compress(store::encode(*images), codec);
        out.u8(codec).text(packed);
    }
    return out.take();
}

Transaction Transaction::decode(std::string_view bytes) {
    Reader in(bytes);
    if (in.u8() != k_format) throw Error(Code::internal, "a transaction of another format");
    Transaction t;
    t.id = in.uid();
    t.origin = in.uid();
    t.clock = in.u64();
    t.author_uid = in.uid();
    t.session_name = in.text();
    t.author = in.text();
    t.description = in.text();
    t.time_ms = static_cast<int64_t>(in.u64());
    uint8_t codec = in.u8();
    for (Image& image : store::decode(decompress(in.text(), codec))) {
        t.changes.push_back(std::move(image.change));
    }
    codec = in.u8();
    t.before = store::decode(decompress(in.text(), codec));
    bool fits = t.before.size() == t.changes.size();
    std::set<Uid> once;
    for (size_t i = 0; fits && i < t.changes.size(); ++i) {
        fits = t.before[i].change.uid == t.changes[i].uid && once.insert(t.changes[i].uid).second;
    }
    if (!fits) throw Error(Code::internal, "a transaction contradicts itself");
    return t;
}

Transaction Transaction::of(const PublicDb& db, PublicDb::PublishRequest request) {
    Transaction t;
    t.id = request.session;
    t.session_name = std::move(request.session_name);
    t.author = std::move(request.author);
    t.author_uid = request.author_uid;
    t.description = std::move(request.description);
    std::vector<std::string> problems;
    for (Change& c : request.changes) {
        Image image;
        image.change.uid = c.uid;
        image.change.op = Change::Op::remove;
        auto now = db.get(c.uid);
        if (c.base_rev != 0 && (!now || now->rev != c.base_rev)) {
            problems.push_back(now ? title(now->type, now->name) + " was changed" + by_whom(db, now->rev) +
                                         " since this session edited it."
                                   : title(c.type, c.name) + " was deleted since this session edited it.");
        }
        if (now) {
            image.rev = now->rev;
            image.change = {Change::Op::put, c.uid, now->type, now->scope, now->name, now->doc};
        }
        // Revisions are those of this server; documents are the same everywhere.
        c.base_rev = 0;
        t.before.push_back(std::move(image));
        t.changes.push_back(std::move(c));
    }
    if (!problems.empty()) {
        throw refused(std::move(problems));
    }
    return t;
}

bool Transaction::is(const Revision& record) const {
    if (record.kind != "publish" || record.session != id) return false;
    std::vector<Image> images = store::decode(decompress(record.payload, record.codec));
    if (images.size() != changes.size()) return false;
    std::map<Uid, const Change*> mine;
    for (const Change& c : changes) mine[c.uid] = &c;
    return std::all_of(images.begin(), images.end(), [&](const Image& image) {
        auto found = mine.find(image.change.uid);
        return found != mine.end() && same_effect(*found->second, image.change);
    });
}

std::optional<Transaction> Transaction::of(const Revision& record) {
    if (record.kind != "publish") return std::nullopt;
    json::object meta = json::parse_object(record.meta);
    auto origin = Uid::parse(json::get_string(meta, "origin"));
    if (!origin) return std::nullopt;
    Transaction t;
    t.id = record.session;
    t.origin = *origin;
    t.clock = static_cast<uint64_t>(record.time_ms) << 16;
    t.session_name = record.session_name;
    t.author = record.author;
    t.author_uid = Uid::parse(json::get_string(meta, "author-uid")).value_or(Uid{});
    t.description = json::get_string(meta, "description");
    t.time_ms = record.time_ms;
    std::map<Uid, Image> undo;
    for (Image& image : store::decode(record.undo)) undo[image.change.uid] = std::move(image);
    for (Image& image : store::decode(decompress(record.payload, record.codec))) {
        Image& before = undo[image.change.uid];
        if (image.change.op == Change::Op::remove) {
            // A removal carries no more than its uid.
            image.change = before.change;
            image.change.op = Change::Op::remove;
            image.change.doc.clear();
        }
        t.before.push_back(std::move(before));
        t.changes.push_back(std::move(image.change));
    }
    return t;
}

Revision Transaction::record() const {
    Revision r;
    r.kind = "publish";
    r.session = id;
    r.session_name = session_name;
    r.author = author;
    r.time_ms = time_ms;
    r.changes = static_cast<uint32_t>(changes.size());
    r.meta = json::canonical(json::object{{"description", description}});
    std::vector<Image> after;
    for (const Change& c : changes) after.push_back({c, 0});
    r.payload = compress(store::encode(after), r.codec);
    r.undo = store::encode(before);
    return r;
}

std::vector<std::string> reasons_of(const Revision& refusal) {
    std::vector<std::string> out;
    json::object meta = json::parse_object(refusal.meta);
    for (const json::value& line : json::get_array(meta, "reasons")) {
        if (line.is_string()) out.emplace_back(line.as_string());
    }
    return out;
}

Revision execute(PublicDb& db, const Transaction& t,
                 const std::function<void()>& rules, const std::function<void()>& fence) {
    std::map<Uid, const Change*> by_uid;
    for (const Change& c : t.changes) by_uid[c.uid] = &c;
    std::vector<std::string> problems;
    for (size_t i = 0; i < t.changes.size(); ++i) {
        const Change& mine = t.changes[i];
        const Change& seen = t.before[i].change;
        bool was = seen.op == Change::Op::put;
        auto now = db.get(mine.uid);
        if (was && !now) {
            problems.push_back(title(seen.type, seen.name) + " was deleted by others.");
        } else if (was && !same(*now, seen)) {
            problems.push_back(title(now->type, now->name) + " was changed" + by_whom(db, now->rev) + ".");
        } else if (!was && now) {
            problems.push_back(title(now->type, now->name) + " was created" + by_whom(db, now->rev) + ".");
        }
        if (mine.op == Change::Op::remove) continue;
        auto holder = db.find(mine.scope, mine.name);
        if (!holder || holder->uid == mine.uid) continue;
        // The transaction itself may free the name.
        auto freed = by_uid.find(holder->uid);
        if (freed != by_uid.end() && (freed->second->op == Change::Op::remove ||
                                      fold(freed->second->name) != fold(mine.name))) {
            continue;
        }
        problems.push_back(fmt::format("The name '{}' was taken{}.", mine.name, by_whom(db, holder->rev)));
    }
    if (!problems.empty()) {
        throw refused(std::move(problems));
    }
    if (rules) rules();
    PublicDb::PublishRequest request;
    request.session = t.id;
    request.session_name = t.session_name;
    request.author = t.author;
    request.description = t.description;
    request.author_uid = t.author_uid;
    request.origin = t.origin;
    request.changes = t.changes;
    return db.publish(std::move(request), fence);
}

}  // namespace mds::store
