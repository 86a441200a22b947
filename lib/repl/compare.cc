#include "repl/compare.hh"

#include <algorithm>

namespace mds::repl {
namespace {

/// Last revision of terms[index] in this history.
uint64_t end_of(const History& h, size_t index) {
    return index + 1 < h.terms.size() ? h.terms[index + 1].start_rev - 1 : h.position.rev;
}

/// Whether a server was made Active by an operator's decision after terms[index].
bool decided_after(const History& h, size_t index) {
    for (size_t i = index + 1; i < h.terms.size(); ++i) {
        if (h.terms[i].cause != "restart") return true;
    }
    return false;
}

}  // namespace

Comparison compare(const History& mine, const History& theirs) {
    Comparison result;
    if (mine.position.incarnation.is_nil() || theirs.position.incarnation.is_nil()) return result;
    if (mine.position.incarnation != theirs.position.incarnation) {
        result.relation = Relation::foreign;
        return result;
    }
    for (size_t i = mine.terms.size(); i-- > 0;) {
        auto found = std::find_if(theirs.terms.begin(), theirs.terms.end(),
                                  [&](const store::Term& t) { return t.id == mine.terms[i].id; });
        if (found == theirs.terms.end()) continue;
        size_t j = static_cast<size_t>(found - theirs.terms.begin());
        result.common_rev = std::min(end_of(mine, i), end_of(theirs, j));
        bool mine_more = mine.position.rev > result.common_rev;
        bool theirs_more = theirs.position.rev > result.common_rev;
        if (!mine_more && !theirs_more) {
            // The same revision of the same term must be the same record. It is not after a disk
            // or a virtual machine went back in time; then nobody knows better than an operator.
            bool equal = mine.position.hash == theirs.position.hash;
            result.relation = equal ? Relation::same : Relation::collision;
        } else if (!mine_more) {
            result.relation = Relation::behind;
        } else if (!theirs_more) {
            result.relation = Relation::ahead;
        } else {
            bool mine_decided = decided_after(mine, i), theirs_decided = decided_after(theirs, j);
            result.relation =
                mine_decided == theirs_decided ? Relation::collision : Relation::diverged;
            result.mine_yields = theirs_decided && !mine_decided;
        }
        return result;
    }
    result.relation = Relation::foreign;
    return result;
}

}  // namespace mds::repl
