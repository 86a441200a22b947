#pragma once
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "mgmt/workspace.hh"

namespace mds::fuzz {

/// A Domain's database with a few objects and a session, in memory's file system.
class Workspace {
  public:
    Workspace() {
        char name[] = "/dev/shm/openmds_fuzz_XXXXXX";
        folder_ = mkdtemp(name);
        db_ = std::make_unique<store::PublicDb>(folder_);
        db_->create(Uid::make(), "fuzz");
        work_ = std::make_unique<mgmt::WorkDb>(folder_ + "/work.db");
        mgmt::Settings settings;
        settings.domain = {Uid::make(), "acme", "domain"};
        settings.owner_tag = "ownertag";
        settings.catalog = &model::domain_catalog();
        workspace_ = std::make_unique<mgmt::Workspace>(*db_, *work_, settings, mgmt::Hooks{});
        login();
        for (const char* line :
             {"add-host {\"name\":\"web-1\",\"ip-address\":\"10.0.0.1\",\"tags\":[\"prod\"]}",
              "add-host {\"name\":\"web-2\",\"ip-address\":\"10.0.0.2\",\"comments\":\"the 2nd\"}",
              "add-network {\"name\":\"lan\",\"subnet\":\"10.0.0.0\",\"mask-length\":24}",
              "add-group {\"name\":\"farm\",\"members\":[\"web-1\",\"web-2\"]}",
              "add-access-layer {\"name\":\"Network\"}",
              "add-package {\"name\":\"Standard\"}",
              "add-access-section {\"layer\":\"Network\",\"position\":\"top\",\"name\":\"first\"}",
              "add-access-rule {\"layer\":\"Network\",\"position\":\"top\",\"name\":\"r1\","
              "\"source\":\"farm\",\"action\":\"Accept\"}",
              "add-nat-rule {\"package\":\"Standard\",\"position\":\"top\",\"name\":\"n1\"}",
              "publish {}"}) {
            std::string text = line;
            size_t space = text.find(' ');
            if (ask(text.substr(0, space), text.substr(space + 1)).status != 200) abort();
        }
    }
    ~Workspace() {
        workspace_.reset();
        work_.reset();
        db_.reset();
        std::filesystem::remove_all(folder_);
    }
    void login() {
        sid_ = json::get_string(
            workspace_->open_session(
                {{"user", "ops"},
                 {"permissions", json::object{{"read-write", true}, {"manage-sessions", true}}}}),
            "sid");
    }
    /// An answer is JSON; an error has a code and a message, and is none of our own making.
    mgmt::Reply ask(const std::string& command, std::string_view body) {
        mgmt::Reply reply = workspace_->execute(sid_, command, "", body, {});
        json::object answer = json::parse_object(reply.body);
        if (reply.status == 200) return reply;
        if (json::get_string(answer, "code").empty() || json::get_string(answer, "message").empty()) {
            abort();
        }
        // 501 is the documented answer of commands that belong to other products.
        if (reply.status >= 500 && reply.status != 501) {
            fprintf(stderr, "%s: %s\n", command.c_str(), reply.body.c_str());
            abort();
        }
        if (reply.status == 401) login();
        return reply;
    }
    std::vector<std::string> commands() const { return workspace_->command_names(); }

  private:
    std::string folder_, sid_;
    std::unique_ptr<store::PublicDb> db_;
    std::unique_ptr<mgmt::WorkDb> work_;
    std::unique_ptr<mgmt::Workspace> workspace_;
};

}  // namespace mds::fuzz
