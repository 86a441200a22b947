#include "rows.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.hh"
#include "base/printable.hh"
#include "base/stopped_text.hh"

namespace mds::ctl {
namespace {

/// It grows when a field changes its meaning; fields that are added do not count.
constexpr int k_schema = 1;

/// Members that are milliseconds since 1970; the management API has an object for a time instead.
bool is_time(std::string_view key) {
    constexpr std::string_view k_times[] = {"last-contact", "certificate-until", "since", "attached", "at"};
    return std::find(std::begin(k_times), std::end(k_times), key) != std::end(k_times);
}

json::value time_value(int64_t ms) { return ms > 0 ? json::value(rfc3339(ms)) : json::value(nullptr); }

json::value for_programs(const json::value& value, std::string_view key) {
    if (value.is_array()) {
        json::array out;
        for (const json::value& v : value.get_array()) out.push_back(for_programs(v, ""));
        return out;
    }
    if (value.is_object()) {
        const json::object& object = value.get_object();
        if (object.size() == 2 && object.contains("posix") && object.contains("iso-8601")) {
            return time_value(json::get_int(object, "posix"));
        }
        json::object out;
        for (const auto& [name, v] : object) out[name] = for_programs(v, name);
        return out;
    }
    return value.is_int64() && is_time(key) ? time_value(value.get_int64()) : value;
}

void mark(json::value& value) {
    if (value.is_object() && !value.get_object().contains("schema")) value.get_object()["schema"] = k_schema;
}

/// A field of CSV. Line breaks and tabs are quoted, which RFC 4180 can; other control characters would reach
/// a terminal.
std::string csv_field(const std::string& text) {
    std::string out, piece;
    for (char c : text) {
        if (c != '\n' && c != '\t') {
            piece += c;
            continue;
        }
        out += printable(piece) + c;
        piece.clear();
    }
    out += printable(piece);
    // What a spreadsheet would take for a formula becomes text; a lone "-" means that there is nothing.
    constexpr std::string_view k_formula = "=+-@\t";
    if (!out.empty() && k_formula.find(out[0]) != std::string_view::npos && out != "-") out.insert(0, 1, '\'');
    if (out.find_first_of(",\"\r\n") == std::string::npos) return out;
    for (size_t at = 0; (at = out.find('"', at)) != std::string::npos; at += 2) out.insert(at, 1, '"');
    return '"' + out + '"';
}

void add_fields(Rows& rows, const std::string& prefix, const json::value& value) {
    if (value.is_object() && !value.get_object().empty()) {
        for (const auto& [name, v] : value.get_object()) {
            add_fields(rows, prefix.empty() ? std::string(name) : prefix + "." + std::string(name), v);
        }
        return;
    }
    if (value.is_array() && !value.get_array().empty()) {
        size_t number = 0;
        for (const json::value& v : value.get_array()) add_fields(rows, prefix + "." + std::to_string(number++), v);
        return;
    }
    bool nothing = value.is_null() || value.is_object() || value.is_array();
    std::string text = nothing ? "-" : value.is_string() ? std::string(value.get_string()) : json::text(value);
    rows.row({}, {Cell(prefix), Cell(text)});
}

}  // namespace

std::string stopped_text(const json::object& stopped) {
    return mds::stopped_text(json::get_string(stopped, "by"), json::get_int(stopped, "since"),
                             json::get_string(stopped, "reason"));
}

Cell state_cell(const Options& options, const std::string& state, const std::string& word) {
    return {state_text(options, state, safe(word)), word};
}

Cell since_cell(int64_t then) { return {since_text(then), then ? rfc3339(then) : "-"}; }

Cell day_cell(int64_t ms) {
    std::string whole = ms > 0 ? rfc3339(ms) : "-";
    return {whole.substr(0, 10), whole};
}

Cell size_cell(int64_t bytes) {
    return {fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)), std::to_string(bytes)};
}

Cell yes_cell(bool yes) { return yes ? "yes" : "no"; }

void Rows::row(json::object whole, std::vector<Cell> cells) {
    wholes_.push_back(std::move(whole));
    rows_.push_back(std::move(cells));
}

std::string Rows::text(const Options& options, const std::string& indent) const {
    bool wide = options.form == Form::wide;
    auto shown = [&](size_t i) { return wide || !columns_[i].wide; };
    std::vector<std::string> header;
    for (size_t i = 0; i < columns_.size(); ++i) {
        if (shown(i)) header.push_back(safe(columns_[i].title));
    }
    Table table(std::move(header));
    for (const std::vector<Cell>& row : rows_) {
        std::vector<std::string> cells;
        for (size_t i = 0; i < row.size(); ++i) {
            if (shown(i)) cells.push_back(row[i].shown);
        }
        table.row(std::move(cells));
    }
    return table.text(options, indent);
}

void Rows::print_csv(const Options& options) const {
    auto line = [](const std::vector<std::string>& fields) {
        std::string text;
        for (const std::string& field : fields) text += (&field == fields.data() ? "" : ",") + csv_field(field);
        std::printf("%s\r\n", text.c_str());
    };
    std::vector<std::string> fields;
    for (const Column& column : columns_) fields.push_back(column.title);
    if (options.headers) line(fields);
    for (const std::vector<Cell>& row : rows_) {
        fields.clear();
        for (const Cell& cell : row) fields.push_back(cell.plain);
        line(fields);
    }
}

bool Rows::print(const Options& options, const std::string& indent) const {
    if (options.json) {
        json::array all;
        for (const json::object& whole : wholes_) all.push_back(whole);
        print_json(options, std::move(all));
        return false;
    }
    if (options.form == Form::csv) {
        print_csv(options);
        return false;
    }
    if (rows_.empty()) {
        if (!options.quiet) std::fprintf(stderr, "No %s.\n", what_.c_str());
        return false;
    }
    if (options.form == Form::name) {
        for (const std::vector<Cell>& row : rows_) std::printf("%s\n", safe(row[0].plain).c_str());
        return false;
    }
    std::printf("%s", text(options, indent).c_str());
    return true;
}

void print_json(const Options& options, json::value value) {
    value = for_programs(value, "");
    mark(value);
    if (value.is_array()) {
        for (json::value& v : value.get_array()) mark(v);
    }
    if (options.form != Form::jsonl) {
        std::printf("%s\n", json::pretty(value).c_str());
    } else if (value.is_array()) {
        for (const json::value& v : value.get_array()) std::printf("%s\n", json::text(v).c_str());
    } else {
        std::printf("%s\n", json::text(value).c_str());
    }
}

void print_done(const Options& options, const std::string& text, json::object more) {
    if (options.json) {
        more["result"] = "done";
        more["text"] = text;
        print_json(options, std::move(more));
    } else if (options.people() && !options.quiet) {
        std::printf("%s\n", wrapped(options, symbol(options, "done") + " ", safe(text)).c_str());
    }
}

void print_object(const Options& options, const json::object& object) {
    if (options.json) {
        print_json(options, object);
        return;
    }
    if (options.form == Form::name) {
        std::printf("%s\n", safe(json::get_string(object, "name", json::get_string(object, "task-id"))).c_str());
        return;
    }
    Rows rows("fields", {"FIELD", "VALUE"});
    add_fields(rows, "", for_programs(object, ""));
    rows.print(options);
}

}  // namespace mds::ctl
