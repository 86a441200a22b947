#include "mgmt/rule_index.hh"

#include <algorithm>

#include "base/text.hh"
#include "json/json.hh"

namespace mds::mgmt {
namespace {

constexpr const char* k_types[] = {"access-rule", "access-section", "nat-rule", "nat-section"};

bool is_section(const std::string& type) {
    return type.ends_with("-section");
}

bool earlier(const RuleIndex::Item& item, const std::string& path) {
    return item.path < path;
}

}  // namespace

std::vector<RuleIndex::Item>* RuleIndex::list_of(const std::string& type, const std::string& path) {
    Lane& lane = lanes_[path.substr(0, path.find('/'))];
    return is_section(type) ? &lane.sections : &lane.rules;
}

void RuleIndex::put(const Uid& uid, const std::string& type, const std::string& path,
                    std::string_view doc, bool in_order) {
    auto* list = list_of(type, path);
    if (in_order) {
        list->insert(std::lower_bound(list->begin(), list->end(), path, earlier), {path, uid});
    } else {
        list->push_back({path, uid});
    }
    std::string folded = fold(json::get_string(json::parse_object(doc), "name"));
    if (!folded.empty()) names_.emplace(folded, uid);
    known_[uid] = {type, path, std::move(folded)};
}

void RuleIndex::build() {
    lanes_.clear();
    known_.clear();
    names_.clear();
    // One statement a type: the index object_type_name answers it without the other objects.
    for (const char* type : k_types) {
        SQLite::Statement s(db_.db(), "SELECT uid, name, doc FROM object WHERE type=?");
        s.bind(1, type);
        while (s.executeStep()) {
            auto uid = s.getColumn(0), doc = s.getColumn(2);
            auto parsed = Uid::from_bytes({static_cast<const char*>(uid.getBlob()), 16});
            put(*parsed, type, fold(s.getColumn(1).getString()),
                {doc.getText(), static_cast<size_t>(doc.getBytes())}, false);
        }
    }
    for (auto& [within, lane] : lanes_) {
        for (auto* list : {&lane.rules, &lane.sections}) {
            std::sort(list->begin(), list->end(),
                      [](const Item& a, const Item& b) { return a.path < b.path; });
        }
    }
}

void RuleIndex::take(const store::Change& change) {
    bool ours = std::find(std::begin(k_types), std::end(k_types), change.type) != std::end(k_types);
    auto known = known_.find(change.uid);
    if (known != known_.end()) {
        auto* list = list_of(known->second.type, known->second.path);
        auto at = std::lower_bound(list->begin(), list->end(), known->second.path, earlier);
        if (at != list->end() && at->uid == change.uid) list->erase(at);
        auto [first, last] = names_.equal_range(known->second.folded);
        for (auto i = first; i != last; ++i) {
            if (i->second == change.uid) {
                names_.erase(i);
                break;
            }
        }
        known_.erase(known);
    }
    if (ours && change.op == store::Change::Op::put) {
        put(change.uid, change.type, fold(change.name), change.doc, true);
    }
}

const RuleIndex::Lane& RuleIndex::lane(const Uid& within) {
    static const Lane k_empty;
    follow();
    auto found = lanes_.find(within.text());
    return found == lanes_.end() ? k_empty : found->second;
}

std::vector<Uid> RuleIndex::named(const std::string& name) {
    follow();
    std::vector<Uid> out;
    auto [first, last] = names_.equal_range(fold(name));
    for (auto i = first; i != last; ++i) out.push_back(i->second);
    return out;
}

}  // namespace mds::mgmt
