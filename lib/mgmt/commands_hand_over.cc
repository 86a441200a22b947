// hand-over-session: what a session holds on a server that is no longer the Active goes to the server that is, as a
// recovered session of its author; for `mdsctl session hand-over`. It travels as a parked publish does
// (replication.md 7), so nothing is lost or done twice on the way.
#include <algorithm>

#include "mgmt/workspace_impl.hh"
#include "store/codec.hh"
#include "store/transaction.hh"

namespace mds::mgmt {
namespace {

store::Image image_of(const Uid& uid, const std::string& type, const std::string& scope, const std::string& name,
                      std::string doc, uint64_t rev) {
    store::Change change;
    change.op = store::Change::Op::put;
    change.uid = uid;
    change.type = type;
    change.scope = scope;
    change.name = name;
    change.doc = std::move(doc);
    return {std::move(change), rev};
}

/// What the author of an entry saw of its object when he first edited it; nothing when it was new.
class Seen {
  public:
    explicit Seen(WorkspaceImpl& impl) : impl_(impl) {}

    std::optional<store::Image> of(const Uid& uid, const Entry& entry) {
        if (entry.recovered) {
            if (entry.base_doc.empty()) return std::nullopt;
            return image_of(uid, entry.base_type, entry.scope, entry.base_name, entry.base_doc, 0);
        }
        if (entry.base_rev == 0) return std::nullopt;
        if (auto now = impl_.db.get(uid); now && now->rev == entry.base_rev) {
            return image_of(uid, now->type, now->scope, now->name, now->doc, now->rev);
        }
        return replaced(uid, entry);
    }

  private:
    /// Of an object that was changed since, as the log remembers it.
    std::optional<store::Image> replaced(const Uid& uid, const Entry& entry) {
        if (entry.base_rev + 1 < impl_.db.oldest_record()) {
            throw Error(Code::validation_failed,
                        "'" + entry.base_name + "' was changed by others since, longer ago than the log reaches")
                .refusal("", "note what the session holds (mdsctl session diff) and discard it");
        }
        for (const store::Revision& record : impl_.db.tail(entry.base_rev)) {
            if (record.undo.empty()) continue;
            for (store::Image& image : store::decode(record.undo)) {
                if (image.change.uid != uid) continue;
                if (image.change.op == store::Change::Op::remove) return std::nullopt;
                return std::move(image);
            }
        }
        return std::nullopt;
    }

    WorkspaceImpl& impl_;
};

/// It is given up whole by whoever takes it, so it must not get there (recover.cc).
void refuse_own(WorkspaceImpl& impl, const Overlay& held) {
    for (const auto& [uid, entry] : held.entries()) {
        const model::Type* type = impl.catalog().find(entry.removed ? entry.base_type : entry.type);
        if (!type || !type->own) continue;
        throw Error(Code::validation_failed, "'" + (entry.removed ? entry.base_name : entry.name) +
                                                 "' is changed by orders, not by sessions: it cannot be handed over")
            .refusal("", "mdsctl session discard");
    }
}

json::object hand_over_session(WorkspaceImpl& impl, Call& call) {
    call.only({"uid"});
    std::string text = call.text("uid");
    auto uid = Uid::parse(text);
    SessionPtr session = uid ? impl.by_uid(*uid) : nullptr;
    if (!session) not_found(text);
    if (session->user != call.user()) call.require("manage-sessions");
    WorkspaceImpl::refuse_publishing(*session);
    if (!impl.hooks.is_standby()) {
        throw Error(Code::ha_invalid, "this server is the Active: what its sessions hold is published here")
            .refusal("", "mdsctl session publish");
    }
    if (session->changes == 0 || session->transient) {
        throw Error(Code::ha_invalid, "the session of '" + session->user + "' holds no changes");
    }
    const Overlay& held = impl.overlay(*session);
    refuse_own(impl, held);
    store::PublicDb::PublishRequest request = request_of(*session, session->user);
    store::Transaction transaction;
    transaction.id = session->uid;
    transaction.session_name = request.session_name;
    transaction.author = request.author;
    transaction.author_uid = request.author_uid;
    transaction.description = request.description;
    transaction.time_ms = impl.now();
    transaction.changes = changes_of(held);
    Seen seen(impl);
    for (const auto& [object, entry] : held.entries()) {
        if (auto image = seen.of(object, entry)) transaction.before.push_back(std::move(*image));
    }
    // (term, revision) names a parked publish: of these nobody ever had a term.
    store::Revision record = transaction.record();
    record.term_id = transaction.id;
    record.rev = 1;
    uint64_t count = session->changes;
    Flushed flushed(impl.work);
    WorkDb::Transaction work(impl.work);
    impl.parked.wait({std::move(record), impl.settings.server_name});
    impl.record(*session, "Hand over session", session->name(),
                std::to_string(count) + " changes wait for the Active to take them");
    impl.clear_changes(*session);
    if (session->recovered()) impl.finish_parked(*session);
    std::string connection = session->sid_hash;
    impl.forget(*session);
    if (!connection.empty()) {
        // Whoever is connected goes on in a new session, as after a publish.
        impl.start_anew(session);
        impl.sids[connection] = session;
    }
    work.commit();
    if (impl.hooks.waits) impl.hooks.waits();
    return {{"message", "OK"}, {"number-of-changes", count}};
}

}  // namespace

void WorkspaceImpl::register_hand_over() {
    CommandFlags flags;
    flags.internal = true;
    flags.anywhere = true;
    self.add_command(
        "hand-over-session", [this](Call& call) { return hand_over_session(*this, call); }, flags);
}

}  // namespace mds::mgmt
