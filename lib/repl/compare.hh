#pragma once
#include <cstdint>
#include <vector>

#include "store/public_db.hh"

namespace mds::repl {

/// How two histories relate, seen from "mine" (replication.md 5).
enum class Relation {
    same,       ///< equal revision and chain hash
    behind,     ///< theirs continues mine
    ahead,      ///< mine continues theirs
    diverged,   ///< each has revisions that the other lacks
    collision,  ///< diverged, and an operator forced an Active on both sides
    foreign,    ///< another incarnation: restored, or another Domain's history
    no_history, ///< one side has no base copy yet
};

struct Comparison {
    Relation relation = Relation::no_history;
    /// Last revision both have, for behind, ahead, diverged, collision.
    uint64_t common_rev = 0;
    /// Diverged: mine is the side that yields (parks its own revisions and follows).
    bool mine_yields = false;
};

struct History {
    store::Position position;
    std::vector<store::Term> terms;
};

/// Compares by the term tables alone, in one exchange. An operator's decision (cause "force") after
/// the fork wins over a side that has only gone on publishing or was restarted; two such decisions
/// are a collision, which an operator resolves.
Comparison compare(const History& mine, const History& theirs);

}  // namespace mds::repl
