// The file of one Domain's backup: whatever is changed in it, it is refused.
#include "archive.hh"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/hash.hh"
#include "deployment.hh"
#include "folder.hh"

namespace mds::backup {
namespace {

namespace fs = std::filesystem;

class DomainArchive : public ::testing::Test {
  protected:
    DomainArchive() {
        fs::create_directories(folder.path + "/trust");
        replace_file(trust + "/identity.key", deployment.key.pem());
        replace_file(trust + "/identity.pem", deployment.server().pem());
        replace_file(trust + "/chain.pem", deployment.servers.certificate().pem());
        replace_file(trust + "/root.pem", root());
        fs::create_directories(folder.path + "/staging/domain");
        content = std::string(3000, 'x') + "the content of a Domain";
        replace_file(folder.path + "/staging/" + k_domain_content, content);
    }
    std::string root() const { return deployment.root.certificate().pem(); }
    Manifest manifest() const {
        Manifest m;
        m.version = "1.0";
        m.deployment = "acme-msp";
        m.deployment_id = test::k_deployment;
        m.server = "tokyo-mds-01";
        m.uid = test::k_server;
        m.role = "secondary";
        m.domain = {{"name", "London"}, {"revision", 7}};
        Entry entry;
        entry.size = content.size();
        entry.hash = hex(crypto::sha256(content));
        m.entries[k_domain_content] = entry;
        return m;
    }
    std::string write(const Manifest& m) {
        std::string file = folder.path + "/file";
        write_archive(m, folder.path + "/staging", trust, file);
        return file;
    }
    std::string read(const std::string& file, const std::string& anchor) {
        std::string to = folder.path + "/read";
        fs::remove_all(to);
        fs::create_directories(to);
        EXPECT_EQ(json::get_string(read_archive(file, anchor, to).manifest.domain, "name"), "London");
        return read_file(to + "/" + k_domain_content);
    }

    /// What reading all of it says against it.
    std::string refused(const std::string& file) {
        try {
            read_archive(file, root(), "");
        } catch (const Error& e) {
            return e.message();
        }
        return "";
    }
    static constexpr char k_refusal[] = "this backup cannot be used: ";

    test::Folder folder;
    test::Deployment deployment;
    std::string trust = folder.path + "/trust", content;
};

TEST_F(DomainArchive, ComesBackAsItWasAndItsHeadSaysWhatItIs) {
    std::string file = write(manifest());
    EXPECT_EQ(read(file, root()), content);
    Proof head = read_head(file, root());
    EXPECT_TRUE(head.known_root);
    EXPECT_EQ(json::get_int(head.manifest.domain, "revision"), 7);
    EXPECT_EQ(head.manifest.to_json(), read_archive(file, root(), "").manifest.to_json());
    EXPECT_FALSE(fs::exists(file + ".part"));
}

TEST_F(DomainArchive, T_33_AChangedByteIsRefusedWhereverItIs) {
    std::string file = write(manifest());
    const std::string good = read_file(file);
    size_t changed = 0;
    // Heads of entries have fields that say nothing (owner, time); the content and the list have none.
    for (const std::string& part : {content, std::string("\"revision\":7"), std::string("\"sha256\"")}) {
        size_t at = good.find(part);
        ASSERT_NE(at, std::string::npos) << part;
        for (size_t i = 0; i < part.size(); i += 1 + part.size() / 20) {
            std::string bad = good;
            bad[at + i] = static_cast<char>(bad[at + i] ^ 1);
            replace_file(file, bad);
            EXPECT_EQ(refused(file).rfind(k_refusal, 0), 0u) << part << " " << i << " " << refused(file);
            ++changed;
        }
    }
    EXPECT_GT(changed, 20u);
}

TEST_F(DomainArchive, T_33_AFileThatEndsTooEarlyIsRefused) {
    std::string file = write(manifest());
    const std::string good = read_file(file);
    size_t end = good.find("the content of a Domain") + 10;
    for (size_t size : {size_t{0}, size_t{100}, size_t{700}, end / 2, end}) {
        replace_file(file, good.substr(0, size));
        EXPECT_EQ(refused(file).rfind(k_refusal, 0), 0u) << size << " " << refused(file);
    }
}

TEST_F(DomainArchive, OneOfAnotherDeploymentIsRefused) {
    std::string file = write(manifest());
    test::Deployment other;
    EXPECT_THROW(read_head(file, other.root.certificate().pem()), Error);
    EXPECT_THROW(read_archive(file, other.root.certificate().pem(), ""), Error);
}

TEST_F(DomainArchive, WhatIsOfAServerIsNeverTakenForADomain) {
    Manifest m = manifest();
    m.domain = {};
    EXPECT_THROW(Manifest::parse(json::text(m.to_json())), Error);
    m = manifest();
    m.entries["state/system/identity.json"] = m.entries[k_domain_content];
    EXPECT_THROW(Manifest::parse(json::text(m.to_json())), Error);
    m.entries.erase(k_domain_content);
    EXPECT_THROW(Manifest::parse(json::text(m.to_json())), Error);
    m.domain = {};
    EXPECT_NO_THROW(Manifest::parse(json::text(m.to_json())));
    m.entries["domain/other"] = m.entries["state/system/identity.json"];
    EXPECT_THROW(Manifest::parse(json::text(m.to_json())), Error);
}

}  // namespace
}  // namespace mds::backup
