#include "model/document.hh"

#include <gtest/gtest.h>

#include <map>

#include "base/error.hh"
#include "base/text.hh"
#include "store/refs.hh"

namespace mds::model {
namespace {

class TestWorld : public World {
  public:
    std::map<std::string, Uid> names;
    std::vector<std::string> made;
    std::optional<Uid> find(const std::vector<std::string>&, std::string_view text) override {
        auto found = names.find(fold(text));
        if (found != names.end()) return found->second;
        auto uid = Uid::parse(text);
        for (const auto& [name, known] : names) {
            if (uid && known == *uid) return known;
        }
        return std::nullopt;
    }
    Uid tag(std::string_view name) override {
        made.emplace_back(name);
        return names[fold(name)] = Uid::make();
    }
};

const Type& type(const char* name) {
    return domain_catalog().require(name);
}

json::object make(const char* type_name, const char* params, TestWorld& world) {
    return make_document(type(type_name), json::parse_object(params), world);
}
json::object make(const char* type_name, const char* params) {
    TestWorld world;
    return make(type_name, params, world);
}

struct Bad {
    const char* type;
    std::string params;
    Code code;
    std::string message;
};

TEST(Document, BadInputMatrix) {
    const std::string long_name(300, 'n');
    const Bad cases[] = {
        {"host", R"({"ip-address":"1.2.3.4"})", Code::missing_parameters,
         "Missing parameter: [name]"},
        {"host", R"({"name":"h"})", Code::missing_parameters, "Missing parameter: [ip-address]"},
        {"host", R"({"name":"h","ip-address":"1.2.3.4","bogus":1})", Code::invalid_parameter_name,
         "Unrecognized parameter [bogus]"},
        {"host", R"({"name":"h","ip-addres":"1.2.3.4"})", Code::invalid_parameter_name,
         "Unrecognized parameter [ip-addres]. Did you mean"},
        {"host", R"({"name":"h","ip-address":"1.2.3.400"})", Code::invalid_parameter,
         "Invalid parameter for [ip-address]. '1.2.3.400' is not an IP address."},
        {"host", R"({"name":"h","ip-address":"01.2.3.4"})", Code::invalid_parameter,
         "Invalid parameter for [ip-address]."},
        {"host", R"({"name":"h","ipv4-address":"::1"})", Code::invalid_parameter,
         "'::1' is not an IPv4 address."},
        {"host", R"({"name":"h","ip-address":{"a":1}})", Code::invalid_parameter,
         "Invalid parameter for [ip-address]. A string is expected, not an object."},
        {"host", R"({"name":["h"],"ip-address":"1.2.3.4"})", Code::invalid_parameter,
         "Invalid parameter for [name]. A string is expected, not a list."},
        {"host", R"({"name":"","ip-address":"1.2.3.4"})", Code::invalid_parameter,
         "Invalid parameter for [name]. The name must not be empty."},
        {"host", R"({"name":"a\u001fb","ip-address":"1.2.3.4"})", Code::invalid_parameter,
         "Invalid parameter for [name]. Control characters are not allowed."},
        {"host", R"({"name":"h","ip-address":"1.2.3.4","comments":"\u001fx"})",
         Code::invalid_parameter, "Invalid parameter for [comments]. Control characters"},
        {"host", "{\"name\":\"" + long_name + "\",\"ip-address\":\"1.2.3.4\"}",
         Code::invalid_parameter, "The name is longer than 255 characters (300)."},
        {"host", R"({"name":"h","ip-address":"1.2.3.4","color":"rde"})", Code::invalid_parameter,
         "Invalid parameter for [color]. 'rde' is not a color. Did you mean 'red'?"},
        {"host", R"({"name":"h","ip-address":"1.2.3.4","nat-settings":{"auto-rule":"maybe"}})",
         Code::invalid_parameter, "Invalid parameter for [nat-settings.auto-rule]."},
        {"host", R"({"name":"h","ip-address":"1.2.3.4","nat-settings":{"x":1}})",
         Code::invalid_parameter_name, "Unrecognized parameter [nat-settings.x]"},
        {"host", R"({"name":"h","ip-address":"1.2.3.4","nat-settings":5})", Code::invalid_parameter,
         "Invalid parameter for [nat-settings]. An object is expected"},
        {"network", R"({"name":"n","subnet":"10.1.1.1","mask-length":24})", Code::invalid_parameter,
         "10.1.1.1/24 is not a network address; the network is 10.1.1.0."},
        {"network", R"({"name":"n","subnet":"10.1.1.0"})", Code::missing_parameters,
         "Missing parameter: [mask-length4]"},
        {"network", R"({"name":"n","subnet":"10.1.1.0","mask-length":33})", Code::invalid_parameter,
         "between 0 and 32"},
        {"network", R"({"name":"n","subnet":"10.1.1.0","subnet-mask":"255.0.255.0"})",
         Code::invalid_parameter, "'255.0.255.0' is not a subnet mask."},
        {"network", R"({"name":"n","subnet":"10.1.1.0","mask-length":24,"broadcast":"x"})",
         Code::invalid_parameter, "'x' is none of: allow, disallow."},
        {"address-range",
         R"({"name":"r","ip-address-first":"10.0.0.9","ip-address-last":"10.0.0.1"})",
         Code::invalid_parameter, "10.0.0.1 is before the first address, 10.0.0.9."},
        {"address-range", R"({"name":"r","ip-address-first":"10.0.0.9"})", Code::missing_parameters,
         "Missing parameter: [ipv4-address-last]"},
        {"group", R"({"name":"g","members":["nobody"]})", Code::object_not_found,
         "Requested object [nobody] not found"},
        {"service-tcp", R"({"name":"s","port":"70000"})", Code::invalid_parameter,
         "'70000' is not a port"},
        {"service-tcp", R"({"name":"s","port":"90-80"})", Code::invalid_parameter,
         "Invalid parameter for [port]."},
        {"service-icmp", R"({"name":"s","icmp-type":256})", Code::invalid_parameter,
         "The value must be between 0 and 255."},
        {"service-icmp", R"({"name":"s","icmp-type":"x"})", Code::invalid_parameter,
         "An integer is expected."},
        {"dns-domain", R"({"name":"example.com","is-sub-domain":true})", Code::invalid_parameter,
         "begins with a dot"},
        {"dns-domain", R"({"name":".example.com"})", Code::missing_parameters,
         "Missing parameter: [is-sub-domain]"},
        {"wildcard", R"({"name":"w","ipv4-address":"10.0.0.1"})", Code::missing_parameters,
         "Missing parameter: [ipv4-mask-wildcard]"},
    };
    for (const Bad& bad : cases) {
        try {
            make(bad.type, bad.params.c_str());
            ADD_FAILURE() << "accepted: " << bad.params;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), bad.code) << bad.params << " -> " << error.message();
            EXPECT_NE(error.message().find(bad.message), std::string::npos)
                << bad.params << " -> " << error.message();
        }
    }
}

TEST(Document, LooseInputBecomesTyped) {
    json::object d = make("service-tcp", R"({"name":123,"port":8443,"match-for-any":"false",
                                             "session-timeout":"60"})");
    EXPECT_EQ(d.at("name"), "123");
    EXPECT_EQ(d.at("port"), "8443");
    EXPECT_EQ(d.at("match-for-any"), false);
    EXPECT_EQ(d.at("session-timeout"), 60);
    EXPECT_EQ(d.at("use-default-session-timeout"), true);
    EXPECT_EQ(d.at("color"), "black");
}

TEST(Document, AddressesAreCanonical) {
    json::object d = make("host", R"({"name":"h","ip-address":"2001:DB8:0:0:0:0:0:1"})");
    EXPECT_EQ(d.at("ipv6-address"), "2001:db8::1");
    EXPECT_FALSE(d.contains("ipv4-address"));
    d = make("network", R"({"name":"n","subnet":"10.0.0.0","subnet-mask":"255.255.252.0"})");
    EXPECT_EQ(d.at("subnet4"), "10.0.0.0");
    EXPECT_EQ(d.at("mask-length4"), 22);
    EXPECT_FALSE(d.contains("subnet-mask"));
    d = make("network", R"({"name":"n","subnet":"2001:db8::","mask-length":"32"})");
    EXPECT_EQ(d.at("mask-length6"), 32);
    d = make("network", R"({"name":"n","subnet4":"10.0.0.0","mask-length4":8,"subnet6":"",
                            "mask-length6":""})");
    EXPECT_FALSE(d.contains("subnet6"));
}

TEST(Document, OneItemWhereAListIsMeant) {
    TestWorld world;
    world.names["a"] = Uid::make();
    json::object d = make("group", R"({"name":"g","members":"A"})", world);
    EXPECT_EQ(d.at("members"), (json::array{store::make_reference(world.names["a"])}));
}

TEST(Document, RepeatedMembersCountOnce) {
    TestWorld world;
    json::array names;
    for (int i = 0; i < 40; ++i) {
        world.names["m" + std::to_string(i)] = Uid::make();
        names.push_back(json::value("m" + std::to_string(i)));
        names.push_back(json::value("M" + std::to_string(i)));
    }
    json::object d = make_document(type("group"), {{"name", "g"}, {"members", names}}, world);
    EXPECT_EQ(d.at("members").as_array().size(), 40u);
}

TEST(Document, UnknownTagIsMade) {
    TestWorld world;
    json::object d =
        make("host", R"({"name":"h","ip-address":"1.2.3.4","tags":["prod","prod"]})", world);
    EXPECT_EQ(world.made, std::vector<std::string>{"prod"});
    EXPECT_EQ(d.at("tags").as_array().size(), 1u);
}

TEST(Document, SetReplacesAddsAndRemoves) {
    TestWorld world;
    for (const char* name : {"a", "b", "c"}) world.names[name] = Uid::make();
    json::object d = make("group", R"({"name":"g","members":["a","b"]})", world);
    auto set = [&](const char* params) {
        return update_document(type("group"), d, json::parse_object(params), world);
    };
    EXPECT_TRUE(set(R"({"members":{"add":"c","remove":["a"]}})"));
    EXPECT_EQ(d.at("members"), (json::array{store::make_reference(world.names["b"]),
                                            store::make_reference(world.names["c"])}));
    EXPECT_FALSE(set(R"({"members":{"add":["b"]}})"));
    EXPECT_TRUE(set(R"({"members":[]})"));
    EXPECT_TRUE(set(R"({"new-name":"g2","comments":"c"})"));
    EXPECT_EQ(d.at("name"), "g2");
    EXPECT_TRUE(set(R"({"comments":""})"));
    EXPECT_THROW(set(R"({"members":{"ad":["b"]}})"), Error);
}

TEST(Document, SetOfAMaskAloneMovesTheMask) {
    TestWorld world;
    json::object d = make("network", R"({"name":"n","subnet":"10.0.0.0","mask-length":8})", world);
    EXPECT_TRUE(update_document(type("network"), d, {{"mask-length", 16}}, world));
    EXPECT_EQ(d.at("mask-length4"), 16);
    EXPECT_THROW(update_document(type("network"), d, {{"subnet", "10.0.1.0"}}, world), Error);
}

TEST(Document, EqualsComparesOnlyWhatIsGiven) {
    TestWorld world;
    for (const char* name : {"a", "b"}) world.names[name] = Uid::make();
    json::object host = make("host", R"({"name":"h","ip-address":"192.0.2.1","color":"dark green",
                                         "tags":["a"]})",
                             world);
    Uid group = Uid::make();
    world.names["web"] = group;
    auto same = [&](const char* params, const std::vector<Uid>& groups = {}) {
        return equals_document(type("host"), host, json::parse_object(params), groups, world);
    };
    EXPECT_TRUE(same(R"({"name":"h"})"));
    EXPECT_TRUE(same(R"({"name":"h","ip-address":"192.0.2.1"})"));
    EXPECT_TRUE(same(R"({"name":"h","ipv4-address":"192.0.2.1","color":"Dark Green"})"));
    EXPECT_FALSE(same(R"({"name":"h","ipv4-address":"192.0.2.2"})"));
    EXPECT_TRUE(same(R"({"name":"h","tags":"a","comments":""})"));
    EXPECT_FALSE(same(R"({"name":"h","tags":["a","nobody"]})"));
    EXPECT_TRUE(world.made.empty());
    EXPECT_TRUE(same(R"({"name":"h","nat-settings":{"auto-rule":"false"}})"));
    EXPECT_FALSE(same(R"({"name":"h","nat-settings":{"auto-rule":true}})"));
    EXPECT_FALSE(same(R"({"name":"h","groups":["web"]})"));
    EXPECT_TRUE(same(R"({"name":"h","groups":["web"]})", {group}));
    EXPECT_FALSE(same(R"({"name":"h","groups":["gone"]})", {group}));
    EXPECT_TRUE(same(R"({"name":"h","layer":"x","position":1,"search-entire-rulebase":false,
                         "details-level":"full","ignore-warnings":true,"version":"1"})"));
    EXPECT_THROW(same(R"({"name":"h","bogus":1})"), Error);
}

TEST(Document, EqualsKnowsAliasesOfSubnetsAndNumbersAsText) {
    TestWorld world;
    json::object n = make("network", R"({"name":"n","subnet":"10.0.0.0","mask-length":24})", world);
    for (const char* params : {R"({"name":"n","subnet":"10.0.0.0","mask-length":"24"})",
                               R"({"name":"n","subnet4":"10.0.0.0","subnet-mask":"255.255.255.0"})",
                               R"({"name":"n","mask-length4":24,"broadcast":"Allow"})"}) {
        EXPECT_TRUE(equals_document(type("network"), n, json::parse_object(params), {}, world));
    }
}

TEST(Document, EqualsSkipsSecrets) {
    TestWorld world;
    const Type& mds = system_catalog().require("mds");
    json::object d = make_document(
        mds, {{"name", "m"}, {"ip-address", "127.0.0.2"}, {"one-time-password", "secret"}}, world);
    EXPECT_FALSE(d.contains("one-time-password"));
    EXPECT_TRUE(
        equals_document(mds, d, {{"name", "m"}, {"one-time-password", "other"}}, {}, world));
}

TEST(Document, ServerSideFieldsAreNotInput) {
    TestWorld world;
    const Type& mds = system_catalog().require("mds");
    EXPECT_THROW(make_document(
                     mds, {{"name", "m"}, {"ip-address", "127.0.0.2"}, {"role", "primary"}}, world),
                 Error);
}

TEST(Document, DomainServersTakeOneObjectOrAList) {
    TestWorld world;
    world.names["mds1"] = Uid::make();
    const Type& domain = system_catalog().require("domain");
    json::object server = {{"name", "acme-1"},
                           {"ip-address", "127.0.1.1"},
                           {"multi-domain-server", "mds1"},
                           {"active", "true"}};
    json::object d = make_document(domain, {{"name", "acme"}, {"servers", server}}, world);
    const json::object& first = d.at("servers").as_array().at(0).as_object();
    EXPECT_EQ(first.at("ipv4-address"), "127.0.1.1");
    EXPECT_EQ(first.at("active"), true);
    EXPECT_EQ(first.at("skip-start-domain-server"), false);
    EXPECT_EQ(first.at("type"), "management server");
    EXPECT_EQ(references_in(d).at(0).field, "servers.multi-domain-server");
}

}  // namespace
}  // namespace mds::model
