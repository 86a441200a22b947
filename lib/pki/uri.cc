#include "pki/uri.hh"

#include <algorithm>
#include <vector>

#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"

namespace mds::pki {
namespace {

constexpr std::string_view k_scheme = "mds://";
constexpr std::string_view k_suffix = ".mds.internal/";
constexpr size_t k_label = 63;

bool is_label_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool is_label(std::string_view text) {
    return !text.empty() && text.size() <= k_label && text.front() != '-' && text.back() != '-' &&
           std::all_of(text.begin(), text.end(), is_label_char);
}

}  // namespace

std::string Uri::text() const {
    return std::string(k_scheme) + name + "." + scope + "." + deployment + std::string(k_suffix) +
           kind + "/" + uuid;
}

Uri Uri::parse(std::string_view text) {
    auto refuse = [] {
        return Error(Code::forbidden, "The name in the certificate is not one of a deployment");
    };
    if (!text.starts_with(k_scheme)) throw refuse();
    std::string_view rest = text.substr(k_scheme.size());
    size_t at = rest.find(k_suffix);
    if (at == std::string_view::npos) throw refuse();
    std::vector<std::string> host = split(rest.substr(0, at), '.');
    std::vector<std::string> path = split(rest.substr(at + k_suffix.size()), '/');
    if (host.size() != 3 || path.size() != 2) throw refuse();
    for (const std::string* part : {&host[0], &host[1], &host[2], &path[0]}) {
        if (!is_label(*part)) throw refuse();
    }
    auto uid = Uid::parse(path[1]);
    if (!uid || uid->text() != path[1]) throw refuse();
    return {host[0], host[1], host[2], path[0], path[1]};
}

std::string label(std::string_view name) {
    std::string out = fold(name);
    for (char& c : out) {
        if (!is_label_char(c)) c = '-';
    }
    out.resize(std::min(out.size(), k_label));
    size_t begin = out.find_first_not_of('-');
    if (begin == std::string::npos) return "x";
    return out.substr(begin, out.find_last_not_of('-') - begin + 1);
}

}  // namespace mds::pki
