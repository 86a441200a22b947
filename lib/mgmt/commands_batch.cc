// Many objects or rules by one command (management-api.md 12): all of them or none.
#include <algorithm>

#include "mgmt/rulebase.hh"
#include "model/coerce.hh"

namespace mds::mgmt {
namespace {

struct Batch {
    const model::Type* type;
    const json::object* given;
    const json::array* list;
};

/// What lets warnings and errors pass is for one object that somebody looks at.
void refuse_ignoring(const json::object& params) {
    for (const char* name : {"ignore-warnings", "ignore-errors"}) {
        const json::value* v = json::find(params, name);
        if (!v || v->is_null() || !model::coerce_boolean(*v, name)) continue;
        model::invalid(name, "A batch cannot ignore warnings or errors.");
    }
}

std::vector<Batch> batches_of(WorkspaceImpl& impl, Call& call) {
    call.only({"objects"});
    refuse_ignoring(call.params());
    const json::value* objects = json::find(call.params(), "objects");
    if (!objects) throw Error(Code::missing_parameters, "Missing parameter: [objects]");
    std::vector<Batch> out;
    const json::array* list = objects->if_array();
    if (!list) model::invalid("objects", "A list is expected.");
    for (const json::value& v : *list) {
        const json::object* o = v.if_object();
        if (!o || !o->contains("list")) {
            throw Error(Code::missing_parameters, "Missing parameter: [objects.list]");
        }
        const json::value& items = o->at("list");
        if (!items.is_array()) model::invalid("objects.list", "A list is expected.");
        for (const json::value& item : items.as_array()) {
            if (!item.is_object()) model::invalid("objects.list", "Objects are expected.");
            refuse_ignoring(item.as_object());
        }
        out.push_back(
            {&impl.catalog().require(json::get_string(*o, "type")), o, &items.as_array()});
    }
    return out;
}

/// One failure takes back the whole batch; the answer is a task in both cases.
json::object run(WorkspaceImpl& impl, Call& call, const std::string& name, const char* what,
                 const std::vector<Batch>& batches,
                 const std::function<void(const Batch&, const json::object&)>& one) {
    std::string failed;
    size_t done = 0;
    for (const Batch& b : batches) {
        for (const json::value& item : *b.list) {
            if (!failed.empty()) break;
            try {
                one(b, item.as_object());
                ++done;
            } catch (const Error& error) {
                failed = b.type->name + " '" + json::get_string(item.as_object(), "name") +
                         "': " + error.message();
                for (const std::string& line : error.errors()) failed += " " + line;
                for (const std::string& line : error.warnings()) failed += " " + line;
            }
        }
    }
    if (!failed.empty()) impl.roll_back();
    Uid task = impl.self.create_task(name, impl.settings.domain.name, call.user(), false,
                                     call.session_uid());
    if (failed.empty()) {
        impl.self.finish_task(
            task, "succeeded",
            json::array{json::object{{"status", std::to_string(done) + " " + what}}});
    } else {
        impl.self.finish_task(task, "failed", json::array{json::object{{"status", failed}}},
                              failed);
    }
    return {{"task-id", task.text()}};
}

json::object named(const json::object& item) {
    json::object out;
    for (const char* key : {"uid", "name"}) {
        if (const json::value* v = json::find(item, key)) out[key] = *v;
    }
    return out;
}

View find_item(Call& call, const model::Type& type, const json::object& item) {
    std::string uid = json::get_string(item, "uid"), name = json::get_string(item, "name");
    if (uid.empty() && name.empty()) {
        throw Error(Code::missing_parameters, "Missing parameter: [name]");
    }
    return call.object(type.name, uid.empty() ? name : uid);
}

// ---- objects ----

std::vector<Batch> objects_of(WorkspaceImpl& impl, Call& call) {
    std::vector<Batch> out = batches_of(impl, call);
    for (const Batch& b : out) {
        if (b.type->within.empty()) continue;
        throw Error(Code::invalid_api_type,
                    "Invalid parameter for [objects.type]. '" + b.type->name +
                        "' has a place in a rulebase; use add-rules-batch or delete-rules-batch.");
    }
    return out;
}

json::object add_objects(WorkspaceImpl& impl, Call& call) {
    return run(impl, call, "Add objects batch", "objects", objects_of(impl, call),
               [&](const Batch& b, const json::object& o) { call.add(b.type->name, o); });
}

json::object set_objects(WorkspaceImpl& impl, Call& call) {
    return run(
        impl, call, "Set objects batch", "objects", objects_of(impl, call),
        [&](const Batch& b, const json::object& o) { call.set(find_item(call, *b.type, o), o); });
}

json::object delete_objects(WorkspaceImpl& impl, Call& call) {
    return run(impl, call, "Delete objects batch", "objects", objects_of(impl, call),
               [&](const Batch& b, const json::object& o) {
                   call.remove(find_item(call, *b.type, named(o)));
               });
}

// ---- rules ----

std::vector<Batch> rules_of(WorkspaceImpl& impl, Call& call) {
    std::vector<Batch> out = batches_of(impl, call);
    for (const Batch& b : out) {
        if (b.type->name == k_access_kind.rule || b.type->name == k_nat_kind.rule) continue;
        throw Error(Code::invalid_api_type, "Invalid parameter for [objects.type]. '" +
                                                b.type->name +
                                                "' is none of: access-rule, nat-rule.");
    }
    return out;
}

/// The parameters of one rule of a batch, with where it is: NAT rules are in a `package`, which
/// the batch may call `layer` too.
json::object with_place(const Batch& b, const json::object& item) {
    json::object out = item;
    const json::value* within = json::find(*b.given, b.type->within);
    if (!within) within = json::find(*b.given, "layer");
    if (within && !out.contains(b.type->within)) out[b.type->within] = *within;
    return out;
}

/// Rules stand in the order of the list, from `first-position` on.
json::object add_rules(WorkspaceImpl& impl, Call& call) {
    std::vector<Batch> batches = rules_of(impl, call);
    const Batch* current = nullptr;
    Uid last;
    return run(impl, call, "Add rules batch", "rules", batches,
               [&](const Batch& b, const json::object& item) {
                   json::object params = with_place(b, item);
                   if (params.contains("position")) {
                       model::invalid("position",
                                      "The rules of a batch follow one another from "
                                      "first-position on.");
                   }
                   bool follows = current == &b;
                   const json::value* first = json::find(*b.given, "first-position");
                   params["position"] = follows ? json::value(json::object{{"below", last.text()}})
                                        : first ? *first
                                                : json::value("bottom");
                   const RuleKind& kind =
                       b.type->name == k_access_kind.rule ? k_access_kind : k_nat_kind;
                   last = add_in_order(call, kind, b.type->name, params).uid;
                   current = &b;
               });
}

/// Rule numbers are those before the batch: all rules are found before the first one goes.
json::object delete_rules(WorkspaceImpl& impl, Call& call) {
    std::vector<Batch> batches = rules_of(impl, call);
    std::vector<View> found;
    size_t next = 0;
    for (const Batch& b : batches) {
        for (const json::value& item : *b.list) {
            found.push_back(ordered_object(call, *b.type, with_place(b, item.as_object())));
        }
    }
    return run(impl, call, "Delete rules batch", "rules", batches,
               [&](const Batch&, const json::object&) { call.remove(found[next++]); });
}

}  // namespace

void WorkspaceImpl::register_batch_commands() {
    add_simple("add-objects-batch", add_objects, "Adds many objects at once", true);
    add_simple("set-objects-batch", set_objects, "Changes many objects at once", true);
    add_simple("delete-objects-batch", delete_objects, "Deletes many objects at once", true);
    if (!catalog().find(k_access_kind.rule)) return;
    add_simple("add-rules-batch", add_rules, "Adds many rules, one below the other", true);
    add_simple("delete-rules-batch", delete_rules, "Deletes many rules at once", true);
    for (const char* name : {"add-rules-batch", "delete-rules-batch"}) needs(name, "", "access-rule");
}

}  // namespace mds::mgmt
