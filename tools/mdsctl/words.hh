#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "verbs.hh"

// The words of mdsctl as CLI11 reads them: the one table of nouns, verbs and options. Only files that add words see
// it.
namespace mds::ctl {

class Words {
  public:
    Words(CLI::App& app, Options& with) : app_(app), options(with) {}

    CLI::App* noun(const char* word, const char* text) { return app_.add_subcommand(word, text); }
    /// A verb of mdsctl itself.
    CLI::App* leaf(const char* word, const char* text, std::function<int(Client&)> run) {
        return leaf(&app_, word, text, std::move(run));
    }
    CLI::App* leaf(CLI::App* noun, const char* word, const char* text, std::function<int(Client&)> run) {
        CLI::App* sub = noun->add_subcommand(word, text);
        bool pages = is_paged(noun->get_name(), word);
        sub->callback([this, run = std::move(run), pages] {
            verb = run;
            paged = pages;
        });
        return sub;
    }
    /// The verb that a noun alone stands for.
    CLI::App* lists(CLI::App* noun, const char* text, std::function<int(Client&)> run, const char* word = "list") {
        noun->require_subcommand(0, 1);
        bool pages = is_paged(noun->get_name(), word);
        noun->callback([this, run, pages] {
            if (verb) return;
            verb = run;
            paged = pages;
        });
        return leaf(noun, word, text, std::move(run));
    }
    /// What a verb reads its arguments into; it lives as long as the words.
    template <class T>
    T& keep() {
        auto one = std::make_shared<T>();
        kept_.push_back(one);
        return *one;
    }
    /// The help of every noun ends with what people do with it.
    static void examples(CLI::App* noun, const char* first, const char* second, const char* third) {
        noun->footer(std::string("Examples:\n  ") + first + "\n  " + second + "\n  " + third);
    }
    /// Checked when the line was read, before the verb runs.
    void require(std::function<void()> check) { checks.push_back(std::move(check)); }

  private:
    /// What may be longer than a screen (C-4).
    static bool is_paged(const std::string& noun, const std::string& word) {
        return noun == "audit" || word == "list" || word == "log" || word == "diff";
    }

    CLI::App& app_;
    std::vector<std::shared_ptr<void>> kept_;

  public:
    Options& options;
    /// What was typed; empty until the line was read.
    std::function<int(Client&)> verb;
    bool paged = false;
    std::vector<std::function<void()>> checks;
    // Arguments that many verbs have.
    std::string name, target, address, id, key_file, new_name, in_domain;
    std::vector<std::string> names;
    bool all = false, problems = false, log_server = false;
};

void add_domain_words(Words& words);
void add_server_words(Words& words);
void add_administrator_words(Words& words);
/// The authorities; and the verbs of trust that are about certificates.
void add_authority_words(Words& words);
void add_trust_change_words(Words& words, CLI::App* trust);
void add_ha_words(Words& words);
/// Sessions, tasks, audit trails, backups.
void add_record_words(Words& words);
void add_config_words(Words& words);
/// For the classic registry tools; no verb of its own.
void add_registry_words(Words& words);

}  // namespace mds::ctl
