#include "simulation/chronicle.hh"

#include <fmt/core.h>

#include <set>

#include "base/text.hh"
#include "store/codec.hh"
#include "store/refs.hh"

namespace mds::simulation {
namespace {

std::string blob(const SQLite::Column& column) {
    return {static_cast<const char*>(column.getBlob()), static_cast<size_t>(column.getBytes())};
}

/// The chain hash by replication.md 5, written a second time.
store::Hash chain_hash(const store::Revision& r) {
    store::Hasher h;
    store::Hash payload = store::sha256(r.payload);
    return h.begin()
        .part(store::raw(r.prev_hash))
        .part(r.kind)
        .part(r.term_id.raw())
        .number(r.term_no)
        .number(r.rev)
        .part(r.session.raw())
        .part(r.session_name)
        .part(r.author)
        .number(static_cast<uint64_t>(r.time_ms))
        .number(r.changes)
        .part(r.meta)
        .number(r.codec)
        .part(store::raw(payload))
        .part(store::raw(r.digest))
        .end();
}

}  // namespace

const Entry* Chronicle::find(const store::Hash& hash) const {
    auto it = entries_.find(hash);
    return it == entries_.end() ? nullptr : it->second.get();
}

bool Chronicle::contains(const Entry* head, const Entry* entry) {
    while (head && head->record.rev > entry->record.rev) head = head->parent;
    return head == entry;
}

const Entry* Chronicle::common(const Entry* a, const Entry* b) {
    while (a && b && a != b) {
        if (a->record.rev >= b->record.rev) {
            a = a->parent;
        } else {
            b = b->parent;
        }
    }
    return a && b ? a : nullptr;
}

store::Hash Chronicle::digest_of(const State& state) const {
    store::Hasher h;
    store::Digest digest;
    for (const auto& [uid, row] : state) {
        digest.add(h.begin()
                       .part(digest_key_)
                       .part(uid.raw())
                       .part(row.type)
                       .part(row.scope)
                       .part(row.name)
                       .part(row.doc)
                       .end());
    }
    return digest.value();
}

const Entry* Chronicle::learn(int by, store::PublicDb& db) {
    store::Position position = db.position();
    if (position.rev == 0) return nullptr;
    if (incarnation_.is_nil()) {
        incarnation_ = position.incarnation;
        SQLite::Statement key(db.db(), "SELECT value FROM meta WHERE key='digest_key'");
        if (key.executeStep()) digest_key_ = blob(key.getColumn(0));
    }
    if (position.incarnation != incarnation_) {
        throw Violation(13, "a second history has begun in this Domain");
    }
    if (const Entry* known = find(position.hash)) return known;
    std::vector<store::Revision> fresh;
    for (uint64_t rev = position.rev; rev > 0; --rev) {
        auto record = db.revision(rev);
        if (!record) {
            throw Violation(6, fmt::format("revision {} has no record and was never seen", rev));
        }
        if (find(record->hash)) break;
        fresh.push_back(std::move(*record));
    }
    for (auto record = fresh.rbegin(); record != fresh.rend(); ++record)
        add(by, std::move(*record));
    const Entry* head = find(position.hash);
    if (!head) throw Violation(7, "the position is not that of the newest record");
    return head;
}

void Chronicle::add(int by, store::Revision record) {
    auto entry = std::make_unique<Entry>();
    if (record.rev > 1) {
        entry->parent = find(record.prev_hash);
        if (!entry->parent || entry->parent->record.rev + 1 != record.rev) {
            throw Violation(11,
                            fmt::format("revision {} does not follow the one before", record.rev));
        }
    }
    if (chain_hash(record) != record.hash) {
        throw Violation(11, fmt::format("revision {} has another chain hash", record.rev));
    }
    State state = entry->parent ? *entry->parent->state : State{};
    if (!record.payload.empty()) {
        for (const store::Image& image :
             store::decode(store::decompress(record.payload, record.codec))) {
            const store::Change& c = image.change;
            state.erase(c.uid);
            if (c.op == store::Change::Op::put) {
                state[c.uid] = {c.type, c.scope, c.name, c.doc, record.rev};
            }
        }
    }
    if (digest_of(state) != record.digest) {
        throw Violation(8,
                        fmt::format("the digest in revision {} is not that of the content replayed",
                                    record.rev));
    }
    // A term's first record is written by whoever gives the role away.
    if (record.kind != "term") {
        auto [it, first] = committer_.emplace(record.term_id, by);
        if (!first && it->second != by) {
            throw Violation(5, fmt::format("two servers commit in term {} (revision {})",
                                           record.term_no, record.rev));
        }
        if (entry->parent && entry->parent->record.term_id != record.term_id) {
            throw Violation(
                5, fmt::format("revision {} is of another term than the one before", record.rev));
        }
    } else if (entry->parent && record.term_no <= entry->parent->record.term_no) {
        throw Violation(
            5, fmt::format("the number of the term does not grow at revision {}", record.rev));
    }
    if (!disk_went_back && record.kind != "term") {
        for (const auto& [hash, other] : entries_) {
            if (other->record.rev == record.rev && other->record.term_id == record.term_id &&
                other->by == by) {
                throw Violation(5, fmt::format("revision {} exists twice in one term", record.rev));
            }
        }
    }
    entry->by = by;
    entry->state = std::make_shared<const State>(std::move(state));
    store::Hash hash = record.hash;
    entry->record = std::move(record);
    entries_[hash] = std::move(entry);
}

void Chronicle::check_content(const std::string& server, store::PublicDb& db,
                              const Entry* head) const {
    store::Position position = db.position();
    if (position.digest != head->record.digest) {
        throw Violation(7, server + ": the digest of the position is not that of its revision");
    }
    State rows;
    std::set<std::pair<Uid, Uid>> refs, stored_refs;
    std::map<std::pair<std::string, std::string>, Uid> names, stored_names;
    store::Hasher h;
    SQLite::Statement all(db.db(), "SELECT uid,type,scope,name,doc,rev,hash FROM object");
    while (all.executeStep()) {
        Uid uid = *Uid::from_bytes(blob(all.getColumn(0)));
        Row row{all.getColumn(1).getString(), all.getColumn(2).getString(),
                all.getColumn(3).getString(), all.getColumn(4).getString(),
                static_cast<uint64_t>(all.getColumn(5).getInt64())};
        store::Hash hash = h.begin()
                               .part(digest_key_)
                               .part(uid.raw())
                               .part(row.type)
                               .part(row.scope)
                               .part(row.name)
                               .part(row.doc)
                               .end();
        if (store::raw(hash) != blob(all.getColumn(6))) {
            throw Violation(7, server + ": the stored hash of '" + row.name + "' is wrong");
        }
        for (const Uid& dst : store::references_of(row.doc)) refs.emplace(dst, uid);
        if (!names.emplace(std::pair(row.scope, fold(row.name)), uid).second) {
            throw Violation(15, server + ": two objects are called '" + row.name + "'");
        }
        rows[uid] = std::move(row);
    }
    if (rows != *head->state) {
        throw Violation(
            3, fmt::format("{}: the content is not that of revision {} ({} rows, {} expected)",
                           server, position.rev, rows.size(), head->state->size()));
    }
    SQLite::Statement links(db.db(), "SELECT dst,src FROM ref");
    while (links.executeStep()) {
        stored_refs.emplace(*Uid::from_bytes(blob(links.getColumn(0))),
                            *Uid::from_bytes(blob(links.getColumn(1))));
    }
    SQLite::Statement words(db.db(), "SELECT scope,folded,uid FROM name");
    while (words.executeStep()) {
        stored_names.emplace(
            std::pair(words.getColumn(0).getString(), words.getColumn(1).getString()),
            *Uid::from_bytes(blob(words.getColumn(2))));
    }
    if (refs != stored_refs)
        throw Violation(15, server + ": the references are not those of the rows");
    if (names != stored_names)
        throw Violation(15, server + ": the names are not those of the rows");
    for (const auto& [dst, src] : refs) {
        if (!rows.count(dst)) throw Violation(15, server + ": a reference dangles");
    }
    const store::Term& term = db.term();
    if (term.id != position.term_id || term.no != position.term_no) {
        throw Violation(5, server + ": the newest term is not that of the newest revision");
    }
    // The terms are those of the line, in order.
    std::vector<const Entry*> line;
    for (const Entry* e = head; e; e = e->parent) {
        if (e->record.kind == "term") line.push_back(e);
    }
    std::vector<store::Term> terms = db.terms();
    if (terms.size() != line.size()) {
        throw Violation(
            6, fmt::format("{}: {} terms, {} expected", server, terms.size(), line.size()));
    }
    for (size_t i = 0; i < terms.size(); ++i) {
        const store::Revision& r = line[line.size() - 1 - i]->record;
        if (terms[i].id != r.term_id || terms[i].start_rev != r.rev ||
            terms[i].start_hash != r.prev_hash) {
            throw Violation(6,
                            fmt::format("{}: term {} differs from its record", server, r.term_no));
        }
    }
}

}  // namespace mds::simulation
