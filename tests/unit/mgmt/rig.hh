#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>

#include "base/clock.hh"
#include "mgmt/workspace.hh"

namespace mds::mgmt {

/// A Domain's database in a temporary folder, with its workspace.
class Rig : public ::testing::Test {
  protected:
    Rig() {
        char name[] = "/tmp/mgmt_test_XXXXXX";
        folder = mkdtemp(name);
        open();
        db->create(Uid::make(), "test");
    }
    ~Rig() override {
        close();
        std::filesystem::remove_all(folder);
    }
    void close() {
        workspace.reset();
        work.reset();
        db.reset();
    }
    void open() {
        db = std::make_unique<store::PublicDb>(folder);
        work = std::make_unique<WorkDb>(folder + "/work.db");
        Settings settings;
        settings.domain = {domain_uid, "acme", domain_type};
        settings.owner_tag = "ownertag";
        settings.catalog =
            domain_type == "mds" ? &model::system_catalog() : &model::domain_catalog();
        settings.server_name = "acme-1";
        settings.log_bytes = log_bytes;
        Hooks hooks;
        hooks.require_writable = [this] {
            if (standby) {
                throw Error(Code::standby, "This server is standby; Active: acme-2 (127.0.2.1).")
                    .refusal("RF-05", "log in to acme-2");
            }
        };
        hooks.is_standby = [this] { return standby; };
        hooks.fence = [this] {
            if (fenced) throw Error(Code::ha_invalid, "fenced");
        };
        hooks.published = [this](const store::Revision&) { ++published; };
        hooks.now_ms = [this] { return now; };
        hooks.purge_limit = [this] { return held_by_all; };
        hooks.replicate = replicate;
        hooks.where_active = [] { return std::string("Log in to acme-2 (127.0.2.1)."); };
        if (background) hooks.background = background;
        workspace = std::make_unique<Workspace>(*db, *work, settings, hooks);
    }
    void reopen() {
        close();
        open();
    }

    std::string login(json::object extra = {}) {
        json::object request = {{"user", "ops"},
                                {"permissions", json::object{{"read-write", true}}},
                                {"url", "https://127.0.0.1/web_api"}};
        for (auto& member : extra) request[member.key()] = member.value();
        last_login = workspace->open_session(request);
        return json::get_string(last_login, "sid");
    }
    struct Answer {
        int status;
        json::object body;
        std::string code() const { return json::get_string(body, "code"); }
        std::string message() const { return json::get_string(body, "message"); }
        std::string error(size_t i = 0) const {
            const auto& list = json::get_array(body, "errors");
            return i < list.size() ? json::get_string(list[i].as_object(), "message") : "";
        }
        std::string warning() const {
            const auto& list = json::get_array(body, "warnings");
            return list.empty() ? "" : json::get_string(list[0].as_object(), "message");
        }
    };
    Answer ask(const std::string& sid, const std::string& command, const std::string& body = "{}",
               const std::string& version = "") {
        Reply reply = workspace->execute(sid, command, version, body, {});
        return {reply.status, json::parse_object(reply.body)};
    }
    json::object good(const std::string& sid, const std::string& command,
                      const std::string& body = "{}") {
        Answer answer = ask(sid, command, body);
        EXPECT_EQ(answer.status, 200) << command << " " << body << ": " << json::text(answer.body);
        return answer.body;
    }
    std::string add_host(const std::string& sid, const std::string& name,
                         const std::string& address) {
        return json::get_string(
            good(sid, "add-host", R"({"name":")" + name + R"(","ip-address":")" + address + "\"}"),
            "uid");
    }
    std::string publish(const std::string& sid) {
        return json::get_string(good(sid, "publish"), "task-id");
    }

    std::string folder, domain_type = "domain";
    Uid domain_uid = Uid::make();
    bool standby = false, fenced = false;
    int published = 0;
    /// Size of the log that is purged; the newest revision that every registered server has.
    uint64_t log_bytes = 0, held_by_all = UINT64_MAX;
    /// Zero-loss publish; after a change of it: reopen().
    decltype(Hooks::replicate) replicate;
    /// For open(): Hooks::background.
    std::function<void(std::function<void()>, std::function<void()>)> background;
    int64_t now = 1'700'000'000'000;
    json::object last_login;
    std::unique_ptr<store::PublicDb> db;
    std::unique_ptr<WorkDb> work;
    std::unique_ptr<Workspace> workspace;
};

}  // namespace mds::mgmt
