#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mds::firstboot {

constexpr unsigned k_primary = 1, k_secondary = 2, k_log = 4, k_joining = k_secondary | k_log,
                   k_all = k_primary | k_joining;

/// One row of questions.def.
struct Question {
    const char* id;
    const char* key;
    unsigned roles;
    bool secret;
    const char* standard;
    const char* title;
    const char* text;
    const char* help;
    /// Its answer comes from a person, never from a file.
    bool asked_only = false;
};

const std::vector<Question>& questions();
/// The title without its mark: '+' = on the screen of the question before, '&' = a screen of its own in the
/// same step.
const char* title(const Question& question);

/// One answer to choose from, of questions.def.
struct FixedChoice {
    const char* question;
    const char* value;
    const char* what;
    const char* more;
};
std::vector<const FixedChoice*> fixed_choices(const Question& question);

/// By key ("Server.Role", any case) or by id ("role", '-' and '_' alike); null when unknown.
const Question* find_question(const std::string& name);

/// Something that keeps setup from starting. `where` is the source: file and line, option.
struct Problem {
    std::string where, text, refusal;
};

/// What this host says about itself.
struct HostFacts {
    std::string host_name;
    struct Address {
        std::string address, interface;
        bool link = true;
    };
    /// Without loopback and link-local ones; the one of the default route first.
    std::vector<Address> addresses;
    /// "Europe/Berlin".
    std::string time_zone = "Etc/UTC";
    /// What this host has been told; empty: what its distribution uses.
    std::vector<std::string> time_servers = {};
    /// "systemd-timesyncd", "chrony", "ntpd" (of any kind: what it asks stands in its own
    /// configuration), or empty when nothing keeps the time.
    std::string time_service = {};
};
HostFacts host_facts();
/// Before the paths of files of the operating system; for tests.
std::string system_root();
/// Where time servers are written, for either service.
inline const std::string k_timesyncd_file = "/etc/systemd/timesyncd.conf.d/50-openmds.conf",
                         k_chrony_file = "/etc/chrony/sources.d/openmds.sources";

/// Answers by question id, each with its source. Sources are read strongest first: a value that is
/// there stays. Everything that is wrong is collected, nothing is thrown.
class Answers {
  public:
    struct Value {
        std::string text, source;
        bool is_default = false;
    };

    /// One answer of a source that names questions by id or key; `why_no_secret`: what is wrong with
    /// a secret in this source, empty when it may hold secrets.
    void offer(const std::string& name, const std::string& text, const std::string& source,
               const std::string& why_no_secret = "");
    /// key=value of --set; `option` names the source.
    void set(const std::string& assignment, const std::string& option);
    /// The files of a credentials folder: mds.setup.conf, mds.setup.ID.
    void read_credentials(const std::string& folder);
    /// mds.setup.ID=value words.
    void read_kernel(const std::string& command_line);
    /// The questions mds/ID of debconf's database file, which everybody can read.
    void read_debconf(const std::string& name, const std::string& text);
    /// The ini form; `guarded` = the file may be read by nobody but its owner and group.
    void read_ini(const std::string& name, const std::string& text, bool guarded);
    void read_ini_file(const std::string& path);
    /// /etc/mds/setup.conf and setup.conf.d; true when one of them is there.
    bool read_etc(const std::string& etc);
    /// The keys of classic answer files, one a line or joined by '&'.
    void read_classic(const std::string& name, const std::string& text, bool may_hold_secrets);
    void read_classic_file(const std::string& path);

    bool has(const std::string& id) const { return values_.count(id) != 0; }
    std::string get(const std::string& id) const;
    /// An answer of a person; replaces what is there. `source`: "answer", or where the default that
    /// the person left as it was comes from.
    void answer(const std::string& id, const std::string& text, const std::string& source = "answer");
    /// Something is wrong that only a look at the host or the network shows.
    void add_problem(const std::string& where, const std::string& text, const std::string& refusal = "") {
        problem(where, text, refusal);
    }
    void add_note(const std::string& text) { notes_.push_back(text); }
    void forget(const std::string& id) { values_.erase(id); }
    const std::map<std::string, Value>& values() const { return values_; }
    bool empty() const { return values_.empty() && problems_.empty(); }

    unsigned role_bit() const;
    /// The activation key or join string, also one that still is in its file; empty when there is
    /// none to read.
    std::string given_key() const;
    /// Fills defaults, reads secret files (unless `elsewhere`: the answers are for another machine)
    /// and checks everything. Afterwards problems() is complete.
    void resolve(const HostFacts& host, bool elsewhere);
    const std::vector<Problem>& problems() const { return problems_; }
    /// What is accepted but not used, one line each.
    const std::vector<std::string>& notes() const { return notes_; }

  private:
    void take(const Question& question, const std::string& text, const std::string& source);
    void problem(const std::string& where, const std::string& text,
                 const std::string& refusal = "");
    void unknown(const std::string& where, const std::string& name);
    void resolve_role();
    void resolve_host(const HostFacts& host, bool elsewhere);
    void resolve_primary(bool elsewhere);
    void resolve_joining(bool elsewhere);
    void resolve_recovery(bool elsewhere);
    bool secret_from_file(const std::string& id, const std::string& target, bool elsewhere);

    std::map<std::string, Value> values_;
    std::vector<Problem> problems_;
    std::vector<std::string> notes_;
    std::vector<std::string> classic_roles_;
};

/// Why a value of question `id` is wrong, or empty. For checks that need one value only.
std::string check_value(const std::string& id, const std::string& text, const Answers& others);
/// The default of a question on this host; empty when there is none.
std::string default_value(const Question& question, const HostFacts& host, const Answers& others);
/// The servers of an answer to time_servers; none of "system".
std::vector<std::string> time_server_list(const std::string& text);
/// yescrypt, cost 7.
std::string hash_password(const std::string& password);
bool verify_password(const std::string& password, const std::string& hash);

}  // namespace mds::firstboot
