#include "http/form.hh"

#include "base/ids.hh"
#include "base/text.hh"

namespace mds::http {
namespace {

std::optional<std::string> decoded(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            auto byte = unhex(text.substr(i + 1, 2));
            if (!byte || byte->size() != 1) return std::nullopt;
            c = (*byte)[0];
            i += 2;
        }
        auto u = static_cast<unsigned char>(c);
        if ((u < 0x20 && c != '\n' && c != '\r' && c != '\t') || u == 0x7f) return std::nullopt;
        out += c;
    }
    return out;
}

}  // namespace

std::optional<std::map<std::string, std::string>> parse_form(std::string_view body, size_t most) {
    std::map<std::string, std::string> fields;
    while (!body.empty()) {
        size_t end = body.find('&');
        std::string_view one = body.substr(0, end);
        body = end == body.npos ? std::string_view() : body.substr(end + 1);
        size_t equal = one.find('=');
        if (equal == one.npos || fields.size() == most) return std::nullopt;
        auto name = decoded(one.substr(0, equal)), value = decoded(one.substr(equal + 1));
        if (!name || !value || !fields.emplace(std::move(*name), std::move(*value)).second) return std::nullopt;
    }
    return fields;
}

std::string cookie_value(std::string_view header, std::string_view name) {
    std::string found;
    for (const std::string& one : split(std::string(header), ';')) {
        std::string pair = trim(one);
        if (pair.size() <= name.size() || !pair.starts_with(name) || pair[name.size()] != '=') continue;
        if (!found.empty()) return "";
        found = pair.substr(name.size() + 1);
    }
    return found;
}

std::string escape_html(std::string_view text) {
    std::string out;
    for (char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            default: out += c;
        }
    }
    return out;
}

}  // namespace mds::http
