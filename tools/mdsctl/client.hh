#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/error.hh"
#include "json/json.hh"

namespace mds::ctl {

/// What lists and objects are printed as (-o).
enum class Form { table, wide, json, jsonl, csv, name };

/// What every verb has: the options of mdsctl(1) 4.2 and the connection to mds-core on this host.
struct Options {
    Form form = Form::table;
    /// The form is one of the two of JSON.
    bool json = false;
    bool yes = false, wait = true, quiet = false;
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

/// A refusal or failure that came back as a reply: keeps code word, refusal id and next command.
class Client {
  public:
    /// Longest wait for an answer: some commands ask servers that do not answer.
    static constexpr int k_patience_ms = 120'000;
    /// `reason`: told with every act, for its audit record. The bus is connected to by the first call.
    explicit Client(std::string reason = {}, int patience_ms = k_patience_ms);
    ~Client();
    /// Runs a management API command (Core1.Run); `domain` empty = System Data. Throws mds::Error
    /// with the code, the refusal and the lists of the reply when it is not 200.
    json::object run(const std::string& domain, const std::string& command,
                     const json::object& body);
    /// The whole deployment (Core1.Grid).
    json::object grid();
    /// From now on a descriptor becomes readable when a service of this host tells of a change.
    int watch();
    /// Takes the news that made it readable.
    void watched();
    /// Sic1.SetKey.
    void set_key(const std::string& key, uint32_t valid_seconds);
    std::string sic_property(const std::string& name);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    std::string reason_;
};

/// Follows a task to its end (when options.wait) with progress on standard error, or prints its id.
/// Throws mds::Error when the task failed; returns its last state.
json::object follow(Client& client, const Options& options, const std::string& domain,
                    const std::string& task_id);
/// Asks on the terminal; false without one. `--yes` answers.
bool confirm(const Options& options, const std::string& question);

}  // namespace mds::ctl
