#include "mgmt/rulebase.hh"

#include <algorithm>

#include "base/text.hh"

namespace mds::mgmt {
namespace {

constexpr size_t k_word = 10;
constexpr uint64_t k_end = 3656158440062976;  // 36^10
/// Room left between neighbours of a row; its lower half is random, so that two administrators who
/// add at the same place do not choose the same order.
constexpr uint64_t k_step = 1 << 24;

constexpr char k_digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

std::string word_text(uint64_t value) {
    std::string out(k_word, '0');
    for (size_t i = k_word; i-- > 0; value /= 36) out[i] = k_digits[value % 36];
    return out;
}

std::optional<uint64_t> word_at(const std::string& order, size_t level) {
    if (order.size() < (level + 1) * k_word) return std::nullopt;
    uint64_t value = 0;
    for (size_t i = level * k_word; i < (level + 1) * k_word; ++i) {
        const char* digit = std::find(k_digits, k_digits + 36, order[i]);
        value = value * 36 + static_cast<uint64_t>(digit - k_digits) % 36;
    }
    return value;
}

uint64_t jitter() {
    std::string bytes = random_bytes(3);
    uint64_t value = 0;
    for (char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
    return value % (k_step / 2);
}

[[noreturn]] void bad_position(const std::string& why) {
    throw Error(Code::invalid_parameter, "Invalid parameter for [position]. " + why);
}

/// uids of a session's changes whose names begin with `prefix`.
std::pair<Merged::Own::const_iterator, Merged::Own::const_iterator> within(
    const Merged::Own& all, const std::string& prefix) {
    return {all.lower_bound(prefix), all.lower_bound(prefix + "~")};
}

const Merged::Own& changes_of(Call& call, const std::string& type, bool hidden) {
    static const Merged::Own k_none;
    Session& session = call.session();
    if (session.changes == 0) return k_none;
    Overlay& overlay = WorkspaceImpl::of(call).overlay(session);
    return hidden ? overlay.hidden(type) : overlay.of_type(type);
}

}  // namespace

const RuleKind k_access_kind{"access-rule", "access-section", "layer", "access-layer"};
const RuleKind k_nat_kind{"nat-rule", "nat-section", "package", "package"};

std::string order_between(const std::string& below, const std::string& above) {
    std::string order;
    bool bounded = !above.empty();
    for (size_t level = 0;; ++level) {
        auto low = word_at(below, level);
        auto high = bounded ? word_at(above, level) : std::nullopt;
        uint64_t from = low.value_or(0), to = high.value_or(k_end);
        if (to > from && to - from > 4 * k_step) {
            uint64_t value = !low && !high ? k_end / 2 : low ? from + k_step : to - 2 * k_step;
            return order + word_text(value + jitter());
        }
        // No room here: the order stays with the lower neighbour and goes on behind it.
        order += word_text(from);
        if (to != from) bounded = false;
    }
}

// ---- Merged ----

Merged::Merged(const std::vector<RuleIndex::Item>& base, const Own& own, const Own& hidden,
               const std::string& prefix)
    : base_(base), own_(own), hidden_(hidden), prefix_(prefix) {
    std::tie(own_first_, own_last_) = within(own, prefix);
    std::tie(hidden_first_, hidden_last_) = within(hidden, prefix);
}

size_t Merged::size() const {
    return base_.size() + static_cast<size_t>(std::distance(own_first_, own_last_)) -
           static_cast<size_t>(std::distance(hidden_first_, hidden_last_));
}

namespace {

auto base_at(const std::vector<RuleIndex::Item>& base, const std::string& path) {
    return std::lower_bound(
        base.begin(), base.end(), path,
        [](const RuleIndex::Item& item, const std::string& p) { return item.path < p; });
}

}  // namespace

size_t Merged::rank(const std::string& path) const {
    auto count = [&](Own::const_iterator first, Own::const_iterator last) {
        size_t n = 0;
        for (; first != last && first->first < path; ++first) ++n;
        return n;
    };
    return static_cast<size_t>(base_at(base_, path) - base_.begin()) +
           count(own_first_, own_last_) - count(hidden_first_, hidden_last_);
}

std::optional<Merged::Item> Merged::at(size_t index) const {
    auto own = own_first_, hidden = hidden_first_;
    size_t base = 0, position = 0;
    // From one change of the session to the next; what is published in between is one run.
    while (own != own_last_ || hidden != hidden_last_) {
        bool take_hidden =
            hidden != hidden_last_ && (own == own_last_ || hidden->first <= own->first);
        const std::string& path = take_hidden ? hidden->first : own->first;
        size_t until = static_cast<size_t>(base_at(base_, path) - base_.begin());
        if (index < position + (until - base)) break;
        position += until - base;
        base = until;
        if (take_hidden) {
            ++base;
            ++hidden;
        } else {
            if (index == position) return Item{own->first, own->second};
            ++position;
            ++own;
        }
    }
    size_t at = base + (index - position);
    if (at >= base_.size()) return std::nullopt;
    return base_[at];
}

std::optional<Merged::Item> Merged::after(const std::string& path) const {
    auto published = base_at(base_, path);
    while (published != base_.end() &&
           (published->path == path || hidden_.contains(published->path))) {
        ++published;
    }
    auto own = own_.upper_bound(std::max(path, prefix_));
    bool has_own = own != own_.end() && own->first.starts_with(prefix_);
    if (has_own && (published == base_.end() || own->first < published->path)) {
        return Item{own->first, own->second};
    }
    if (published == base_.end()) return std::nullopt;
    return *published;
}

std::optional<Merged::Item> Merged::before(const std::string& path) const {
    auto published = base_at(base_, path);
    while (published != base_.begin() && hidden_.contains(std::prev(published)->path)) --published;
    auto own = own_.lower_bound(path);
    bool has_own = own != own_.begin() && std::prev(own)->first.starts_with(prefix_);
    if (has_own &&
        (published == base_.begin() || std::prev(own)->first > std::prev(published)->path)) {
        return Item{std::prev(own)->first, std::prev(own)->second};
    }
    if (published == base_.begin()) return std::nullopt;
    return *std::prev(published);
}

// ---- Rulebase ----

Rulebase::Rulebase(Call& call, const RuleKind& kind, const Uid& within)
    : rules(WorkspaceImpl::of(call).rules.lane(within).rules, changes_of(call, kind.rule, false),
            changes_of(call, kind.rule, true), within.text() + "/"),
      sections(WorkspaceImpl::of(call).rules.lane(within).sections,
               changes_of(call, kind.section, false), changes_of(call, kind.section, true),
               within.text() + "/"),
      call_(call),
      kind_(kind),
      within_(within),
      prefix_(within.text() + "/") {}

std::string Rulebase::path(const View& view) const {
    return model::index_name(*view.type, view.document);
}

std::string Rulebase::previous(const std::string& path) const {
    auto a = rules.before(path), b = sections.before(path);
    return std::max(a ? a->path : "", b ? b->path : "");
}

std::string Rulebase::next(const std::string& path) const {
    auto a = rules.after(path), b = sections.after(path);
    if (!a || !b) return a ? a->path : b ? b->path : "";
    return std::min(a->path, b->path);
}

std::optional<View> Rulebase::named(const std::string& uid_or_name, const std::string& type) {
    auto here = [&](const Uid& uid) -> std::optional<View> {
        auto view = call_.get(uid);
        if (!view || view->type->name != type) return std::nullopt;
        if (Call::reference(view->document, kind_.within) != within_) return std::nullopt;
        return view;
    };
    if (auto uid = Uid::parse(uid_or_name)) {
        if (auto view = here(*uid)) return view;
    }
    if (uid_or_name.empty()) return std::nullopt;
    std::string folded = fold(uid_or_name);
    std::vector<Uid> candidates = WorkspaceImpl::of(call_).rules.named(uid_or_name);
    if (Session& session = call_.session(); session.changes > 0) {
        for (const Uid& uid : WorkspaceImpl::of(call_).overlay(session).titled(uid_or_name)) {
            candidates.push_back(uid);
        }
    }
    for (const Uid& uid : candidates) {
        auto view = here(uid);
        if (view && fold(view->name) == folded) return view;
    }
    return std::nullopt;
}

std::optional<View> Rulebase::rule(const std::string& uid_or_name) {
    return named(uid_or_name, kind_.rule);
}

std::optional<View> Rulebase::section(const std::string& uid_or_name) {
    return named(uid_or_name, kind_.section);
}

std::pair<std::string, std::string> Rulebase::gap(const json::value& position,
                                                  const std::optional<Uid>& moving) {
    std::string end = prefix_ + "~";
    std::string word = position.is_string() ? fold(position.as_string()) : "";
    if (word == "top") return {"", next(prefix_)};
    if (word == "bottom") return {previous(end), ""};
    if (const json::object* o = position.if_object()) {
        if (o->size() != 1) bad_position("One of top, bottom, above, below is expected.");
        std::string where(o->begin()->key());
        const json::value& what = o->begin()->value();
        std::string text = what.is_string() ? std::string(what.as_string()) : json::text(what);
        auto found = section(text);
        bool is_section = found.has_value();
        if (!found) found = rule(text);
        if (!found)
            throw Error(Code::object_not_found, "Requested object [" + text + "] not found");
        std::string at = path(*found);
        if (where == "above") return {previous(at), at};
        if (where == "below" || (where == "top" && is_section)) return {at, next(at)};
        if (where == "bottom" && is_section) {
            auto following = sections.after(at);
            return {previous(following ? following->path : end), following ? following->path : ""};
        }
        if (where == "top" || where == "bottom") bad_position("'" + text + "' is not a section.");
        bad_position("One of top, bottom, above, below is expected.");
    }
    int64_t number = 0;
    if (position.is_int64()) {
        number = position.as_int64();
    } else if (position.is_string() && !word.empty() &&
               std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
               word.size() < 10) {
        number = std::stoll(word);
    } else {
        bad_position("A number, top, bottom, or {\"above\": name} is expected.");
    }
    size_t total = rules.size() - (moving ? 1 : 0);
    if (number < 1 || static_cast<size_t>(number) > total + 1) {
        bad_position("The value must be between 1 and " + std::to_string(total + 1) + ".");
    }
    size_t index = static_cast<size_t>(number) - 1;
    if (moving) {
        // Numbers are those after the move: the rule itself makes no room.
        auto self = call_.get(*moving);
        if (self && rules.rank(path(*self)) <= index) ++index;
    }
    auto at = rules.at(index);
    if (!at) return {previous(end), ""};
    return {previous(at->path), at->path};
}

std::string Rulebase::order_for(const json::value& position, const std::optional<Uid>& moving) {
    auto [below, above] = gap(position, moving);
    auto order_of = [&](const std::string& path) {
        return path.empty() ? path : path.substr(prefix_.size());
    };
    return order_between(order_of(below), order_of(above));
}

}  // namespace mds::mgmt
