#include "mgmt/spans.hh"

#include <algorithm>

namespace mds::mgmt {
namespace {

using model::Address;

/// The next address, or the one before; false at the end.
bool step(Address& a, int by) {
    for (int i = a.bits() / 8 - 1; i >= 0; --i) {
        uint8_t& byte = a.bytes[static_cast<size_t>(i)];
        uint8_t end = by > 0 ? 0xff : 0;
        if (byte != end) {
            byte = static_cast<uint8_t>(byte + by);
            return true;
        }
        byte = by > 0 ? 0 : 0xff;
    }
    return false;
}

}  // namespace

Address all_ones_below(Address a, int length) {
    for (int bit = length; bit < a.bits(); ++bit) {
        a.bytes[static_cast<size_t>(bit / 8)] |= static_cast<uint8_t>(0x80 >> (bit % 8));
    }
    return a;
}

Spans Spans::everything() {
    Spans out;
    Address zero;
    out.add(zero, all_ones_below(zero, 0));
    zero.v6 = true;
    out.add(zero, all_ones_below(zero, 0));
    return out;
}

void Spans::merge() {
    std::sort(list_.begin(), list_.end(),
              [](const Span& a, const Span& b) { return a.first < b.first; });
    std::vector<Span> out;
    for (const Span& span : list_) {
        if (!out.empty() && out.back().last.v6 == span.first.v6) {
            Address next = out.back().last;
            if (!step(next, 1) || span.first <= next) {
                out.back().last = std::max(out.back().last, span.last);
                continue;
            }
        }
        out.push_back(span);
    }
    list_ = std::move(out);
}

void Spans::subtract(Spans other) {
    merge();
    other.merge();
    // Both ascend: one pass. What is left of a range behind a hole meets the next hole.
    std::vector<Span> out;
    size_t hole = 0;
    for (Span rest : list_) {
        bool left = true;
        while (hole < other.list_.size() && other.list_[hole].last < rest.first) ++hole;
        for (size_t i = hole; left && i < other.list_.size(); ++i) {
            const Span& cut = other.list_[i];
            if (rest.last < cut.first) break;
            Address before = cut.first;
            if (rest.first < cut.first && step(before, -1)) out.push_back({rest.first, before});
            Address after = cut.last;
            left = cut.last < rest.last && step(after, 1);
            if (left) rest.first = after;
        }
        if (left) out.push_back(rest);
    }
    list_ = std::move(out);
}

bool Spans::contains(const Spans& other) const {
    auto at = list_.begin();
    for (const Span& span : other.list_) {
        at = std::lower_bound(at, list_.end(), span.first,
                              [](const Span& a, const Address& b) { return a.last < b; });
        if (at == list_.end() || span.first < at->first || at->last < span.last) return false;
    }
    return true;
}

}  // namespace mds::mgmt
