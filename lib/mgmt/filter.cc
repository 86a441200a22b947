// The filter language of lists (management-api.md 6).
#include <algorithm>
#include <cstring>

#include "base/text.hh"
#include "mgmt/workspace_impl.hh"
#include "model/address.hh"
#include "store/refs.hh"

namespace mds::mgmt {

std::vector<FilterWord> filter_words(std::string_view text) {
    std::vector<FilterWord> out;
    for (size_t i = 0; i < text.size();) {
        if (text[i] == ' ') {
            ++i;
        } else if (text[i] == '"') {
            size_t end = text.find('"', i + 1);
            if (end == std::string_view::npos) end = text.size();
            out.push_back({std::string(text.substr(i + 1, end - i - 1)), true});
            i = end + 1;
        } else {
            size_t end = text.find_first_of(" \"", i);
            if (end == std::string_view::npos) end = text.size();
            out.push_back({std::string(text.substr(i, end - i)), false});
            i = end;
        }
    }
    return out;
}

bool begins_word(const std::string& text, const std::string& prefix) {
    for (size_t at = 0; (at = text.find(prefix, at)) != std::string::npos; ++at) {
        if (at == 0) return true;
        auto before = static_cast<unsigned char>(text[at - 1]);
        if (!std::isalnum(before) && before < 0x80) return true;
    }
    return false;
}

namespace {

/// Whether `text` holds `folded` in any case. Looks for one character of it, a digit or sign when
/// there is one, with memchr, and compares only there: most documents are passed in a few dozen
/// nanoseconds.
bool contains_folded(std::string_view text, std::string_view folded) {
    if (folded.empty()) return true;
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    size_t anchor = 0;
    while (anchor < folded.size() && letter(folded[anchor])) ++anchor;
    if (anchor == folded.size()) anchor = 0;
    if (text.size() < folded.size()) return false;
    char wanted[2] = {folded[anchor], letter(folded[anchor])
                                          ? static_cast<char>(folded[anchor] - 32)
                                          : folded[anchor]};
    for (int i = 0; i < (wanted[0] == wanted[1] ? 1 : 2); ++i) {
        const char* at = text.data() + anchor;
        const char* end = text.data() + text.size() - folded.size() + anchor + 1;
        while (at < end && (at = static_cast<const char*>(std::memchr(
                                at, wanted[i], static_cast<size_t>(end - at)))) != nullptr) {
            const char* first = at - anchor;
            size_t same = 0;
            while (same < folded.size() && lower(first[same]) == folded[same]) ++same;
            if (same == folded.size()) return true;
            ++at;
        }
    }
    return false;
}

/// The address is the object's, or lies in its network or range.
bool holds_address(const View& view, const std::string& text) {
    auto address = model::Address::parse(text);
    if (!address) return false;
    const json::object& d = view.document;
    std::string four = address->v6 ? "6" : "4", name = address->v6 ? "ipv6" : "ipv4";
    if (json::get_string(d, name + "-address") == text) return true;
    if (const json::value* subnet = json::find(d, "subnet" + four)) {
        auto base = model::Address::parse(subnet->as_string());
        int length = static_cast<int>(json::get_int(d, "mask-length" + four));
        if (base && address->masked(length) == *base) return true;
    }
    if (const json::value* low = json::find(d, name + "-address-first")) {
        auto first = model::Address::parse(low->as_string());
        auto last = model::Address::parse(json::get_string(d, name + "-address-last"));
        if (first && last && *first <= *address && *address <= *last) return true;
    }
    return false;
}

}  // namespace

Filter::Filter(Call& call, std::string_view text, bool ip_only) : ip_only_(ip_only) {
    std::vector<Term> all;
    auto close = [&] {
        if (!all.empty()) terms_.push_back(std::move(all));
        all.clear();
    };
    std::vector<View> tags;
    bool have_tags = false;
    for (const FilterWord& word : filter_words(text)) {
        if (!word.quoted && word.text == "AND") continue;
        if (!word.quoted && word.text == "OR") {
            close();
            continue;
        }
        Term term;
        term.folded = fold(word.text);
        while (!word.quoted && term.folded.ends_with('*')) term.folded.pop_back();
        if (auto address = model::Address::parse(word.text)) term.address = address->text();
        if (!ip_only_) {
            if (!have_tags && WorkspaceImpl::of(call).catalog().find("tag")) tags = call.all("tag");
            have_tags = true;
            for (const View& tag : tags) {
                if (begins_word(fold(tag.name), term.folded)) {
                    term.tags.push_back(store::make_reference(tag.uid));
                }
            }
        }
        all.push_back(std::move(term));
    }
    close();
}

bool Filter::matches(const Term& term, const View& view) const {
    if (!term.address.empty() && holds_address(view, term.address)) return true;
    if (ip_only_) return false;
    if (begins_word(fold(view.name), term.folded)) return true;
    if (begins_word(fold(json::get_string(view.document, "comments")), term.folded)) return true;
    for (const json::value& tag : json::get_array(view.document, "tags")) {
        for (const std::string& wanted : term.tags) {
            if (tag.is_string() && tag.as_string() == wanted) return true;
        }
    }
    for (const model::Field& field : view.type->fields) {
        if (!field.key) continue;
        const json::value* v = json::find(view.document, field.name);
        if (v && v->is_string() && fold(v->as_string()).starts_with(term.folded)) return true;
    }
    return false;
}

bool Filter::matches(const View& view) const {
    if (terms_.empty()) return true;
    return std::any_of(terms_.begin(), terms_.end(), [&](const std::vector<Term>& all) {
        return std::all_of(all.begin(), all.end(),
                           [&](const Term& term) { return matches(term, view); });
    });
}

bool Filter::maybe(const model::Type& type, std::string_view doc) const {
    if (terms_.empty()) return true;
    bool spans = type.addressing == model::Addressing::subnet ||
                 type.addressing == model::Addressing::range ||
                 type.addressing == model::Addressing::any_of;
    return std::any_of(terms_.begin(), terms_.end(), [&](const std::vector<Term>& all) {
        return std::all_of(all.begin(), all.end(), [&](const Term& term) {
            if (!term.address.empty() && (spans || contains_folded(doc, term.address))) return true;
            return !term.tags.empty() || contains_folded(doc, term.folded) ||
                   term.folded.find_first_of("\"\\/") != std::string::npos;
        });
    });
}

}  // namespace mds::mgmt
