#pragma once
#include <vector>

#include "model/address.hh"

namespace mds::mgmt {

/// A set of addresses of both families as ranges; Address orders IPv4 before IPv6.
class Spans {
  public:
    struct Span {
        model::Address first, last;
        bool operator==(const Span&) const = default;
    };
    /// 0.0.0.0/0 and ::/0.
    static Spans everything();

    void add(const model::Address& first, const model::Address& last) {
        list_.push_back({first, last});
    }
    void add(const Spans& other) {
        list_.insert(list_.end(), other.list_.begin(), other.list_.end());
    }
    /// Ascending, without overlaps or neighbours: what the questions below need.
    void merge();
    void subtract(Spans other);
    /// Whether every address of `other` is in this one; both merged.
    bool contains(const Spans& other) const;
    bool empty() const { return list_.empty(); }
    const std::vector<Span>& list() const { return list_; }
    bool operator==(const Spans&) const = default;

  private:
    std::vector<Span> list_;
};

/// The address with all bits behind `length` set.
model::Address all_ones_below(model::Address a, int length);

}  // namespace mds::mgmt
