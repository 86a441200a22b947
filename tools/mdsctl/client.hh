#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/error.hh"
#include "json/json.hh"
#include "transport.hh"

namespace mds::ctl {

/// What lists and objects are printed as (-o).
enum class Form { table, wide, json, jsonl, csv, name };

/// What every verb has: the options of mdsctl(1) 4.2 and the connection to mds-core on this host.
struct Options {
    Form form = Form::table;
    /// The form is one of the two of JSON.
    bool json = false;
    bool yes = false, wait = true, quiet = false, verbose = false;
    /// Print the plan and what is against it, change nothing.
    bool dry_run = false;
    /// Long lists may go through a pager.
    bool pager = true;
    bool ascii = false, colour = false, headers = true, terminal = false;
    /// The terminal can move its cursor.
    bool moves = false;
    int timeout_s = 0;
    /// Whether people read standard output, not programs.
    bool people() const { return form == Form::table || form == Form::wide; }
    std::string reason;
    /// Columns to draw in; 0 = no limit (output is not a terminal).
    int width = 80;
};

/// The server that mdsctl works on. What it refuses is thrown with code word, refusal id and next command.
class Client {
  public:
    /// Longest wait for an answer: some commands ask servers that do not answer.
    static constexpr int k_patience_ms = 120'000;
    /// With --verbose it tells on standard error what is asked; with --dry-run it refuses to change anything.
    Client(std::unique_ptr<Transport> transport, const Options& options)
        : transport_(std::move(transport)), verbose_(options.verbose), dry_run_(options.dry_run) {}
    /// mds-core of this host. `reason`: told with every act, for its audit record.
    explicit Client(std::string reason = {}, int patience_ms = k_patience_ms)
        : Client(local_transport(std::move(reason), patience_ms), Options{}) {}

    /// Runs a management API command; `domain` empty = System Data.
    json::object run(const std::string& domain, const std::string& command, const json::object& body);
    /// The whole deployment.
    json::object grid();
    /// From now on this descriptor becomes readable when something changes; -1 when nobody tells.
    int watch() { return transport_->watch(); }
    /// Takes the news that made it readable.
    void watched() { transport_->watched(); }
    /// Sic1.SetKey.
    void set_key(const std::string& key, uint32_t valid_seconds) {
        require_change();
        transport_->set_key(key, valid_seconds);
    }
    std::string sic_property(const std::string& name) { return transport_->sic_property(name); }
    /// For what works on its own host only: throws (exit 2) when another one was named; `words` as typed there.
    void require_here(const std::string& words) const;
    /// Throws (exit 2) with --dry-run: this verb has no plan to show.
    void require_change() const;

  private:
    std::unique_ptr<Transport> transport_;
    bool verbose_, dry_run_;
};

/// Follows a task to its end (when options.wait) with progress on standard error, or prints its id.
/// Throws mds::Error when the task failed; returns its last state.
json::object follow(Client& client, const Options& options, const std::string& domain, const std::string& task_id);
/// Asks on the terminal; false without one. `--yes` answers.
bool confirm(const Options& options, const std::string& question);
/// The same for the five acts that lose data (appliance-ux W-10): `--yes` needs a `--reason` for them, else this
/// throws (exit 2) and suggests `words`.
bool confirm_loss(const Options& options, const std::string& question, const std::string& words);

}  // namespace mds::ctl
