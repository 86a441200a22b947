// Lists: published objects in order of names from the index, merged with the session's own changes
// and the predefined objects. A page costs its position in the list, not the size of the content.
#include <algorithm>
#include <memory>
#include <tuple>
#include <unordered_map>

#include "base/text.hh"
#include "mgmt/workspace_impl.hh"
#include "model/address.hh"

namespace mds::mgmt {
namespace {

/// One source of a merge: sorted by folded name.
class Stream {
  public:
    virtual ~Stream() = default;
    virtual bool next() = 0;
    virtual std::optional<View> view() = 0;
    /// Whether every item here is one that is wanted.
    virtual bool known() const { return false; }
    std::string name;
    const model::Type* type = nullptr;
};

/// A row of `object`, from these columns.
View read_view(SQLite::Statement& s, int uid, int rev, int doc, int name, const model::Type& type) {
    View v;
    auto id = s.getColumn(uid), text = s.getColumn(doc);
    v.uid = *Uid::from_bytes({static_cast<const char*>(id.getBlob()), 16});
    v.type = &type;
    v.name = s.getColumn(name).getString();
    v.rev = static_cast<uint64_t>(s.getColumn(rev).getInt64());
    v.document = json::parse_object({text.getText(), static_cast<size_t>(text.getBytes())});
    return v;
}

/// Rows one by one, by a statement that is prepared when the first one is asked for.
class Rows {
  public:
    explicit Rows(SQLite::Database& db) : db_(db) {}
    std::optional<View> view(int64_t row, const model::Type& type) {
        if (!statement_) {
            statement_.emplace(db_, "SELECT uid, rev, doc, name FROM object WHERE rowid=?");
        }
        statement_->reset();
        statement_->bind(1, row);
        if (!statement_->executeStep()) return std::nullopt;
        return read_view(*statement_, 0, 1, 2, 3, type);
    }

  private:
    SQLite::Database& db_;
    std::optional<SQLite::Statement> statement_;
};

class PublicStream : public Stream {
  public:
    PublicStream(WorkspaceImpl& impl, const PageRequest& request, const model::Type& t,
                 const std::map<std::string, Uid>& hidden, uint64_t skip)
        : hidden_(hidden),
          with_doc_(static_cast<bool>(request.wanted)),
          names_(impl.db.db(), sql(request.descending, with_doc_)),
          rows_(impl.db.db()) {
        type = &t;
        names_.bind(1, t.name);
        names_.bind(2, static_cast<int64_t>(skip));
    }
    bool next() override {
        while (names_.executeStep()) {
            name = fold(names_.getColumn(0).getString());
            if (!hidden_.empty() && hidden_.contains(name)) continue;
            return true;
        }
        return false;
    }
    std::optional<View> view() override {
        if (with_doc_) return read_view(names_, 2, 3, 4, 5, *type);
        return rows_.view(names_.getColumn(1).getInt64(), *type);
    }

  private:
    /// Without documents the query is answered from the index alone.
    static const char* sql(bool descending, bool with_doc) {
        if (with_doc) {
            return descending ? "SELECT name, rowid, uid, rev, doc, name FROM object WHERE type=? "
                                "ORDER BY name COLLATE NOCASE DESC LIMIT -1 OFFSET ?"
                              : "SELECT name, rowid, uid, rev, doc, name FROM object WHERE type=? "
                                "ORDER BY name COLLATE NOCASE LIMIT -1 OFFSET ?";
        }
        return descending ? "SELECT name, rowid FROM object WHERE type=? "
                            "ORDER BY name COLLATE NOCASE DESC LIMIT -1 OFFSET ?"
                          : "SELECT name, rowid FROM object WHERE type=? "
                            "ORDER BY name COLLATE NOCASE LIMIT -1 OFFSET ?";
    }
    const std::map<std::string, Uid>& hidden_;
    bool with_doc_;
    SQLite::Statement names_;
    Rows rows_;
};

/// What a search finds among the published objects of all types, in one pass over the table as it
/// lies on the disk: by the index of names every row would be a jump to another page.
class FoundStream : public Stream {
  public:
    using Hidden = std::unordered_map<const model::Type*, const std::map<std::string, Uid>*>;
    FoundStream(WorkspaceImpl& impl, const PageRequest& request, const Hidden& hidden)
        : rows_(impl.db.db()) {
        SQLite::Statement rows(impl.db.db(),
                               "SELECT type, doc, rowid, uid, rev, name FROM object NOT INDEXED");
        const model::Type* at = nullptr;
        bool asked = false;
        while (rows.executeStep()) {
            auto text = rows.getColumn(0), doc = rows.getColumn(1);
            std::string_view name_of_type(text.getText(), static_cast<size_t>(text.getBytes()));
            if (!at || name_of_type != at->name) {
                at = impl.catalog().find(name_of_type);
                asked = at && hidden.contains(at);
            }
            if (!asked ||
                !request.maybe(*at, {doc.getText(), static_cast<size_t>(doc.getBytes())})) {
                continue;
            }
            View view = read_view(rows, 3, 4, 1, 5, *at);
            if (!request.wanted(view)) continue;
            std::string folded = fold(view.name);
            if (hidden.at(at)->contains(folded)) continue;
            items_.push_back({std::move(folded), at, rows.getColumn(2).getInt64()});
        }
        std::sort(items_.begin(), items_.end(), [&](const Item& a, const Item& b) {
            return request.descending ? b.name < a.name : a.name < b.name;
        });
    }
    bool next() override {
        if (at_ == items_.size()) return false;
        name = items_[at_].name;
        type = items_[at_++].type;
        return true;
    }
    bool known() const override { return true; }
    std::optional<View> view() override { return rows_.view(items_[at_ - 1].row, *type); }

  private:
    struct Item {
        std::string name;
        const model::Type* type;
        int64_t row;
    };
    Rows rows_;
    std::vector<Item> items_;
    size_t at_ = 0;
};

class OwnStream : public Stream {
  public:
    OwnStream(Call& call, const model::Type& t, const std::map<std::string, Uid>& objects,
              bool descending)
        : call_(call) {
        type = &t;
        for (const auto& [folded, uid] : objects) items_.emplace_back(folded, uid);
        if (descending) std::reverse(items_.begin(), items_.end());
    }
    bool next() override {
        if (at_ == items_.size()) return false;
        name = items_[at_++].first;
        return true;
    }
    std::optional<View> view() override { return call_.get(items_[at_ - 1].second); }

  private:
    Call& call_;
    std::vector<std::pair<std::string, Uid>> items_;
    size_t at_ = 0;
};

class PredefinedStream : public Stream {
  public:
    PredefinedStream(const model::Type& t, bool descending) {
        type = &t;
        for (const model::Predefined& p : model::predefined_objects()) {
            if (p.type == t.name) items_.push_back(&p);
        }
        std::sort(items_.begin(), items_.end(), [&](const auto* a, const auto* b) {
            return descending ? fold(b->name) < fold(a->name) : fold(a->name) < fold(b->name);
        });
    }
    bool next() override {
        if (at_ == items_.size()) return false;
        name = fold(items_[at_++]->name);
        return true;
    }
    std::optional<View> view() override { return view_of(*items_[at_ - 1]); }
    size_t size() const { return items_.size(); }

  private:
    std::vector<const model::Predefined*> items_;
    size_t at_ = 0;
};

/// What an object is ordered by: numbers and addresses by value, words by letters.
struct OrderKey {
    int kind = 0;
    int64_t number = 0;
    model::Address address;
    std::string word;
    auto operator<=>(const OrderKey&) const = default;
};

OrderKey order_key(const View& view, const std::string& field) {
    OrderKey key;
    const json::object& meta = json::get_object(view.document, "meta");
    static const std::map<std::string, const char*> k_meta = {{"creation-time", "created"},
                                                              {"last-modify-time", "modified"},
                                                              {"creator", "creator"},
                                                              {"last-modifier", "modifier"}};
    std::string name = field.starts_with("meta-info.") ? field.substr(10) : field;
    const json::value* v = nullptr;
    if (auto at = k_meta.find(name); at != k_meta.end()) {
        v = json::find(meta, at->second);
    } else if (name == "type") {
        key.kind = 3;
        key.word = view.type->name;
        return key;
    } else if (name == "uid") {
        key.kind = 3;
        key.word = view.uid.text();
        return key;
    } else {
        v = json::find(view.document, name == "ip-address" ? "ipv4-address" : name);
    }
    if (!v || v->is_null()) return key;  // without it: before all others
    if (v->is_int64() || v->is_bool()) {
        key.kind = 1;
        key.number = v->is_bool() ? v->as_bool() : v->as_int64();
    } else if (v->is_string()) {
        std::string text(v->as_string());
        if (auto address = model::Address::parse(text)) {
            key.kind = 2;
            key.address = *address;
        } else {
            key.kind = 3;
            key.word = fold(text);
        }
    }
    return key;
}

void check_order(const PageRequest& request) {
    static const std::vector<std::string> k_common = {
        "uid",     "type",          "comments",  "color", "creation-time", "last-modify-time",
        "creator", "last-modifier", "ip-address"};
    std::string name =
        request.order_by.starts_with("meta-info.") ? request.order_by.substr(10) : request.order_by;
    std::vector<std::string> known = k_common;
    for (const model::Type* type : request.types) {
        for (const model::Field& field : type->fields) known.push_back(field.name);
    }
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    std::string near = nearest(name, known);
    throw Error(Code::invalid_parameter,
                "Invalid parameter for [order]. There is no field '" + name + "' to order by" +
                    (near.empty() ? "." : "; did you mean '" + near + "'?"));
}

/// By another field than the name there is no index: every object is looked at, and sorted.
Page ordered_page(WorkspaceImpl& impl, Call& call, const PageRequest& request) {
    check_order(request);
    struct Item {
        OrderKey key;
        std::string name;
        Uid uid;
    };
    std::vector<Item> items;
    PageRequest all = request;
    all.order_by.clear();
    all.descending = false;
    all.offset = 0;
    all.limit = 0;
    all.wanted = [&](const View& view) {
        if (!request.wanted || request.wanted(view)) {
            items.push_back({order_key(view, request.order_by), fold(view.name), view.uid});
        }
        return false;
    };
    page_of(impl, call, all);
    // Equal ones stay in the order of their names.
    std::sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
        if (a.key != b.key) return request.descending ? b.key < a.key : a.key < b.key;
        return std::tie(a.name, a.uid) < std::tie(b.name, b.uid);
    });
    Page page;
    page.offset = request.offset;
    page.total = items.size();
    for (uint64_t i = request.offset; i < items.size() && page.views.size() < request.limit; ++i) {
        if (auto view = call.get(items[i].uid)) page.views.push_back(std::move(*view));
    }
    return page;
}

}  // namespace

Page page_of(WorkspaceImpl& impl, Call& call, const PageRequest& request) {
    if (!request.order_by.empty()) return ordered_page(impl, call, request);
    static const std::map<std::string, Uid> k_none;
    Page page;
    page.offset = request.offset;
    Session& session = call.session();
    Overlay* overlay = session.changes > 0 ? &impl.overlay(session) : nullptr;

    std::vector<std::unique_ptr<Stream>> streams;
    FoundStream::Hidden searched;
    uint64_t position = 0;
    // The only source of a single type can skip in the index.
    bool alone = request.types.size() == 1 && !request.wanted;
    for (const model::Type* type : request.types) {
        const auto& hidden = overlay ? overlay->hidden(type->name) : k_none;
        const auto& own = overlay ? overlay->of_type(type->name) : k_none;
        auto fixed = std::make_unique<PredefinedStream>(*type, request.descending);
        bool with_fixed = request.predefined && fixed->size() > 0;
        uint64_t published = request.wanted ? 0 : impl.db.object_count(type->name);
        if (!request.wanted) {
            page.total += published - hidden.size() + own.size() + (with_fixed ? fixed->size() : 0);
        }
        uint64_t skip = 0;
        if (alone && hidden.empty() && own.empty() && !with_fixed) {
            skip = std::min(request.offset, published);
            position = skip;
        }
        if (request.maybe) {
            searched[type] = &hidden;
        } else if (request.wanted || published > 0) {
            streams.push_back(std::make_unique<PublicStream>(impl, request, *type, hidden, skip));
        }
        if (!own.empty()) {
            streams.push_back(std::make_unique<OwnStream>(call, *type, own, request.descending));
        }
        if (with_fixed) streams.push_back(std::move(fixed));
    }

    if (!searched.empty()) {
        streams.push_back(std::make_unique<FoundStream>(impl, request, searched));
    }

    std::erase_if(streams, [](auto& s) { return !s->next(); });
    bool counting = static_cast<bool>(request.wanted);
    while (!streams.empty()) {
        if (!counting && page.views.size() >= request.limit) break;
        size_t first = 0;
        for (size_t i = 1; i < streams.size(); ++i) {
            int order = streams[i]->name.compare(streams[first]->name);
            if (request.descending ? order > 0 : order < 0) first = i;
        }
        Stream& stream = *streams[first];
        bool on_page = position >= request.offset && page.views.size() < request.limit;
        if (counting) {
            auto view = on_page || !stream.known() ? stream.view() : std::nullopt;
            if (stream.known() || (view && request.wanted(*view))) {
                if (on_page && view) page.views.push_back(std::move(*view));
                ++position;
                ++page.total;
            }
        } else {
            if (on_page) {
                if (auto view = stream.view()) page.views.push_back(std::move(*view));
            }
            ++position;
        }
        if (!stream.next()) streams.erase(streams.begin() + static_cast<std::ptrdiff_t>(first));
    }
    return page;
}

void read_paging(Call& call, PageRequest& request) {
    int64_t limit = call.integer("limit", 50), offset = call.integer("offset", 0);
    if (limit < 0 || limit > 500) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [limit]. The value must be between 1 and 500.");
    }
    if (offset < 0) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [offset]. The value must not be negative.");
    }
    request.limit = static_cast<uint64_t>(limit);
    request.offset = static_cast<uint64_t>(offset);
    const json::value* order = json::find(call.params(), "order");
    if (!order || order->is_null()) return;
    json::array list = order->is_array() ? order->as_array() : json::array{*order};
    if (list.empty()) return;
    const json::object* first = list[0].if_object();
    if (!first || first->size() != 1 || !first->begin()->value().is_string() ||
        (first->begin()->key() != "ASC" && first->begin()->key() != "DESC")) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [order]. A list of {\"ASC\": field} or {\"DESC\": "
                    "field} is expected.");
    }
    request.descending = first->begin()->key() == "DESC";
    std::string field(first->begin()->value().as_string());
    if (field != "name") request.order_by = std::move(field);
}

void put_range(json::object& reply, uint64_t offset, uint64_t count, uint64_t total) {
    // `to` reaches `total` on the last page and beyond it, or clients ask for ever; an empty list
    // has from 0 and to 0.
    reply["from"] = count == 0 ? 0 : offset + 1;
    reply["to"] = count == 0 ? (offset >= total ? total : std::min(offset, total)) : offset + count;
    reply["total"] = total;
}

json::object list_reply(Call& call, const Page& page, const std::string& container,
                        model::Level level) {
    Shown shown(call, level == model::Level::full ? model::Level::standard : level);
    json::array items;
    items.reserve(page.views.size());
    for (const View& view : page.views) items.push_back(shown.item(view, level));
    json::object reply;
    uint64_t count = items.size();
    reply[container] = std::move(items);
    put_range(reply, page.offset, count, page.total);
    return reply;
}

}  // namespace mds::mgmt
