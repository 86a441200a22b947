#include "repl/tentative.hh"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "store/codec.hh"

namespace mds::repl {
namespace {

constexpr uint8_t k_format = 1;
/// The Active answers within a few milliseconds when it can be reached at all.
constexpr int64_t k_patience_ms = 3000;
constexpr int64_t k_repeat_ms = 2000;
/// Another server's clock that is further ahead does not set this one's.
constexpr uint64_t k_skew = uint64_t{60'000} << 16;
constexpr size_t k_most_bytes = 512 << 10;

store::Reader open_message(std::string_view bytes) {
    store::Reader in(bytes);
    if (in.u8() != k_format) throw Error(Code::unknown_api_version, "a message of another format");
    return in;
}

void write_lines(store::Writer& out, const std::vector<std::string>& lines) {
    out.u32(static_cast<uint32_t>(lines.size()));
    for (const std::string& line : lines) out.text(line);
}

std::vector<std::string> read_lines(store::Reader& in) {
    std::vector<std::string> out;
    for (uint32_t n = in.u32(); n > 0; --n) out.emplace_back(in.text());
    return out;
}

/// A refusal as it travels to the server whose publish it is.
std::string encode_answer(const Uid& id, const Error& error) {
    store::Writer out;
    out.u8(k_format).uid(id);
    out.text(code_word(error.code())).text(error.message()).text(error.refusal_id());
    out.text(error.next());
    write_lines(out, error.errors());
    write_lines(out, error.warnings());
    return out.take();
}

using store::reasons_of;

std::vector<std::string> reasons_of(const Error& error) {
    return error.errors().empty() ? std::vector{error.message()} : error.errors();
}

/// What is no fault of the transaction, and may be otherwise in a moment.
bool passes(const Error& error) {
    switch (error.code()) {
        case Code::disk_full:
        case Code::internal:
        case Code::damaged:
        case Code::standby:
        case Code::publish_failed: return true;
        default: return error.refusal_id() == "RF-33";
    }
}

std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) out += (out.empty() ? "" : " ") + line;
    return out;
}

}  // namespace

Tentative::Tentative(store::PublicDb& committed, store::PublicDb& shown, std::string scratch_folder,
                     Replica& replica, TentativeEnv& env)
    : committed_(committed),
      shown_(shown),
      folder_(std::move(scratch_folder)),
      replica_(replica),
      env_(env) {}

Tentative::~Tentative() { shown_.stand_for(committed_); }

void Tentative::start() {
    std::filesystem::remove_all(folder_);
    for (store::Transaction& t : env_.kept()) {
        clock_ = std::max(clock_, t.clock);
        auto order = t.order();
        pending_.emplace(order, Pending{std::move(t), {}});
    }
    content_changed({});
}

void Tentative::tick() {
    if (active()) decide_pending();
    look_at_asked();
    refresh();
    look_at_settling();
    offer();
    Waiting now = waiting();
    replica_.set_waiting(static_cast<uint32_t>(now.count), now.since_ms);
}

// ---- publishing here ----

bool Tentative::shared() const {
    return replica_.role() == Role::standby && !replica_.self().log_server &&
           replica_.fence().empty() && committed_.has_history();
}

void Tentative::require_writable() const {
    if (!shared()) replica_.require_writable();
}

uint64_t Tentative::next_clock() {
    clock_ = std::max(clock_ + 1, static_cast<uint64_t>(env_.wall_ms()) << 16);
    return clock_;
}

void Tentative::see_clock(const store::Transaction& t) {
    // A wrong clock must not become everybody's; it orders what is shown, never what is committed.
    if (t.clock > (static_cast<uint64_t>(env_.wall_ms()) << 16) + k_skew) {
        if (ahead_.insert(t.origin).second) {
            env_.event(Event::clock_differs,
                       "the clock of server " + t.origin.text() + " is more than a minute ahead of this one's");
        }
        return;
    }
    ahead_.erase(t.origin);
    clock_ = std::max(clock_, t.clock);
}

uint64_t Tentative::publish(store::PublicDb::PublishRequest request) {
    env_.may_be_tentative(request.changes);
    refresh();
    store::Transaction t = store::Transaction::of(shown_, std::move(request));
    t.origin = replica_.self().mds;
    t.clock = next_clock();
    t.time_ms = env_.wall_ms();
    auto carry_out_mine = [&](store::PublicDb& db) {
        store::execute(db, t, [&] { env_.rules(db, t); }, {});
    };
    // On a copy: what cannot be carried out leaves nothing behind.
    std::unique_ptr<store::PublicDb> fresh;
    bool last = pending_.empty() || pending_.rbegin()->first < t.order();
    if (scratch_ && last) {
        carry_out_mine(*scratch_);
    } else {
        fresh = copy();
        bool done = false;
        for (auto& [order, p] : pending_) {
            if (!done && t.order() < order) {
                carry_out_mine(*fresh);
                done = true;
            }
            carry_out(*fresh, p);
        }
        if (!done) carry_out_mine(*fresh);
    }
    try {
        env_.keep(t);
    } catch (...) {
        stale_ = true;
        refresh();
        throw;
    }
    // It is published; nothing from here on may tell something else.
    auto order = t.order();
    pending_.emplace(order, Pending{std::move(t), {}});
    if (fresh) {
        try {
            show(std::move(fresh));
        } catch (const std::exception& e) {
            env_.log(4, std::string("what is published here is shown later: ") + e.what());
            stale_ = true;
        }
    }
    refresh();
    offer();
    return shown_.position().rev;
}

void Tentative::ask(store::PublicDb::PublishRequest request, Done done) {
    auto of = replica_.followed_active();
    if (!of || !pending_.empty()) {
        publish(std::move(request));
        return done(Outcome::tentative, std::nullopt);
    }
    store::Transaction t = store::Transaction::of(shown_, std::move(request));
    t.origin = replica_.self().mds;
    t.clock = next_clock();
    t.time_ms = env_.wall_ms();
    std::string message = t.encode();
    Uid id = t.id;
    asked_[id] = {std::move(t), env_.mono_ms() + k_patience_ms, std::move(done)};
    env_.send(*of, Kind::transaction_ask, message);
}

bool Tentative::settled() const { return pending_.empty() || active() || !replica_.followed_active(); }

void Tentative::when_settled(std::function<void()> then) {
    if (settled()) return then();
    settling_.push_back({env_.mono_ms() + k_patience_ms, std::move(then)});
}

void Tentative::look_at_settling() {
    bool all = settled();
    // They may ask to wait again.
    std::vector<Settling> due;
    std::erase_if(settling_, [&](Settling& s) {
        bool over = all || env_.mono_ms() >= s.until;
        if (over) due.push_back(std::move(s));
        return over;
    });
    for (const Settling& s : due) s.then();
}

void Tentative::look_at_asked() {
    // Answers may ask again.
    std::vector<std::pair<Asked, std::optional<uint64_t>>> over;
    for (auto it = asked_.begin(); it != asked_.end();) {
        std::optional<uint64_t> known = committed_.revision_of_session(it->first);
        if (!known && !active() && env_.mono_ms() < it->second.until) {
            ++it;
            continue;
        }
        over.emplace_back(std::move(it->second), known);
        it = asked_.erase(it);
    }
    for (auto& [asked, known] : over) {
        const store::Transaction& t = asked.transaction;
        try {
            if (known) {
                std::optional<Error> error = told_by(t, *known);
                asked.done(error ? Outcome::refused : Outcome::committed, std::move(error));
                continue;
            }
            if (active()) {
                Decision d = decide(t, false);
                asked.done(d.error ? Outcome::refused : Outcome::committed, d.error);
                continue;
            }
            try {
                env_.may_be_tentative(t.changes);
            } catch (const Error& e) {
                throw Error(e.code(), e.message() + "; it was asked and has not answered: whether it has "
                                                    "carried this out shows when it is back")
                    .refusal(e.refusal_id(), e.next());
            }
            Pending mine{t, {}};
            std::unique_ptr<store::PublicDb> trial = copy();
            for (auto& [order, p] : pending_) carry_out(*trial, p);
            store::execute(*trial, t, [&] { env_.rules(*trial, t); }, {});
            keep(t);
            refresh();
            asked.done(Outcome::tentative, std::nullopt);
        } catch (const Error& e) {
            asked.done(Outcome::refused, e);
        } catch (const std::exception& e) {
            asked.done(Outcome::refused, Error(Code::internal, e.what()));
        }
    }
}

// ---- deciding ----

Tentative::Decision Tentative::decide(const store::Transaction& t, bool trace) {
    Decision d;
    auto fence = [this] { replica_.require_writable(); };
    std::optional<store::Revision> done;
    auto tell = [&](const store::Revision& revision) {
        // It is decided, whatever becomes of the news.
        try {
            env_.committed(revision);
        } catch (const std::exception& e) {
            env_.log(4, std::string("after a publish of another server: ") + e.what());
        }
    };
    auto later = [&](const Error& e) {
        d.later = true;
        d.error = e;
        return d;
    };
    try {
        if (auto rev = committed_.revision_of_session(t.id)) {
            d.error = told_by(t, *rev);
            if (d.error && trace && gives_back(t)) env_.give_back(t, reasons_of(*d.error));
            return d;
        }
        env_.may_commit();
        fence();
        // What servers act on is asked for, never offered.
        if (trace) env_.may_be_tentative(t.changes);
        done = store::execute(committed_, t, [&] { env_.rules(committed_, t); }, fence);
    } catch (const Error& e) {
        if (passes(e)) return later(e);
        d.error = e;
    } catch (const std::exception& e) {
        return later(Error(Code::internal, e.what()));
    }
    if (done) tell(*done);
    if (!trace || !d.error) return d;
    try {
        // Its own server hands it to its author; when there is none any more, this one does. Before it is
        // forgotten everywhere.
        if (gives_back(t)) env_.give_back(t, reasons_of(*d.error));
        store::PublicDb::PublishRequest head{t.id, t.session_name, t.author, t.description, {}};
        done = committed_.refuse(head, reasons_of(*d.error), fence);
        env_.event(Event::publish_refused, fmt::format("the publish {} of '{}' was refused: {}", t.id.text(),
                                                      t.author, joined(reasons_of(*d.error))));
        tell(*done);
    } catch (const Error& e) {
        return later(e);
    } catch (const std::exception& e) {
        return later(Error(Code::internal, e.what()));
    }
    return d;
}

void Tentative::decide_pending() {
    if (pending_.empty() || env_.mono_ms() < decide_again_at_) return;
    std::vector<store::Transaction> all = pending();
    for (const store::Transaction& t : all) {
        Decision d = decide(t, true);
        if (!d.later) continue;
        env_.log(4, "what other servers have published waits: " + d.error->message());
        decide_again_at_ = env_.mono_ms() + k_repeat_ms;
        // One that cannot be read holds up no other.
        if (d.error->code() != Code::internal && d.error->code() != Code::damaged) break;
    }
    content_changed({});
}

bool Tentative::gives_back(const store::Transaction& t) const {
    return t.origin == replica_.self().mds || !replica_.is_member(t.origin);
}

std::optional<Error> Tentative::told_by(const store::Transaction& t, uint64_t rev) const {
    auto record = committed_.revision(rev);
    if (!record || t.is(*record)) return std::nullopt;
    if (record->kind == "refusal") {
        Error error(Code::validation_failed, "This publish was refused.");
        for (std::string& line : reasons_of(*record)) error.add_error(std::move(line));
        return std::move(error).refusal("RF-37", "Correct the objects listed, or discard.");
    }
    return Error(Code::publish_failed,
                 fmt::format("This session was published before, as revision {}, with other changes. What it "
                             "has now is not published.", rev))
        .refusal("", "publish again");
}

void Tentative::decided(const Uid& id, const store::Revision& record) {
    for (auto it = pending_.begin(); it != pending_.end(); ++it) {
        if (it->second.transaction.id != id) continue;
        // First the author has it, then it is forgotten here.
        if (record.kind == "refusal" && it->second.transaction.origin == replica_.self().mds) {
            env_.give_back(it->second.transaction, reasons_of(record));
        }
        env_.drop(id);
        pending_.erase(it);
        return;
    }
}

std::vector<store::Revision> Tentative::park(const std::vector<store::Revision>& records) {
    std::vector<store::Revision> rest;
    for (const store::Revision& r : records) {
        auto t = store::Transaction::of(r);
        if (t && t->origin == replica_.self().mds) {
            keep(std::move(*t));
        } else if (!t || !replica_.is_member(t->origin)) {
            rest.push_back(r);
        }
    }
    return rest;
}

void Tentative::content_changed(const std::vector<store::Revision>& records) noexcept {
    // The replica goes on after what it has applied, whatever the disk says to this.
    try {
        follow_content(records);
    } catch (const std::exception& e) {
        env_.log(4, std::string("what waits for the Primary: ") + e.what());
        stale_ = true;
    }
}

void Tentative::follow_content(const std::vector<store::Revision>& records) {
    for (const store::Revision& r : records) {
        if (r.kind == "publish") env_.published_after_all(r.session);
    }
    if (!pending_.empty()) {
        stale_ = true;
        // A record may be purged in the same moment as it comes.
        for (const store::Revision& r : records) {
            if (!r.session.is_nil()) decided(r.session, r);
        }
        for (const store::Transaction& t : pending()) {
            auto rev = committed_.revision_of_session(t.id);
            auto record = rev ? committed_.revision(*rev) : std::nullopt;
            if (record) decided(t.id, *record);
        }
    }
    look_at_asked();
    refresh();
}

void Tentative::role_changed() {
    stale_ = true;
    // The Active shows what is committed, and publishes on it.
    if (active()) refresh();
}

// ---- between servers ----

bool Tentative::keep(store::Transaction t) {
    auto order = t.order();
    for (const auto& [place, p] : pending_) {
        if (p.transaction.id == t.id) return false;
    }
    env_.keep(t);
    pending_.emplace(order, Pending{std::move(t), {}});
    stale_ = true;
    return true;
}

void Tentative::offer() {
    if (pending_.empty()) return;
    int64_t now = env_.mono_ms();
    for (const Replica::Heard& peer : replica_.heard()) {
        Peered& p = peers_[peer.mds];
        if (p.linked_at != peer.linked_at) p = {peer.linked_at, {}, {}};
        store::Writer out;
        uint32_t count = 0;
        size_t bytes = 0;
        for (const auto& [order, pending] : pending_) {
            const Uid& id = pending.transaction.id;
            if (p.has.contains(id)) continue;
            auto told = p.told.find(id);
            if (told != p.told.end() && now - told->second < k_repeat_ms) continue;
            std::string one = pending.transaction.encode();
            if (count > 0 && bytes + one.size() > k_most_bytes) break;
            bytes += one.size();
            out.text(one);
            p.told[id] = now;
            ++count;
        }
        if (count == 0) continue;
        store::Writer head;
        head.u8(k_format).u32(count);
        env_.send(peer.mds, Kind::transactions, head.take() + out.take());
    }
}

void Tentative::receive(const Uid& mds, Kind kind, std::string_view payload) {
    // Log servers change nothing.
    if (!replica_.may_be_active(mds)) return;
    try {
        switch (kind) {
            case Kind::transaction_ask: return on_asked(mds, payload);
            case Kind::transaction_answer: return on_answer(payload);
            case Kind::transactions: return on_offered(mds, payload);
            case Kind::transactions_kept: return on_kept(mds, payload);
            default: return;
        }
    } catch (const std::exception& e) {
        env_.log(4, fmt::format("message {} of {}: {}", static_cast<int>(kind), mds.text(), e.what()));
    }
}

void Tentative::on_asked(const Uid& mds, std::string_view payload) {
    // Whoever is not the Active says nothing.
    if (!active()) return;
    store::Transaction t = store::Transaction::decode(payload);
    if (t.origin != mds) throw Error(Code::no_permissions, "it asks in the name of another server");
    see_clock(t);
    Decision d = decide(t, false);
    // The answer to one that is committed is its record.
    if (d.error) env_.send(mds, Kind::transaction_answer, encode_answer(t.id, *d.error));
}

void Tentative::on_answer(std::string_view payload) {
    store::Reader in = open_message(payload);
    auto it = asked_.find(in.uid());
    if (it == asked_.end()) return;
    Code code = code_from_word(in.text());
    std::string message(in.text()), refusal(in.text()), next(in.text());
    Error error = Error(code, message).refusal(refusal, next);
    for (std::string& line : read_lines(in)) error.add_error(std::move(line));
    for (std::string& line : read_lines(in)) error.add_warning(std::move(line));
    Done done = std::move(it->second.done);
    asked_.erase(it);
    done(Outcome::refused, std::move(error));
}

void Tentative::on_offered(const Uid& mds, std::string_view payload) {
    if (replica_.self().log_server || !committed_.has_history()) return;
    store::Reader in = open_message(payload);
    store::Writer kept;
    uint32_t count = in.u32();
    kept.u8(k_format).u32(count);
    for (uint32_t i = 0; i < count; ++i) {
        store::Transaction t = store::Transaction::decode(in.text());
        see_clock(t);
        kept.uid(t.id);
        bool open = active() ? decide(t, true).later : !committed_.revision_of_session(t.id);
        if (open) keep(std::move(t));
    }
    env_.send(mds, Kind::transactions_kept, kept.take());
    content_changed({});
    offer();
}

void Tentative::on_kept(const Uid& mds, std::string_view payload) {
    store::Reader in = open_message(payload);
    Peered& p = peers_[mds];
    for (uint32_t count = in.u32(); count > 0; --count) p.has.insert(in.uid());
}

// ---- what is shown ----

std::unique_ptr<store::PublicDb> Tentative::copy() {
    retired_.reset();
    std::error_code ignored;
    for (int old = std::max(1, copies_ - 3); old < copies_; ++old) {
        std::filesystem::remove_all(folder_ + "/" + std::to_string(old), ignored);
    }
    return committed_.scratch(folder_ + "/" + std::to_string(++copies_));
}

void Tentative::carry_out(store::PublicDb& db, Pending& p) {
    p.problem.clear();
    try {
        store::execute(db, p.transaction, [&] { env_.rules(db, p.transaction); }, {});
    } catch (const Error& e) {
        p.problem = joined(reasons_of(e));
    }
}

void Tentative::refresh() noexcept {
    if (!stale_) return;
    bool plain = pending_.empty() || active();
    if (!plain && env_.mono_ms() < refresh_again_at_) return;
    try {
        if (plain) {
            if (scratch_) show(nullptr);
        } else {
            std::unique_ptr<store::PublicDb> next = copy();
            for (auto& [order, p] : pending_) carry_out(*next, p);
            show(std::move(next));
        }
        stale_ = false;
    } catch (const std::exception& e) {
        env_.log(4, std::string("what waits for the Primary cannot be shown yet: ") + e.what());
        refresh_again_at_ = env_.mono_ms() + k_repeat_ms;
    }
}

void Tentative::show(std::unique_ptr<store::PublicDb> scratch) {
    env_.shown_changes();
    retired_ = std::move(scratch_);
    scratch_ = std::move(scratch);
    shown_.stand_for(scratch_ ? *scratch_ : committed_);
    env_.shown_changed();
}

Tentative::Waiting Tentative::waiting() const {
    Waiting w;
    w.count = pending_.size();
    for (const auto& [order, p] : pending_) {
        int64_t at = p.transaction.time_ms;
        w.since_ms = w.since_ms == 0 ? at : std::min(w.since_ms, at);
        if (w.problem.empty()) w.problem = p.problem;
    }
    return w;
}

std::vector<store::Transaction> Tentative::pending() const {
    std::vector<store::Transaction> out;
    for (const auto& [order, p] : pending_) out.push_back(p.transaction);
    return out;
}

}  // namespace mds::repl
