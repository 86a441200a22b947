#pragma once
#include <string>
#include <vector>

#include "client.hh"
#include "draw.hh"

// The one way in which lists are printed: as a table for people, or as JSON, CSV or names for programs.
namespace mds::ctl {

/// One value of a row: as people read it, and as programs do.
struct Cell {
    std::string shown, plain;

    // Most cells are a text, which is the same for both but for control characters.
    Cell(const char* text) : Cell(std::string(text)) {}                // NOLINT(google-explicit-constructor)
    Cell(const std::string& text) : shown(safe(text)), plain(text) {}  // NOLINT(google-explicit-constructor)
    Cell(int64_t number) : Cell(std::to_string(number)) {}             // NOLINT(google-explicit-constructor)
    /// `for_people` is safe already; it may have colours.
    Cell(std::string for_people, std::string for_programs)
        : shown(std::move(for_people)), plain(std::move(for_programs)) {}
};

/// What the grid says of a Domain Server that somebody has stopped: "stopped by anna 2 min ago: new disk".
std::string stopped_text(const json::object& stopped);
/// Symbol and word of a state; the word alone for programs.
Cell state_cell(const Options& options, const std::string& state, const std::string& word);
/// "2 min" for people, RFC 3339 for programs; "-" for 0.
Cell since_cell(int64_t wall_ms_then);
/// RFC 3339 for programs, the day for people; "-" for 0.
Cell day_cell(int64_t wall_ms);
/// "1.5 MiB" for people, bytes for programs.
Cell size_cell(int64_t bytes);
Cell yes_cell(bool yes);

struct Column {
    std::string title;
    /// Shown by `-o wide` only; CSV has every column.
    bool wide = false;

    Column(const char* text) : title(text) {}  // NOLINT(google-explicit-constructor)
    Column(std::string text, bool only_wide) : title(std::move(text)), wide(only_wide) {}
};

class Rows {
  public:
    /// `what` is listed: "Domains".
    Rows(std::string what, std::vector<Column> columns) : what_(std::move(what)), columns_(std::move(columns)) {}
    /// `whole`: the row for JSON. The first cell is its name.
    void row(json::object whole, std::vector<Cell> cells);
    bool empty() const { return rows_.empty(); }
    size_t size() const { return rows_.size(); }
    /// Prints them as options.form says. True when people read it and want what is said beside the table;
    /// an empty list is "No Domains." on standard error.
    bool print(const Options& options, const std::string& indent = "") const;
    /// The table for people.
    std::string text(const Options& options, const std::string& indent = "") const;

  private:
    void print_csv(const Options& options) const;

    std::string what_;
    std::vector<Column> columns_;
    std::vector<json::object> wholes_;
    std::vector<std::vector<Cell>> rows_;
};

/// JSON for programs (C-5), indented or a line an object: every object has a `schema`, times are RFC 3339.
void print_json(const Options& options, json::value value);
/// The end of an act: "✓ text" for people, an object with `result`, `text` and what `more` says for programs (JSON);
/// nothing with --quiet.
void print_done(const Options& options, const std::string& text, json::object more = {});
/// One object: JSON, or field by field.
void print_object(const Options& options, const json::object& object);

}  // namespace mds::ctl
