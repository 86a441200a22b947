#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace mds::core {

/// Writes the Prometheus text format, version 0.0.4: families one after the other, each with its samples.
class Exposition {
  public:
    /// Begins a metric; `type` is "gauge" or "counter". Its samples follow until the next one.
    void family(std::string_view name, std::string_view type, std::string_view help);
    using Label = std::pair<std::string_view, std::string_view>;
    /// Labels as they stand between the braces; made once for rows that have the same in several families.
    static std::string labels(std::initializer_list<Label> labels);
    void sample(std::string_view labels, int64_t value);
    void sample(std::string_view labels, double value);
    void sample(std::string_view labels, bool value) { sample(labels, int64_t{value}); }
    std::string take() { return std::move(text_); }

  private:
    void begin(std::string_view labels);
    std::string text_, name_;
};

}  // namespace mds::core
