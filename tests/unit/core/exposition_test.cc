#include "exposition.hh"

#include <gtest/gtest.h>

namespace mds::core {
namespace {

TEST(Exposition, AFamilyHasHelpTypeAndItsSamples) {
    Exposition out;
    out.family("openmds_x", "gauge", "What it is.");
    out.sample("", int64_t{-7});
    out.sample(Exposition::labels({{"a", "b"}, {"c", "d"}}), 0.25);
    out.sample(Exposition::labels({{"a", "e"}}), true);
    EXPECT_EQ(out.take(),
              "# HELP openmds_x What it is.\n# TYPE openmds_x gauge\nopenmds_x -7\n"
              "openmds_x{a=\"b\",c=\"d\"} 0.25\nopenmds_x{a=\"e\"} 1\n");
}

TEST(Exposition, NamesOfPeopleCannotLeaveTheirQuotes) {
    EXPECT_EQ(Exposition::labels({{"domain", "a\"} 1\nopenmds_up{x=\"\\"}}),
              "domain=\"a\\\"} 1\\nopenmds_up{x=\\\"\\\\\"");
}

TEST(Exposition, HelpKeepsItsQuotesAndStaysOneLine) {
    Exposition out;
    out.family("openmds_x", "counter", "a \"b\" \\ c\nd");
    EXPECT_EQ(out.take(), "# HELP openmds_x a \"b\" \\\\ c\\nd\n# TYPE openmds_x counter\n");
}

}  // namespace
}  // namespace mds::core
