// The objects of the Domain's own servers (multi-domain-ha.md PR-5, RD-6, RD-8).
#include "mgmt/servers.hh"

#include <algorithm>
#include <optional>

#include "log/log.hh"
#include "mgmt/global.hh"
#include "mgmt/ranges.hh"
#include "mgmt/workspace_impl.hh"
#include "model/predefined.hh"

namespace mds::mgmt {
namespace {

constexpr char k_state[] = "domain-servers-state", k_type[] = "checkpoint-host";
constexpr size_t k_most_told = 10;

Uid state_uid() { return model::fixed_uid(k_state, k_state); }

/// Servers whose object has been made once.
std::set<Uid> made_before(Call& call) {
    std::set<Uid> out;
    auto state = call.get(state_uid());
    if (!state) return out;
    for (const json::value& v : json::get_array(state->document, "servers")) {
        if (auto uid = Uid::parse(std::string(v.as_string()))) out.insert(*uid);
    }
    return out;
}

/// The name of the server, or the first of name_2, name_3 ... that no other object has.
std::string free_name(WorkspaceImpl& impl, const std::string& wanted) {
    const std::string& family = impl.catalog().require(k_type).family;
    std::string name = wanted;
    for (int i = 2; impl.db.find(family, name) || model::find_predefined(family, name) ||
                    model::find_predefined("any", name);
         ++i) {
        name = wanted + "_" + std::to_string(i);
    }
    return name;
}

/// What the server itself knows of it.
void put_facts(json::object& document, const ServerFacts& server) {
    bool six = server.address.find(':') != std::string::npos;
    document.erase(six ? "ipv4-address" : "ipv6-address");
    if (!server.address.empty()) document[six ? "ipv6-address" : "ipv4-address"] = server.address;
    json::object blades = json::get_object(document, "management-blades");
    blades["network-policy-management"] = !server.log_server;
    blades["logging-and-status"] = true;
    blades["secondary"] = !server.log_server && !server.primary;
    document["management-blades"] = std::move(blades);
    document["domain-server"] = true;
}

struct Edit {
    Uid uid;
    /// Nothing: the object goes.
    std::optional<json::object> document;
};

class Keeper {
  public:
    Keeper(Call& call, const std::vector<ServerFacts>& servers)
        : impl_(WorkspaceImpl::of(call)), call_(call), servers_(servers), made_(made_before(call)) {}

    std::vector<Edit> edits() {
        std::set<Uid> now;
        for (const ServerFacts& server : servers_) {
            now.insert(server.uid);
            keep(server);
        }
        for (const Uid& uid : made_) {
            if (!now.contains(uid)) release(uid);
        }
        // In every publish of this: one that comes back from a lost server is nobody's work, and the record
        // tells it (recover.cc).
        if (now != made_ || !edits_.empty()) {
            json::array list;
            for (const Uid& uid : now) list.push_back(json::value(uid.text()));
            edits_.push_back(
                {state_uid(), json::object{{"name", k_state}, {"servers", std::move(list)}}});
        }
        return std::move(edits_);
    }

  private:
    void keep(const ServerFacts& server) {
        auto view = call_.get(server.uid);
        if (!view && made_.contains(server.uid) && !server.primary && !server.self) return;
        json::object document;
        if (view) {
            document = view->document;
        } else {
            document = {{"name", free_name(impl_, server.name)},
                        {"comments", ""},
                        {"color", "black"},
                        {"tags", json::array{}}};
            model::fill_fallbacks(impl_.catalog().require(k_type), document);
        }
        put_facts(document, server);
        if (!view || document != view->document) edits_.push_back({server.uid, std::move(document)});
    }

    /// The server is no server of the Domain any more.
    void release(const Uid& uid) {
        auto view = call_.get(uid);
        if (!view || !is_server_object(*view)) return;
        std::vector<Uid> users = call_.users(uid);
        std::erase(users, uid);
        if (users.empty()) {
            edits_.push_back({uid, std::nullopt});
            return;
        }
        view->document.erase("domain-server");
        edits_.push_back({uid, std::move(view->document)});
    }

    WorkspaceImpl& impl_;
    Call& call_;
    const std::vector<ServerFacts>& servers_;
    const std::set<Uid> made_;
    std::vector<Edit> edits_;
};

}  // namespace

bool is_server_object(const View& view) {
    return view.type->name == k_type && json::get_bool(view.document, "domain-server") && !view.global;
}

bool keep_server_objects(Workspace& workspace, const std::vector<ServerFacts>& servers) {
    std::vector<Edit> edits;
    workspace.inspect([&](Call& call) { edits = Keeper(call, servers).edits(); });
    if (edits.empty()) return false;
    Principal who;
    who.user = "System";
    who.session_name = "Servers of the Domain";
    // Somebody who edits its comments must not keep a server from having the right address.
    who.past_locks = true;
    workspace.transact(who, [&](Call& call) {
        for (Edit& edit : edits) {
            if (edit.document) {
                call.put(edit.uid == state_uid() ? k_state : k_type, edit.uid, std::move(*edit.document));
            } else if (auto view = call.get(edit.uid)) {
                call.remove(*view);
            }
        }
    });
    return true;
}

json::object server_objects_state(Workspace& workspace, const std::vector<ServerFacts>& servers) {
    json::object out;
    workspace.inspect([&](Call& call) {
        const std::set<Uid> made = made_before(call);
        for (const ServerFacts& server : servers) {
            if (made.contains(server.uid) && !call.get(server.uid)) {
                out[server.uid.text()] = json::object{{"deleted", true}};
                continue;
            }
            std::vector<Uid> users = call.users(server.uid);
            std::erase(users, server.uid);
            if (users.empty()) continue;
            json::array told;
            for (const Uid& uid : users) {
                auto view = call.get(uid);
                if (!view || told.size() == k_most_told) continue;
                told.push_back(json::value(described(call, *view)));
            }
            out[server.uid.text()] = json::object{{"uses", users.size()}, {"used-by", std::move(told)}};
        }
    });
    return out;
}

std::vector<View> managers_of(Call& call, const View& gateway) {
    std::vector<Uid> uids = references_of(gateway.document, "management-servers");
    if (uids.empty()) {
        for (const Uid& uid : made_before(call)) uids.push_back(uid);
    }
    std::vector<View> out;
    for (const Uid& uid : uids) {
        auto view = call.get(uid);
        if (!view) continue;
        const json::object& blades = json::get_object(view->document, "management-blades");
        if (json::get_bool(blades, "network-policy-management")) out.push_back(std::move(*view));
    }
    std::stable_sort(out.begin(), out.end(), [](const View& a, const View& b) {
        auto rank = [](const View& v) {
            const json::object& blades = json::get_object(v.document, "management-blades");
            return std::pair(json::get_bool(blades, "secondary"), v.name);
        };
        return rank(a) < rank(b);
    });
    return out;
}

json::array managers_told(Call& call, const View& gateway) {
    json::array out;
    for (const View& v : managers_of(call, gateway)) {
        out.push_back(json::object{{"name", v.name}, {"ip-address", json::get_string(v.document, "ipv4-address")}});
    }
    return out;
}

}  // namespace mds::mgmt
