#pragma once
#include <string>
#include <vector>

#include "base/shell.hh"
#include "client.hh"

namespace mds::ctl {

/// The symbol of a canonical state (appliance-ux 5), or its ASCII form.
std::string symbol(const Options& options, const std::string& state);
/// A state as people read it: symbol and word, coloured on a terminal.
std::string state_text(const Options& options, const std::string& state, const std::string& word);
/// Columns that a text takes on the screen (UTF-8, without escape sequences).
size_t columns(const std::string& text);

/// The text cut to `limit` columns, with an ellipsis ("~" in ASCII); whole when `limit` is 0.
std::string cut(const Options& options, const std::string& text, size_t limit);

/// A table: left-aligned columns two blanks apart, the last one cut at the screen's edge.
class Table {
  public:
    explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    std::string text(const Options& options, const std::string& indent = "") const;

  private:
    std::vector<std::string> header_;
    std::vector<std::vector<std::string>> rows_;
};

/// Control characters of names from the network never reach the terminal.
std::string safe(const std::string& text);
/// The text in lines of at most options.width columns (not cut when output is no terminal): the
/// first begins with `first`, the others with blanks of the same width.
std::string wrapped(const Options& options, const std::string& first, const std::string& text);
/// A bar of a fixed width, or its ASCII form.
std::string bar(const Options& options, int percent);
/// "2 min" since this wall clock time in ms; "-" for 0.
std::string since_text(int64_t wall_ms_then);

}  // namespace mds::ctl
