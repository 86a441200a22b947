#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "mgmt/ranges.hh"

namespace mds::mgmt {

/// What a column of a rule stands for. A negated column with things of unknown addresses is known
/// only by its bounds: `lower` is surely in it, nothing outside of `upper` is.
struct Cell {
    bool any = false;
    Spans lower, upper;
    /// Sorted uids of what has no addresses.
    std::vector<Uid> lower_others, upper_others;
    /// The names in the column, for people: "http, https".
    std::string names;
    /// Smallest and largest address of `lower` and `upper` as ranks among those of all cells;
    /// `has_*` false: no addresses.
    uint32_t low = 0, high = 0, upper_low = 0, upper_high = 0;
    bool has_lower = false, has_upper = false;

    bool empty() const { return !any && upper.empty() && upper_others.empty(); }
};

/// The columns of many rules; equal ones are kept once and compared once.
class Cells {
  public:
    explicit Cells(Call& call) : call_(call) {}
    uint32_t addresses(const json::object& rule, const char* field);
    uint32_t services(const json::object& rule);
    /// After the last column was added: gives every cell its ranks.
    void rank();
    const Cell& operator[](uint32_t index) const { return cells_[index]; }
    /// Whether all of `b` is in `a`, certainly.
    bool covers(uint32_t a, uint32_t b);

  private:
    uint32_t cell(const json::object& rule, const char* field, bool services);
    Cell of_addresses(const std::vector<Uid>& uids, bool negated);
    Cell of_services(const std::vector<Uid>& uids, bool negated);
    void add_service(const Uid& uid, Cell& cell, std::set<Uid>& seen);
    std::string name_of(const Uid& uid);

    Call& call_;
    std::vector<Cell> cells_;
    std::map<std::string, uint32_t> known_;
    std::unordered_map<Uid, std::string> names_;
    std::unordered_map<uint64_t, bool> compared_;
};

}  // namespace mds::mgmt
