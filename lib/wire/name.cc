#include "wire/name.hh"

namespace mds::wire {
namespace {

bool is_label(std::string_view text) {
    if (text.empty() || text.size() > 63) return false;
    for (char c : text) {
        bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
        if (!allowed) return false;
    }
    return true;
}

/// Takes what stands before `separator` off the front of `text`.
std::optional<std::string_view> take(std::string_view& text, std::string_view separator) {
    size_t at = text.find(separator);
    if (at == std::string_view::npos) return std::nullopt;
    std::string_view part = text.substr(0, at);
    text.remove_prefix(at + separator.size());
    return part;
}

}  // namespace

std::optional<ServerUri> parse_server_uri(std::string_view text) {
    constexpr std::string_view k_scheme = "mds://";
    if (!text.starts_with(k_scheme)) return std::nullopt;
    text.remove_prefix(k_scheme.size());
    auto name = take(text, ".servers.");
    if (!name || !is_label(*name)) return std::nullopt;
    auto deployment = take(text, ".mds.internal/server/");
    if (!deployment || !is_label(*deployment)) return std::nullopt;
    auto uid = Uid::parse(text);
    if (!uid) return std::nullopt;
    return ServerUri{std::string(*name), std::string(*deployment), *uid};
}

}  // namespace mds::wire
