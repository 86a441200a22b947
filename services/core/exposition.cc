#include "exposition.hh"

#include <fmt/format.h>

#include <iterator>

namespace mds::core {
namespace {

void escape(std::string& out, std::string_view text, bool quotes) {
    for (char c : text) {
        if (c == '\\') {
            out += "\\\\";
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '"' && quotes) {
            out += "\\\"";
        } else {
            out += c;
        }
    }
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ");
    escape(text_, help, false);
    text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

std::string Exposition::labels(std::initializer_list<Label> labels) {
    std::string out;
    for (const auto& [name, value] : labels) {
        if (!out.empty()) out += ',';
        out.append(name).append("=\"");
        escape(out, value, true);
        out += '"';
    }
    return out;
}

void Exposition::begin(std::string_view labels) {
    text_ += name_;
    if (!labels.empty()) text_.append("{").append(labels).append("}");
    text_ += ' ';
}

void Exposition::sample(std::string_view labels, int64_t value) {
    begin(labels);
    fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

void Exposition::sample(std::string_view labels, double value) {
    begin(labels);
    fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

}  // namespace mds::core
