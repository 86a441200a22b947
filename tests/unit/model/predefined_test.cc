#include "model/predefined.hh"

#include <gtest/gtest.h>

#include <set>

namespace mds::model {
namespace {

TEST(Predefined, FixedUidsOfThePublishedTable) {
    EXPECT_EQ(find_predefined("any", "any")->uid.text(), "97aeb369-9aea-11d5-bd16-0090272ccb30");
    EXPECT_EQ(find_predefined("service", "HTTPS")->uid.text(),
              "97aeb443-9aea-11d5-bd16-0090272ccb30");
    EXPECT_EQ(find_predefined("track", "None")->uid.text(), "29e53e3d-23bf-48fe-b6b1-d59bd88036f9");
    EXPECT_EQ(find_predefined("service", "nobody"), nullptr);
}

TEST(Predefined, UidsDifferAndAreFound) {
    std::set<Uid> seen;
    for (const Predefined& p : predefined_objects()) {
        EXPECT_TRUE(seen.insert(p.uid).second) << p.name;
        EXPECT_EQ(find_predefined(p.uid), &p);
        EXPECT_TRUE(is_predefined(p.uid));
        EXPECT_EQ(type_of(p).name, p.type);
    }
    EXPECT_FALSE(is_predefined(Uid::make()));
}

TEST(Predefined, DerivedUidsNeverChange) {
    EXPECT_EQ(find_predefined("service", "ssh")->uid.bytes[6] >> 4, 8);
}

TEST(Catalog, TablesAreConsistent) {
    for (const Catalog* catalog : {&domain_catalog(), &system_catalog()}) {
        std::set<std::string> names;
        for (const Type& type : catalog->types()) {
            EXPECT_TRUE(names.insert(type.name).second) << type.name;
            EXPECT_FALSE(type.family.empty()) << type.name;
            EXPECT_EQ(catalog->find_plural(type.plural), &type);
            std::set<std::string> fields;
            for (const Field& f : type.fields) {
                EXPECT_TRUE(fields.insert(f.name).second) << type.name << "." << f.name;
            }
        }
    }
}

}  // namespace
}  // namespace mds::model
