// Global policy: what the Global Domain gives, and how a Domain takes it (GA-*, multi-domain-ha.md 9).
// mds-core carries the one to the other, on the host of the Domain's Active.
#include "mgmt/global.hh"

#include <algorithm>

#include "log/log.hh"
#include "mgmt/ranges.hh"
#include "mgmt/rulebase.hh"
#include "mgmt/servers.hh"
#include "model/coerce.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

constexpr char k_state[] = "global-policy-state";
constexpr uint64_t k_page = 10'000;
constexpr size_t k_most_told = 20;

Uid state_uid() { return model::fixed_uid(k_state, k_state); }

/// Not what belongs to the Global Domain alone: its packages, settings, gateways; rules and layers come
/// with the policy that has them.
bool travels(const model::Type& t) {
    return !t.single && !t.own && t.within.empty() && t.name != "package" && t.name != "access-layer" &&
           t.name != "simple-gateway" && t.name != "checkpoint-host";
}

class Export {
  public:
    Export(WorkspaceImpl& impl, Call& call) : impl_(impl), call_(call) {}

    json::object run(const std::string& policy) {
        json::array layers;
        if (!policy.empty()) {
            auto package = call_.find("package", policy);
            if (!package) {
                throw Error(Code::object_not_found,
                            "The Global Domain has no policy package '" + policy + "'.")
                    .refusal("", "show-packages in the Global Domain");
            }
            for (const Uid& layer : references_of(package->document, "access-layers")) {
                layers.push_back(json::value(layer.text()));
                add_layer(layer);
            }
        }
        for (const model::Type& type : impl_.catalog().types()) {
            if (travels(type)) add_all(type);
        }
        add_servers();
        refuse_foreign();
        return {{"policy", policy},
                {"revision", impl_.last_publish().rev},
                {"session", impl_.last_publish().session.text()},
                {"layers", std::move(layers)},
                {"objects", std::move(objects_)}};
    }

  private:
    void add(const View& view) {
        if (!given_.insert(view.uid).second) return;
        for (const model::Reference& r : model::references_in(view.document)) {
            referred_.emplace(r.uid, view.type->name + " '" + view.name + "'");
        }
        objects_.push_back(json::object{{"uid", view.uid.text()},
                                        {"type", view.type->name},
                                        {"document", view.document}});
    }

    void add_layer(const Uid& uid) {
        auto layer = call_.get(uid);
        if (!layer || given_.contains(uid)) return;
        add(*layer);
        std::vector<Uid> inside;
        Rulebase base(call_, k_access_kind, uid);
        for (Merged* list : {&base.sections, &base.rules}) {
            for (auto item = list->after(""); item; item = list->after(item->path)) {
                auto view = call_.get(item->uid);
                if (!view) continue;
                add(*view);
                if (auto inner = Call::reference(view->document, "inline-layer")) inside.push_back(*inner);
            }
        }
        for (const Uid& inner : inside) add_layer(inner);
    }

    void add_all(const model::Type& type) {
        PageRequest request;
        request.types = {&type};
        request.limit = k_page;
        request.predefined = false;
        for (;;) {
            Page page = page_of(impl_, call_, request);
            for (const View& view : page.views) add(view);
            request.offset += page.views.size();
            if (page.views.empty() || request.offset >= page.total) return;
        }
    }

    /// A Multi-Domain Server that a global rule names goes with it, as a copy that stands for no server of
    /// the Domain.
    void add_servers() {
        for (bool again = true; again;) {
            again = false;
            for (const auto& [uid, user] : std::map<Uid, std::string>(referred_)) {
                auto view = given_.contains(uid) ? std::nullopt : call_.get(uid);
                if (!view || !is_server_object(*view)) continue;
                view->document.erase("domain-server");
                add(*view);
                again = true;
            }
        }
    }

    void refuse_foreign() {
        for (const auto& [uid, user] : referred_) {
            if (given_.contains(uid) || model::is_predefined(uid)) continue;
            auto view = call_.get(uid);
            throw Error(Code::validation_failed,
                        "The Global Domain's " + user + " refers to " +
                            (view ? view->type->name + " '" + view->name + "'" : uid.text()) +
                            ", which no other Domain has.")
                .refusal("", "take it out of the global policy, publish, assign again");
        }
    }

    WorkspaceImpl& impl_;
    Call& call_;
    std::set<Uid> given_;
    /// What is referred to, and one that does.
    std::map<Uid, std::string> referred_;
    json::array objects_;
};

json::object export_policy(WorkspaceImpl& impl, Call& call) {
    call.only({"policy"});
    if (impl.settings.domain.type != "global domain") {
        throw Error(Code::wrong_domain_type, "Only the Global Domain has global policies.");
    }
    return Export(impl, call).run(call.text_or("policy", ""));
}

class Assign {
  public:
    Assign(WorkspaceImpl& impl, Call& call) : impl_(impl), call_(call) {}

    json::object run() {
        if (auto held = global_policy(impl_)) held_ = std::move(*held);
        GlobalPolicy next;
        next.policy = call_.text_or("policy", "");
        next.revision = static_cast<uint64_t>(call_.integer("revision", 0));
        next.session = call_.text_or("session", "");
        next.time_ms = impl_.now();
        next.by = call_.text_or("user", call_.user());
        bool withdrawn = call_.flag("withdraw");
        for (const json::value& v : json::get_array(call_.params(), "objects")) take(v.as_object(), next);
        for (const json::value& v : json::get_array(call_.params(), "layers")) {
            if (auto uid = Uid::parse(std::string(v.as_string()))) next.layers.push_back(*uid);
        }
        if (!held_.objects.empty() || held_.revision != 0) drop(next);
        refuse();
        size_t changed = changes_.size();
        keep(next, withdrawn);
        json::object reply{{"changes", changed}, {"revision", next.revision}, {"policy", next.policy}};
        if (changes_.empty()) return reply;
        if (impl_.hooks.before_publish) impl_.hooks.before_publish();
        impl_.commit();
        store::PublicDb::PublishRequest request;
        request.session = Uid::make();
        request.session_name = withdrawn ? "Global policy withdrawn"
                                         : "Assign global policy" +
                                               (next.policy.empty() ? "" : " '" + next.policy + "'");
        request.description = "revision " + std::to_string(next.revision) + " of the Global Domain";
        request.author = next.by;
        request.changes = std::move(changes_);
        impl_.settle();
        std::string title = request.session_name;
        store::Revision made = impl_.db.publish(std::move(request), impl_.hooks.fence);
        log::notice(title + " by " + next.by + ": " + std::to_string(changed) + " objects changed",
                    {{"MDS_DOMAIN", impl_.settings.domain.name}});
        if (impl_.hooks.published) impl_.hooks.published(made);
        reply["published"] = made.session.text();
        return reply;
    }

  private:
    void problem(std::string text) {
        if (problems_.size() < k_most_told) problems_.push_back(std::move(text));
        ++count_;
    }

    void take(const json::object& given, GlobalPolicy& next) {
        const model::Type& type = impl_.catalog().require(json::get_string(given, "type"));
        auto uid = Uid::parse(json::get_string(given, "uid"));
        if (!uid) throw Error(Code::invalid_parameter, "an object without a uid");
        json::object document = json::get_object(given, "document");
        json::object meta = json::get_object(document, "meta");
        meta["global"] = true;
        document["meta"] = std::move(meta);
        store::Change change;
        change.op = store::Change::Op::put;
        change.uid = *uid;
        change.type = type.name;
        change.scope = type.family;
        change.name = model::index_name(type, document);
        change.doc = json::canonical(document);
        next.objects.insert(*uid);
        auto here = impl_.db.get(*uid);
        if (here && here->doc == change.doc) return;
        if (here) change.base_rev = here->rev;
        auto other = impl_.db.find(change.scope, change.name);
        if (other && other->uid != *uid && !held_.objects.contains(other->uid)) {
            problem("The Domain has " + other->type + " '" + other->name +
                    "'; the Global Domain has another object of this name.");
        }
        changes_.push_back(std::move(change));
    }

    /// What the Global Domain no longer has goes, unless the Domain's own objects need it (GA-5).
    void drop(const GlobalPolicy& next) {
        for (const Uid& uid : held_.objects) {
            if (next.objects.contains(uid)) continue;
            auto here = impl_.db.get(uid);
            if (!here) continue;
            for (const Uid& user : impl_.db.referrers(uid)) {
                if (user == uid || held_.objects.contains(user)) continue;
                auto view = call_.get(user);
                if (!view) continue;
                problem("Global " + here->type + " '" + here->name + "' was deleted, and " +
                        described(call_, *view) + " uses it.");
            }
            store::Change change;
            change.op = store::Change::Op::remove;
            change.uid = uid;
            change.type = here->type;
            change.scope = here->scope;
            change.name = here->name;
            change.base_rev = here->rev;
            changes_.push_back(std::move(change));
        }
    }

    void refuse() {
        if (problems_.empty()) return;
        Error error(Code::validation_failed,
                    "The global policy cannot be assigned to Domain " + impl_.settings.domain.name + ": " +
                        problems_.front() +
                        (count_ > 1 ? " (and " + std::to_string(count_ - 1) + " more)" : ""));
        for (std::string& line : problems_) error.add_error(std::move(line));
        throw std::move(error).refusal(
            "", "correct the objects named, publish, assign again; the Domain is as it was");
    }

    /// The record of what is held, as an object of its own.
    void keep(const GlobalPolicy& next, bool withdrawn) {
        auto here = impl_.db.get(state_uid());
        if (withdrawn && !here) return;
        store::Change change;
        change.uid = state_uid();
        change.type = k_state;
        change.scope = impl_.catalog().require(k_state).family;
        change.name = k_state;
        if (here) change.base_rev = here->rev;
        if (withdrawn) {
            change.op = store::Change::Op::remove;
            changes_.push_back(std::move(change));
            return;
        }
        json::array objects, layers;
        for (const Uid& uid : next.objects) objects.push_back(json::value(uid.text()));
        for (const Uid& uid : next.layers) layers.push_back(json::value(uid.text()));
        change.op = store::Change::Op::put;
        change.doc = json::canonical(json::object{{"name", k_state},
                                                  {"policy", next.policy},
                                                  {"revision", next.revision},
                                                  {"session", next.session},
                                                  {"time", next.time_ms},
                                                  {"by", next.by},
                                                  {"layers", std::move(layers)},
                                                  {"objects", std::move(objects)}});
        changes_.push_back(std::move(change));
    }

    WorkspaceImpl& impl_;
    Call& call_;
    GlobalPolicy held_;
    std::vector<store::Change> changes_;
    std::vector<std::string> problems_;
    size_t count_ = 0;
};

json::object assign_policy(WorkspaceImpl& impl, Call& call) {
    call.only({"policy", "revision", "session", "layers", "objects", "user", "withdraw"});
    if (!call.permitted("root")) {
        throw Error(Code::command_not_found, "Unknown command [" + call.command() + "]");
    }
    if (impl.settings.domain.type != "domain") {
        throw Error(Code::wrong_domain_type, "Global policies are assigned to Domains.");
    }
    impl.hooks.require_writable();
    return Assign(impl, call).run();
}

}  // namespace

std::optional<GlobalPolicy> global_policy(WorkspaceImpl& impl) {
    if (impl.settings.domain.type != "domain") return std::nullopt;
    auto object = impl.db.get(state_uid());
    if (!object) return std::nullopt;
    json::object d = json::parse_object(object->doc);
    GlobalPolicy out;
    out.policy = json::get_string(d, "policy");
    out.revision = static_cast<uint64_t>(json::get_int(d, "revision"));
    out.session = json::get_string(d, "session");
    out.time_ms = json::get_int(d, "time");
    out.by = json::get_string(d, "by");
    for (const json::value& v : json::get_array(d, "layers")) {
        if (auto uid = Uid::parse(std::string(v.as_string()))) out.layers.push_back(*uid);
    }
    for (const json::value& v : json::get_array(d, "objects")) {
        if (auto uid = Uid::parse(std::string(v.as_string()))) out.objects.insert(*uid);
    }
    return out;
}

std::string described(Call& call, const View& view) {
    if (view.type->within.empty()) return view.type->name + " '" + view.name + "'";
    const bool nat = view.type->within == k_nat_kind.within;
    const RuleKind& kind = nat ? k_nat_kind : k_access_kind;
    Uid within = Call::reference(view.document, kind.within).value_or(Uid{});
    auto holder = call.get(within);
    std::string number = view.type->name == kind.rule
                             ? std::to_string(Rulebase(call, kind, within).number(view))
                             : view.name;
    return (nat ? "NAT rule " : "rule ") + number + (view.name.empty() ? "" : " '" + view.name + "'") + " of " +
           kind.within + " '" + (holder ? holder->name : "") + "'";
}

bool is_placeholder(const View& rule) { return json::get_bool(rule.document, "placeholder"); }

std::optional<Uid> filling(Call& call, const Uid& global_layer, const Uid& package) {
    WorkspaceImpl& impl = WorkspaceImpl::of(call);
    auto held = global_policy(impl);
    if (!held || held->layers.empty() || held->layers.front() != global_layer) return std::nullopt;
    auto first_of = [](const View& view) -> std::optional<Uid> {
        auto layers = references_of(view.document, "access-layers");
        if (layers.empty()) return std::nullopt;
        return layers.front();
    };
    if (!package.is_nil()) {
        auto view = call.get(package);
        return view ? first_of(*view) : std::nullopt;
    }
    for (const View& view : call.all("package")) {
        if (auto layer = first_of(view)) return layer;
    }
    return std::nullopt;
}

void refuse_global(const View& view) {
    if (!view.global) return;
    throw Error(Code::no_permissions, "Object '" + view.name +
                                          "' belongs to the Global Domain and is read-only here.")
        .refusal("", "change it in the Global Domain, publish there, assign the global policy again");
}

store::Revision WorkspaceImpl::last_publish() const {
    uint64_t below = db.position().rev + 1;
    for (;;) {
        auto page = db.revisions(below, 50);
        if (page.empty()) return {};
        for (const store::Revision& r : page) {
            if (r.kind == "publish") return r;
            below = r.rev;
        }
    }
}

json::object Workspace::global_state() const {
    const store::Hash& at = impl_->db.position().hash;
    if (impl_->global_state && impl_->global_state->first == at) return impl_->global_state->second;
    json::object out;
    if (impl_->settings.domain.type == "global domain") {
        store::Revision last = impl_->last_publish();
        out = {{"published", last.rev}, {"session", last.session.text()}};
    } else if (auto held = global_policy(*impl_)) {
        out = {{"policy", held->policy}, {"revision", held->revision}, {"session", held->session},
               {"time", held->time_ms}, {"by", held->by}};
    }
    impl_->global_state = {impl_->db.position().hash, out};
    return out;
}

void WorkspaceImpl::register_global_commands() {
    if (!catalog().find("access-rule")) return;  // the system data has no policy
    CommandFlags flags;
    flags.internal = true;
    flags.description = "What the Global Domain gives to a Domain, for mds-core";
    self.add_command("export-global-policy", [this](Call& call) { return export_policy(*this, call); }, flags);
    flags.description = "Takes what the Global Domain gives, for mds-core";
    flags.write = true;
    self.add_command("assign-global-policy", [this](Call& call) { return assign_policy(*this, call); }, flags);
}

}  // namespace mds::mgmt
