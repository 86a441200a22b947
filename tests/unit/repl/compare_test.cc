#include "repl/compare.hh"

#include <gtest/gtest.h>

namespace mds::repl {
namespace {

Uid id(uint8_t n) {
    Uid uid;
    uid.bytes[15] = n;
    return uid;
}

/// A history: rows of (term, first revision, cause), then the last revision; the chain hash is
/// made from the path, as the real one is.
struct Row {
    uint8_t term;
    uint64_t start;
    const char* cause;
};

History make(std::vector<Row> rows, uint64_t rev, uint8_t incarnation = 1) {
    History h;
    h.position.incarnation = id(incarnation);
    h.position.rev = rev;
    for (const Row& row : rows) {
        store::Term t;
        t.id = id(row.term);
        t.no = h.terms.size() + 1;
        t.start_rev = row.start;
        t.cause = row.cause;
        h.terms.push_back(t);
    }
    h.position.term_id = h.terms.back().id;
    h.position.hash[0] = rows.back().term;
    h.position.hash[1] = static_cast<uint8_t>(rev);
    return h;
}

}  // namespace

TEST(Compare, SameBehindAhead) {
    History a = make({{1, 1, "create"}}, 10), b = make({{1, 1, "create"}}, 7);
    EXPECT_EQ(compare(a, a).relation, Relation::same);
    EXPECT_EQ(compare(a, b).relation, Relation::ahead);
    EXPECT_EQ(compare(b, a).relation, Relation::behind);
    EXPECT_EQ(compare(b, a).common_rev, 7u);
}

TEST(Compare, BehindAcrossATermChange) {
    History a = make({{1, 1, "create"}, {2, 8, "handover"}}, 10), b = make({{1, 1, "create"}}, 7);
    EXPECT_EQ(compare(b, a).relation, Relation::behind);
    EXPECT_EQ(compare(a, b).relation, Relation::ahead);
}

TEST(Compare, AReturnedActiveYieldsToTheForcedOne) {
    History returned = make({{1, 1, "create"}}, 12);
    History forced = make({{1, 1, "create"}, {2, 8, "force"}}, 9);
    Comparison c = compare(returned, forced);
    EXPECT_EQ(c.relation, Relation::diverged);
    EXPECT_TRUE(c.mine_yields);
    EXPECT_EQ(c.common_rev, 7u);
    EXPECT_FALSE(compare(forced, returned).mine_yields);
    // Also when it was restarted meanwhile: a restart is not an operator's decision.
    returned = make({{1, 1, "create"}, {3, 9, "restart"}}, 12);
    EXPECT_TRUE(compare(returned, forced).mine_yields);
}

TEST(Compare, TwoDecisionsAreACollision) {
    History a = make({{1, 1, "create"}, {2, 8, "force"}}, 9);
    History b = make({{1, 1, "create"}, {3, 8, "force"}}, 11);
    EXPECT_EQ(compare(a, b).relation, Relation::collision);
    EXPECT_EQ(compare(a, b).common_rev, 7u);
}

TEST(Compare, TheSameRevisionWithAnotherHashIsNeverEqual) {
    History a = make({{1, 1, "create"}}, 9), b = a;
    b.position.hash[5] ^= 1;
    EXPECT_EQ(compare(a, b).relation, Relation::collision);
}

TEST(Compare, ForeignAndEmpty) {
    History a = make({{1, 1, "create"}}, 9), b = make({{1, 1, "create"}}, 9, 2), none;
    EXPECT_EQ(compare(a, b).relation, Relation::foreign);
    EXPECT_EQ(compare(a, none).relation, Relation::no_history);
}

}  // namespace mds::repl
