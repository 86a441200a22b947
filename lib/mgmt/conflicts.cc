// Conflict marks of recovered sessions (replication.md 7): what the author made of an object, what
// it was made from, and what is published now. They are found anew whenever somebody asks, so a
// mark comes and goes with what others publish.
#include <algorithm>
#include <set>

#include "base/text.hh"
#include "mgmt/workspace_impl.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

constexpr size_t k_value_shown = 60, k_fields_told = 3;

/// A document without who touched it when.
json::object content(std::string_view doc) {
    json::object out = json::parse_object(doc);
    out.erase("meta");
    return out;
}

bool same(std::string_view a, std::string_view b) {
    return a == b || content(a) == content(b);
}

class Finder {
  public:
    Finder(WorkspaceImpl& impl, Session& session)
        : impl_(impl), session_(session), changes_(impl.overlay(session)) {}

    std::vector<Mark> run() {
        for (const auto& [uid, entry] : changes_.entries()) {
            if (entry.recovered) look(uid, entry);
        }
        return std::move(marks_);
    }

  private:
    void look(const Uid& uid, const Entry& mine) {
        auto theirs = impl_.db.get(uid);
        if (!mine.removed) look_at_name(uid, mine);
        if (!theirs) {
            if (mine.removed || mine.base_doc.empty()) return;
            add(uid, mine, "was deleted since by others; publishing creates it again.");
            return;
        }
        if (!mine.base_doc.empty() && same(theirs->doc, mine.base_doc)) return;
        if (!mine.removed && same(theirs->doc, mine.doc)) return;
        std::string since = " was changed since by revision " + std::to_string(theirs->rev);
        if (auto r = impl_.db.revision(theirs->rev); r && !r->author.empty()) {
            since += " of '" + r->author + "'";
        }
        if (mine.removed) {
            add(uid, mine, since + "; publishing deletes it all the same.");
            return;
        }
        Mark& mark = add(uid, mine, since);
        mark.fields = differences(content(mine.doc), content(theirs->doc));
        size_t told = std::min(mark.fields.size(), k_fields_told);
        for (size_t i = 0; i < told; ++i) {
            const json::object& f = mark.fields[i].as_object();
            mark.message += std::string(i ? "; " : ": ") + json::get_string(f, "field") +
                            " here is " + shown(f.at("mine")) + ", published is " +
                            shown(f.at("theirs"));
        }
        if (mark.fields.size() > told) {
            mark.message += "; and " + std::to_string(mark.fields.size() - told) + " more";
        }
        mark.message += ".";
    }

    void look_at_name(const Uid& uid, const Entry& mine) {
        auto other = impl_.db.find(mine.scope, mine.name);
        if (!other || other->uid == uid) return;
        // The session itself frees the name.
        const Entry* freed = changes_.find(other->uid);
        if (freed && (freed->removed || fold(freed->name) != fold(mine.name))) return;
        Mark& mark = add(uid, mine,
                         " cannot have this name: it was given to another object by revision " +
                             std::to_string(other->rev) + ". Choose another name.");
        mark.must_edit = true;
    }

    Mark& add(const Uid& uid, const Entry& mine, const std::string& what) {
        Mark mark;
        mark.uid = uid;
        mark.type = mine.type;
        mark.name = mine.name;
        if (mine.scope == "rulebase" && !mine.removed) {
            mark.name = json::get_string(json::parse_object(mine.doc), "name", uid.text());
        }
        mark.message = mine.type + " '" + mark.name + "'" + (what.front() == ' ' ? "" : " ") + what;
        marks_.push_back(std::move(mark));
        return marks_.back();
    }

    json::value named(const json::value& v) {
        if (v.is_array()) {
            json::array out;
            for (const json::value& item : v.as_array()) out.push_back(named(item));
            return out;
        }
        if (!v.is_string()) return v;
        auto uid = store::parse_reference(v.as_string());
        if (!uid) return v;
        if (const Entry* entry = changes_.find(*uid); entry && !entry->removed)
            return {entry->name};
        if (const auto* fixed = model::find_predefined(*uid)) return json::value(fixed->name);
        auto object = impl_.db.get(*uid);
        return json::value(object ? object->name : uid->text());
    }

    json::array differences(const json::object& mine, const json::object& theirs) {
        std::set<std::string> keys;
        for (const auto& member : mine) keys.emplace(member.key());
        for (const auto& member : theirs) keys.emplace(member.key());
        json::array out;
        for (const std::string& key : keys) {
            const json::value* a = json::find(mine, key);
            const json::value* b = json::find(theirs, key);
            json::value left = a ? *a : json::value(), right = b ? *b : json::value();
            if (left == right) continue;
            out.push_back(
                json::object{{"field", key}, {"mine", named(left)}, {"theirs", named(right)}});
        }
        return out;
    }

    static std::string shown(const json::value& v) {
        if (v.is_null()) return "not set";
        std::string text = v.is_string() ? "'" + std::string(v.as_string()) + "'" : json::text(v);
        if (text.size() <= k_value_shown) return text;
        size_t end = k_value_shown;
        // Never within a character.
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
        return text.substr(0, end) + "...";
    }

    WorkspaceImpl& impl_;
    Session& session_;
    Overlay& changes_;
    std::vector<Mark> marks_;
};

}  // namespace

std::vector<Mark> WorkspaceImpl::marks_of(Session& session) {
    if (session.changes == 0) return {};
    return Finder(*this, session).run();
}

}  // namespace mds::mgmt
