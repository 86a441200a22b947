#include "store/refs.hh"

#include <algorithm>

namespace mds::store {
namespace {

// The mark as it stands in JSON text, where U+001F is always escaped.
constexpr std::string_view k_mark_in_json = "\"\\u001f";

}  // namespace

std::string make_reference(const Uid& uid) { return "\x1f" + uid.text(); }

std::optional<Uid> parse_reference(std::string_view text) {
    if (text.size() != 37 || text[0] != '\x1f') return std::nullopt;
    return Uid::parse(text.substr(1));
}

std::vector<Uid> references_of(std::string_view doc) {
    std::vector<Uid> out;
    for (size_t at = 0; (at = doc.find(k_mark_in_json, at)) != std::string_view::npos;) {
        at += k_mark_in_json.size();
        auto uid = Uid::parse(doc.substr(at, 36));
        if (!uid) continue;
        out.push_back(*uid);
    }
    std::vector<Uid> unique;
    if (out.size() < 16) {
        for (const Uid& uid : out) {
            if (std::find(unique.begin(), unique.end(), uid) == unique.end()) unique.push_back(uid);
        }
        return unique;
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

}  // namespace mds::store
