#pragma once
// A node of the simulated network whose data every server may change (repl/tentative.hh): what
// SharedData is around the replica of mds-core.
#include <map>
#include <set>

#include "json/json.hh"
#include "net.hh"
#include "repl/tentative.hh"
#include "store/refs.hh"

namespace mds::repl {

/// Administrators and profiles: names are unique, an administrator refers to a profile, and one with
/// "super" must always be there.
class Office : public TentativeEnv {
  public:
    explicit Office(Node& n) : node(n) {
        node.on_boot = [this] {
            shown = node.db->handle();
            shared = std::make_unique<Tentative>(*node.db, *shown, node.folder + "/tentative",
                                                 *node.replica, *this);
            started = false;
        };
        node.on_power_off = [this] {
            shared.reset();
            shown.reset();
        };
        node.on_tick = [this] {
            if (!std::exchange(started, true)) shared->start();
            shared->tick();
        };
        node.on_role = [this] { shared->role_changed(); };
        node.on_content = [this](const auto& records) { shared->content_changed(records); };
        node.on_park = [this](const auto& records) { return shared->park(records); };
        node.on_message = [this](const Uid& from, Kind kind, const std::string& payload) {
            shared->receive(from, kind, payload);
        };
    }

    /// One object as it is stored.
    static store::Change put(const std::string& type, const Uid& uid, const std::string& name,
                             json::object document) {
        document["name"] = name;
        return {store::Change::Op::put, uid, type, type, name, json::canonical(document)};
    }
    static store::Change remove(const std::string& type, const Uid& uid) {
        return {store::Change::Op::remove, uid, type, type, "", ""};
    }
    /// Publishes at once; the session, or nothing when it was refused here (`problem` says why).
    std::optional<Uid> publish(std::vector<store::Change> changes) {
        store::PublicDb::PublishRequest request{node.net_.ids(), "", "anna of " + node.name, "",
                                                std::move(changes)};
        Uid session = request.session;
        problem.clear();
        look(session, request.changes);
        try {
            if (shared->shared()) {
                shared->publish(std::move(request));
            } else {
                check(*shown, request.changes);
                node.db->publish(std::move(request), [this] { node.replica->require_writable(); });
                node.replica->committed();
            }
        } catch (const Error& e) {
            problem = e.errors().empty() ? e.message() : e.errors().front();
            return std::nullopt;
        }
        accepted.insert(session);
        return session;
    }
    /// Asks the Active; `answers` has how it ended.
    Uid ask(std::vector<store::Change> changes) {
        store::PublicDb::PublishRequest request{node.net_.ids(), "", "anna of " + node.name, "",
                                                std::move(changes)};
        Uid session = request.session;
        look(session, request.changes);
        try {
            shared->ask(std::move(request), [this, session](Tentative::Outcome outcome, auto error) {
                answers[session] = outcome;
                problem = error ? (error->errors().empty() ? error->message() : error->errors().front()) : "";
                if (outcome != Tentative::Outcome::refused) accepted.insert(session);
            });
        } catch (const Error& e) {
            answers[session] = Tentative::Outcome::refused;
            problem = e.errors().empty() ? e.message() : e.errors().front();
        }
        return session;
    }
    std::optional<store::Object> find(const std::string& type, const std::string& name) const {
        return shown->find(type, name);
    }

    int64_t mono_ms() override { return node.mono_ms(); }
    int64_t wall_ms() override { return node.wall_ms() + skew_ms; }
    void send(const Uid& mds, Kind kind, std::string payload) override {
        node.send(mds, kind, std::move(payload));
    }
    void keep(const store::Transaction& t) override {
        if (disk_full) throw Error(Code::disk_full, "the disk is full");
        disk[t.id] = t.encode();
    }
    void drop(const Uid& id) override { disk.erase(id); }
    std::vector<store::Transaction> kept() override {
        std::vector<store::Transaction> out;
        for (const auto& [id, bytes] : disk) out.push_back(store::Transaction::decode(bytes));
        return out;
    }
    void rules(store::PublicDb& db, const store::Transaction& t) override { check(db, t.changes); }
    void may_be_tentative(const std::vector<store::Change>& changes) override {
        for (const store::Change& c : changes) {
            if (c.type == "domain") throw Error(Code::ha_invalid, "a Domain waits for the Primary");
        }
    }
    void may_commit() override {
        if (held) throw Error(Code::ha_invalid, "a backup").refusal("RF-33", "wait");
    }
    void give_back(const store::Transaction& t, const std::vector<std::string>& reasons) override {
        given_back.try_emplace(t.id, reasons);
    }
    void published_after_all(const Uid& id) override { given_back.erase(id); }
    void committed(const store::Revision&) override { node.replica->committed(); }
    void shown_changes() override {}
    void shown_changed() override { ++changes_shown; }
    void log(int, const std::string& text) override { node.lines.push_back(text); }
    void event(Event, const std::string& text, const std::string&) override { node.lines.push_back(text); }

    Node& node;
    std::unique_ptr<store::PublicDb> shown;
    std::unique_ptr<Tentative> shared;
    bool started = false, disk_full = false, held = false;
    int64_t skew_ms = 0;
    int changes_shown = 0;
    std::string problem;
    std::map<Uid, Tentative::Outcome> answers;
    /// What outlives a restart.
    std::map<Uid, std::string> disk;
    std::map<Uid, std::vector<std::string>> given_back;
    std::set<Uid> accepted;
    /// By session and object: the document that its author saw; empty: there was none.
    std::map<Uid, std::map<Uid, std::string>> seen;

  private:
    void look(const Uid& session, const std::vector<store::Change>& changes) {
        for (const store::Change& c : changes) {
            auto now = shown->get(c.uid);
            seen[session][c.uid] = now ? now->doc : "";
        }
    }
    static void check(store::PublicDb& db, const std::vector<store::Change>& changes) {
        std::map<Uid, bool> super;
        auto is_super = [](const std::string& doc) { return doc.find("\"super\":true") != std::string::npos; };
        for (const store::Object& o : db.all("administrator")) super[o.uid] = is_super(o.doc);
        auto any = [&] {
            return std::any_of(super.begin(), super.end(), [](const auto& one) { return one.second; });
        };
        bool before = any();
        for (const store::Change& c : changes) {
            if (c.op == store::Change::Op::remove) super.erase(c.uid);
            if (c.op == store::Change::Op::put && c.type == "administrator") super[c.uid] = is_super(c.doc);
        }
        if (before && !any()) {
            throw Error(Code::validation_failed, "no superuser").with_error("Nobody would be superuser.");
        }
    }
};

}  // namespace mds::repl
