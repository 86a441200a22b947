// What holds in the system data whoever publishes where (replication.md 8).
#include <map>

#include "model/predefined.hh"
#include "service.hh"
#include "store/refs.hh"

namespace mds::core {
namespace {

/// The documents of one type as `changes` leave them.
std::map<Uid, json::object> after(store::PublicDb& db, const std::vector<store::Change>& changes,
                                  const char* type) {
    std::map<Uid, json::object> out;
    for (const store::Object& o : db.all(type)) out[o.uid] = json::parse_object(o.doc);
    for (const store::Change& c : changes) {
        if (c.op == store::Change::Op::remove) {
            out.erase(c.uid);
        } else if (c.type == type) {
            out[c.uid] = json::parse_object(c.doc);
        }
    }
    return out;
}

size_t superusers(store::PublicDb& db, const std::vector<store::Change>& changes) {
    auto profiles = after(db, changes, "md-permissions-profile");
    size_t count = 0;
    for (const auto& [uid, administrator] : after(db, changes, "administrator")) {
        auto profile = mgmt::Call::reference(administrator, "multi-domain-profile");
        if (!profile) continue;
        const auto* fixed = model::find_predefined(*profile);
        auto own = profiles.find(*profile);
        count += fixed ? fixed->name == "Multi-Domain Super User"
                       : own != profiles.end() &&
                             json::get_string(own->second, "permission-level") == "super user";
    }
    return count;
}

}  // namespace

void Service::check_publish(store::PublicDb& db, const Uid& author,
                            const std::vector<store::Change>& changes, bool final) {
    bool rights = false;
    for (const store::Change& c : changes) {
        // A removal carries no more than its uid everywhere.
        auto was = c.op == store::Change::Op::remove ? db.get(c.uid) : std::nullopt;
        const std::string& type = was ? was->type : c.type;
        rights |= type == "administrator" || type == "md-permissions-profile";
        if (!was || !final) continue;
        if (type == "mds") {
            // It was checked when it was ordered, and may have become another since.
            require_no_backup();
            check_removal(c.uid);
            // On the list of whose certificates are to be revoked before it is gone: nothing that happens in
            // between makes one that has left keep them (DS-4).
            remember("INSERT OR REPLACE INTO departing VALUES(?)", c.uid);
        } else if (type == "global-assignment") {
            // What it gave goes once the deletion is published.
            auto domain = mgmt::Call::reference(json::parse_object(was->doc), "dependent-domain");
            if (domain) remember("INSERT OR REPLACE INTO withdrawing VALUES(?)", *domain);
        }
    }
    if (!author.is_nil() && !db.get(author)) {
        throw Error(Code::validation_failed, "Validation failed with 1 error")
            .with_error("Its author is no administrator any more.")
            .refusal("RF-37", "Publish it as another administrator.");
    }
    if (rights && superusers(db, changes) == 0 && superusers(db, {}) > 0) {
        throw Error(Code::validation_failed, "Validation failed with 1 error")
            .with_error("No administrator would have the profile Multi-Domain Super User.")
            .refusal("RF-37", "Give that profile to another administrator first.");
    }
}

void Service::remember(const char* insert, const Uid& uid) {
    SQLite::Statement s(system_->workspace().work().db(), insert);
    s.bind(1, uid.text());
    s.exec();
}

void Service::check_tentative(const std::vector<store::Change>& changes) {
    for (const store::Change& c : changes) {
        auto was = system_->db().get(c.uid);
        const std::string& type = was ? was->type : c.type;
        if (type != "mds" && type != "domain" && type != "global-assignment") continue;
        throw Error(Code::ha_invalid, "'" + (was ? was->name : c.name) + "' (" + type +
                                          ") is changed only while the Primary answers: servers act on it")
            .refusal("RF-13", "try again when mdsctl status shows the Primary; or promote another: "
                              "mdsctl promote --plan");
    }
}

}  // namespace mds::core
