// export (management-api.md 14): the objects of a database, readable, as a task.
#include <algorithm>
#include <set>

#include "mgmt/workspace_impl.hh"
#include "model/coerce.hh"

namespace mds::mgmt {
namespace {

constexpr int64_t k_limit = 500, k_most = 10'000;

std::set<std::string> classes(WorkspaceImpl& impl, Call& call, const char* name) {
    std::set<std::string> out;
    const json::value* given = json::find(call.params(), name);
    if (!given || given->is_null()) return out;
    for (const json::value& v : model::as_list(*given)) {
        out.insert(impl.catalog().require(model::coerce_string(v, name)).name);
    }
    return out;
}

void refuse_topics(Call& call, const char* name) {
    const json::value* given = json::find(call.params(), name);
    if (!given || given->is_null() || model::as_list(*given).empty()) return;
    model::invalid(name,
                   "There are no topics here; use include-classes or exclude-classes with "
                   "types of objects.");
}

json::object export_objects(WorkspaceImpl& impl, Call& call) {
    call.only(
        {"include-classes", "exclude-classes", "include-topics", "exclude-topics", "query-limit"});
    refuse_topics(call, "include-topics");
    refuse_topics(call, "exclude-topics");
    std::set<std::string> included = classes(impl, call, "include-classes");
    std::set<std::string> excluded = classes(impl, call, "exclude-classes");
    int64_t limit = call.integer("query-limit", k_limit);
    if (limit < 1 || limit > k_most) {
        model::invalid("query-limit",
                       "The value must be between 1 and " + std::to_string(k_most) + ".");
    }
    json::array out;
    uint64_t exported = 0, total = 0;
    std::string cut;
    Shown shown(call, model::Level::uid);
    for (const model::Type& type : impl.catalog().types()) {
        bool wanted =
            (included.empty() || included.contains(type.name)) && !excluded.contains(type.name);
        if (!wanted || type.own || !call.may(type.area, false)) continue;
        PageRequest request;
        request.types = {&type};
        request.limit = static_cast<uint64_t>(limit);
        request.predefined = false;
        Page page = page_of(impl, call, request);
        if (page.total == 0) continue;
        json::array objects;
        for (const View& view : page.views) objects.push_back(shown.full(view));
        exported += objects.size();
        total += page.total;
        if (objects.size() < page.total) cut += (cut.empty() ? "" : ", ") + type.name;
        out.push_back(json::object{
            {"class", type.name}, {"total", page.total}, {"objects", std::move(objects)}});
    }
    Uid task = impl.self.create_task("Export", impl.settings.domain.name, call.user(), false,
                                     call.session_uid());
    std::string note = cut.empty() ? "" : "Not all objects, because of query-limit: " + cut;
    impl.self.finish_task(task, cut.empty() ? "succeeded" : "succeeded with warnings",
                          json::array{json::object{{"exported-objects", exported},
                                                   {"total-objects", total},
                                                   {"statusDescription", note},
                                                   {"classes", std::move(out)}}},
                          note);
    return {{"task-id", task.text()}};
}

}  // namespace

void WorkspaceImpl::register_export_commands() {
    add_simple("export", export_objects, "Tells the objects of the Domain by type, as a task");
}

}  // namespace mds::mgmt
