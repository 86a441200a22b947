#include "draw.hh"

#include <algorithm>
#include <cstdio>

#include "base/clock.hh"
#include "base/printable.hh"
#include "base/text.hh"

namespace mds::ctl {
namespace {

struct Symbol {
    const char* state;
    const char* utf8;
    const char* ascii;
    const char* colour;
};

constexpr Symbol k_symbols[] = {
    {"active", "●", "*", "32"},
    {"running", "●", "*", "32"},
    {"synchronized", "●", "*", "32"},
    {"standby", "○", "o", ""},
    {"log server", "◇", "#", "35"},
    {"synchronizing", "◐", "~", "33"},
    {"lagging", "◔", "<", "33"},
    {"advanced", "◕", ">", "31"},
    {"unreachable", "✕", "x", "31"},
    {"silent", "✕", "x", "31"},
    {"sync-failed", "✕", "x", "31"},
    {"never-synchronized", "◌", "-", "33"},
    {"version-mismatch", "≠", "/", "31"},
    {"trust-missing", "⚿", "k", "31"},
    {"collision", "‼", "!", "31"},
    {"no-active", "⊘", "0", "31"},
    {"stopped", "■", ".", ""},
    {"starting", "◌", "-", "33"},
    {"done", "✓", "+", "32"},
    {"problem", "✕", "x", "31"},
    {"empty", "·", ".", ""},
    {"warning", "!", "!", "33"},
    {"unknown", "?", "?", "33"},
};

const Symbol& find(const std::string& state) {
    for (const Symbol& s : k_symbols) {
        if (state == s.state) return s;
    }
    return k_symbols[std::size(k_symbols) - 1];
}

}  // namespace

std::string cut(const Options& options, const std::string& text, size_t limit) {
    if (limit == 0 || columns(text) <= limit) return text;
    std::string out;
    size_t used = 0;
    bool coloured = false;
    for (size_t i = 0; i < text.size();) {
        size_t size = 1;
        while (i + size < text.size() && (static_cast<unsigned char>(text[i + size]) & 0xc0) == 0x80) {
            ++size;
        }
        if (text[i] == '\033') {
            size = text.find('m', i) + 1 - i;
            coloured = true;
        } else if (++used >= limit) {
            return out + (options.ascii ? "~" : "…") + (coloured ? "\033[0m" : "");
        }
        out += text.substr(i, size);
        i += size;
    }
    return out;
}

size_t columns(const std::string& text) {
    size_t count = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\033') {
            i = text.find('m', i);
            continue;
        }
        if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) ++count;
    }
    return count;
}

std::string symbol(const Options& options, const std::string& state) {
    const Symbol& s = find(state);
    std::string mark = options.ascii ? s.ascii : s.utf8;
    if (!options.colour || !*s.colour) return mark;
    return std::string("\033[") + s.colour + "m" + mark + "\033[0m";
}

std::string state_text(const Options& options, const std::string& state, const std::string& word) {
    return symbol(options, state) + " " + word;
}

std::string Table::text(const Options& options, const std::string& indent) const {
    std::string out;
    std::vector<size_t> width(header_.size(), 0);
    auto measure = [&](const std::vector<std::string>& cells) {
        for (size_t i = 0; i < cells.size() && i < width.size(); ++i) {
            width[i] = std::max(width[i], columns(cells[i]));
        }
    };
    if (options.headers) measure(header_);
    for (const auto& row : rows_) measure(row);
    auto line = [&](const std::vector<std::string>& cells) {
        std::string text = indent;
        for (size_t i = 0; i < cells.size(); ++i) {
            text += cells[i];
            if (i + 1 < cells.size()) text.append(width[i] - columns(cells[i]) + 2, ' ');
        }
        bool whole = !options.terminal || options.form == Form::wide;
        text = cut(options, text, whole ? 0 : static_cast<size_t>(options.width));
        while (!text.empty() && text.back() == ' ') text.pop_back();
        out += text + '\n';
    };
    if (options.headers) line(header_);
    for (const auto& row : rows_) line(row);
    return out;
}

std::string safe(const std::string& text) {
    return printable(text);
}

std::string wrapped(const Options& options, const std::string& first, const std::string& text) {
    size_t indent = columns(first), used = indent;
    auto width = static_cast<size_t>(options.terminal ? options.width : 0);
    std::string out = first;
    bool begun = false;
    for (const std::string& word : split(text, ' ')) {
        if (begun && width && used + 1 + columns(word) > width) {
            out += "\n" + std::string(indent, ' ');
            used = indent;
            begun = false;
        }
        if (begun) {
            out += ' ';
            ++used;
        }
        out += word;
        used += columns(word);
        begun = true;
    }
    return out;
}

std::string bar(const Options& options, int percent) {
    constexpr int k_width = 30;
    int full = std::clamp(percent, 0, 100) * k_width / 100;
    std::string out = options.ascii ? "[" : "";
    for (int i = 0; i < k_width; ++i) {
        out += options.ascii ? (i < full ? "#" : "-") : (i < full ? "━" : "─");
    }
    return out + (options.ascii ? "]" : "");
}

std::string since_text(int64_t then) { return then ? age_text(wall_ms() - then) : "-"; }

}  // namespace mds::ctl
