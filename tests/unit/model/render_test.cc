#include "model/render.hh"

#include <gtest/gtest.h>

#include "base/error.hh"
#include "model/address.hh"
#include "store/refs.hh"

namespace mds::model {
namespace {

const json::object k_domain = {{"uid", "d"}, {"name", "acme"}, {"domain-type", "domain"}};

TEST(Render, StandardHasTheKeyFields) {
    const Type& network = domain_catalog().require("network");
    json::object d = {{"name", "n"},
                      {"color", "red"},
                      {"subnet4", "10.0.0.0"},
                      {"mask-length4", 8},
                      {"broadcast", "allow"}};
    json::object shown = render_standard(network, Uid::make(), d, k_domain);
    EXPECT_EQ(shown.at("type"), "network");
    EXPECT_EQ(shown.at("icon"), "NetworkObjects/network");
    EXPECT_EQ(shown.at("subnet4"), "10.0.0.0");
    EXPECT_EQ(shown.at("mask-length4"), 8);
    EXPECT_EQ(shown.at("subnet-mask"), "255.0.0.0");
    EXPECT_FALSE(shown.contains("broadcast"));
}

TEST(Render, FullHasTheEnvelope) {
    const Type& host = domain_catalog().require("host");
    Uid tag = Uid::make();
    json::object d = {
        {"name", "h"},
        {"ipv4-address", "192.0.2.1"},
        {"tags", json::array{store::make_reference(tag)}},
        {"meta",
         json::object{
             {"created", 1000}, {"creator", "ops"}, {"modified", 2000}, {"modifier", "eve"}}}};
    RenderContext context;
    context.domain = k_domain;
    json::object shown = render_full(host, Uid::make(), d, context);
    for (const char* key : {"uid", "name", "type", "domain", "meta-info", "tags", "read-only",
                            "available-actions", "comments", "color", "icon", "ipv4-address"}) {
        EXPECT_TRUE(shown.contains(key)) << key;
    }
    EXPECT_FALSE(shown.contains("ipv6-address"));
    EXPECT_FALSE(shown.contains("meta"));
    EXPECT_EQ(shown.at("tags"), (json::array{tag.text()}));
    const json::object& info = shown.at("meta-info").as_object();
    EXPECT_EQ(info.at("creator"), "ops");
    EXPECT_EQ(info.at("last-modifier"), "eve");
    EXPECT_EQ(info.at("creation-time").as_object().at("posix"), 1000);
    EXPECT_EQ(shown.at("available-actions").as_object().at("edit"), "true");
}

TEST(Render, ServersShowNamesAndHideInternals) {
    const Type& domain = system_catalog().require("domain");
    Uid mds = Uid::make();
    json::object server = {{"name", "acme-1"},
                           {"uid", "x"},
                           {"primary", true},
                           {"active", true},
                           {"multi-domain-server", store::make_reference(mds)}};
    RenderContext context;
    context.name = [](const Uid&) { return "mds1"; };
    json::object shown = render_full(domain, Uid::make(),
                                     {{"name", "acme"}, {"servers", json::array{server}}}, context);
    const json::object& first = shown.at("servers").as_array().at(0).as_object();
    EXPECT_EQ(first.at("multi-domain-server"), "mds1");
    EXPECT_FALSE(first.contains("uid"));
    EXPECT_FALSE(first.contains("primary"));
}

TEST(Render, UnknownLevelIsRefused) {
    EXPECT_THROW(level_from("huge"), Error);
}

TEST(Address, ParsesAndMasks) {
    EXPECT_FALSE(Address::parse("1.2.3"));
    EXPECT_FALSE(Address::parse("1.2.3.4 "));
    EXPECT_FALSE(Address::parse("fe80::1%eth0"));
    EXPECT_EQ(Address::parse("2001:db8:0:0:1:0:0:1")->text(), "2001:db8::1:0:0:1");
    EXPECT_EQ(Address::parse("10.1.2.3")->masked(20).text(), "10.1.0.0");
    EXPECT_EQ(length_of_mask("255.255.255.255"), 32);
    EXPECT_EQ(length_of_mask("0.0.0.0"), 0);
    EXPECT_EQ(length_of_mask("255.0.0.1"), std::nullopt);
    EXPECT_EQ(mask_of_length(30), "255.255.255.252");
}

}  // namespace
}  // namespace mds::model
