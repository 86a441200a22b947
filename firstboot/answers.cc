#include "answers.hh"

#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hh"
#include "base/join_string.hh"
#include "base/roles.hh"
#include "base/text.hh"
#include "guarded_file.hh"
#include "pki/certificate.hh"

namespace mds::firstboot {
namespace {

/// Keys of the operating system that answer files of other products hold too.
constexpr const char* k_not_ours[][2] = {{"server.gateway", "ip or your network configuration"},
                                         {"server.dns", "resolvectl or /etc/resolv.conf"}};

}  // namespace

std::string Answers::get(const std::string& id) const {
    auto it = values_.find(id);
    return it == values_.end() ? "" : it->second.text;
}

void Answers::answer(const std::string& id, const std::string& text, const std::string& source) {
    values_[id] = {text, source, false};
}

void Answers::take(const Question& question, const std::string& text, const std::string& source) {
    values_.try_emplace(question.id, Value{text, source, false});
}

void Answers::problem(const std::string& where, const std::string& text,
                      const std::string& refusal) {
    problems_.push_back({where, text, refusal});
}

void Answers::unknown(const std::string& where, const std::string& name) {
    for (const auto& row : k_not_ours) {
        if (fold(name) == row[0]) {
            problem(where, name + " is not set by this program; use " + row[1]);
            return;
        }
    }
    // Section.Key where files are read, the id elsewhere.
    bool is_key = name.find('.') != name.npos || name.find(' ') != name.npos;
    std::vector<std::string> known;
    for (const Question& question : questions()) {
        if (question.asked_only) continue;
        std::string id = question.id;
        std::replace(id.begin(), id.end(), '_', '-');
        if (!is_key) known.push_back(id);
        if (is_key && *question.key) known.emplace_back(question.key);
    }
    std::string near = nearest(name, known);
    if (near.empty() && is_key) {  // a right key in a wrong section
        for (const std::string& key : known) {
            if (fold(key).substr(key.find('.')) == fold(name).substr(std::min(
                                                       name.size(), name.find('.')))) {
                near = key;
            }
        }
    }
    problem(where, "unknown key " + name + (near.empty() ? "" : ", did you mean " + near + "?"));
}

void Answers::offer(const std::string& name, const std::string& text, const std::string& source,
                    const std::string& why_no_secret) {
    const Question* question = find_question(name);
    if (!question || question->asked_only) {
        unknown(source, name);
    } else if (question->secret && !why_no_secret.empty()) {
        problem(source, std::string(question->id) + " is a secret: " + why_no_secret);
    } else {
        take(*question, text, source);
    }
}

void Answers::set(const std::string& assignment, const std::string& option) {
    size_t equal = assignment.find('=');
    std::string name = trim(assignment.substr(0, equal));
    if (equal == std::string::npos) {
        problem(option, "expected key=value, not \"" + name + "\"");
        return;
    }
    offer(name, trim(assignment.substr(equal + 1)), option,
          "others see command lines. Use a file, a credential, or type it when asked");
}

void Answers::read_credentials(const std::string& folder) {
    DIR* dir = opendir(folder.c_str());
    if (!dir) return;
    std::vector<std::string> names;
    while (const dirent* entry = readdir(dir)) names.emplace_back(entry->d_name);
    closedir(dir);
    std::sort(names.begin(), names.end());
    const std::string head = "mds.setup.";
    std::string whole;
    for (const std::string& name : names) {
        if (!name.starts_with(head)) continue;
        std::string text, reason, where = "credential " + name;
        bool guarded = true;
        if (!load(folder + "/" + name, text, reason, guarded)) {
            problem(where, reason);
        } else if (name == "mds.setup.conf") {
            whole = text;
        } else {
            while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
            offer(name.substr(head.size()), text, where);
        }
    }
    if (!whole.empty()) read_ini("credential mds.setup.conf", whole, true);
}

void Answers::read_kernel(const std::string& command_line) {
    const std::string head = "mds.setup.";
    for (const std::string& word : split(command_line, ' ')) {
        std::string one = plain_quotes(word);
        if (!one.starts_with(head)) continue;
        size_t equal = one.find('=');
        std::string name = one.substr(head.size(), equal == one.npos ? one.npos : equal - head.size());
        offer(name, equal == one.npos ? "" : plain_quotes(one.substr(equal + 1)), "kernel command line",
              "everybody on this host can read it here, so it must be considered known. Use a "
              "credential with another one");
    }
}

void Answers::read_debconf(const std::string& name, const std::string& text) {
    std::string question;
    for (const std::string& line : split(text, '\n')) {
        if (line.empty()) question.clear();
        if (line.starts_with("Name: mds/")) question = trim(line.substr(10));
        if (question.empty() || !line.starts_with("Value: ")) continue;
        std::string value = trim(line.substr(7));
        if (value.empty()) continue;  // registered, not answered
        offer(question, value, "debconf mds/" + question,
              "everybody on this host can read " + name + ", so it must be considered known. Use a "
              "credential with another one");
    }
}

void Answers::read_ini(const std::string& name, const std::string& text, bool guarded) {
    std::string section;
    std::map<std::string, std::pair<std::string, std::string>> found;  // later lines win
    int number = 0;
    for (const std::string& raw : split(text, '\n')) {
        ++number;
        std::string line = trim(raw), where = name + " line " + std::to_string(number);
        if (line.empty() || line[0] == '#' || line[0] == ';') continue;
        if (line[0] == '[') {
            if (line.back() != ']') {
                problem(where, "a section ends with ']'");
            } else {
                section = trim(line.substr(1, line.size() - 2));
            }
            continue;
        }
        size_t equal = line.find('=');
        std::string key = trim(line.substr(0, equal));
        if (equal == std::string::npos || key.empty()) {
            problem(where, "not a section, a key or a comment");
            continue;
        }
        std::string full = section + "." + key;
        const Question* question = find_question(full);
        if (!question || full.find('.') == 0) {
            if (fold(key) == "activationkey" || fold(key) == "password") {
                problem(where, full + ": secrets do not stand in this file; name a file that only "
                                      "root can read, " + full + "File");
            } else {
                unknown(where, section.empty() ? key + " (before any section)" : full);
            }
        } else if (question->secret && !guarded) {
            problem(where, full + " is in a file that others can read; chmod 600 it, and consider "
                                  "the secret known");
        } else {
            found[question->id] = {trim(line.substr(equal + 1)), where};
        }
    }
    for (const auto& [id, value] : found) take(*find_question(id), value.first, value.second);
}

void Answers::read_ini_file(const std::string& path) {
    std::string text, reason;
    bool guarded = true;
    if (!load(path, text, reason, guarded)) {
        problem(path, reason);
        return;
    }
    read_ini(path, text, guarded);
}

bool Answers::read_etc(const std::string& etc) {
    std::vector<std::string> names;
    std::string folder = etc + "/setup.conf.d";
    if (DIR* dir = opendir(folder.c_str())) {
        while (const dirent* entry = readdir(dir)) {
            std::string name = entry->d_name;
            if (name.size() > 5 && name.ends_with(".conf")) names.push_back(folder + "/" + name);
        }
        closedir(dir);
    }
    // The last name wins, and a value that is there stays: from the end.
    std::sort(names.rbegin(), names.rend());
    names.push_back(etc + "/setup.conf");
    bool any = false;
    for (const std::string& name : names) {
        if (access(name.c_str(), F_OK) != 0) continue;
        any = true;
        read_ini_file(name);
    }
    return any;
}

unsigned Answers::role_bit() const {
    std::string role = get("role");
    return role == "primary"      ? k_primary
           : role == "secondary"  ? k_secondary
           : role == "log-server" ? k_log
                                  : 0;
}

std::string Answers::given_key() const {
    if (has("activation_key")) return get("activation_key");
    std::string path = get("activation_key_file"), text, reason;
    bool guarded = false;
    return path.starts_with('/') && load(path, text, reason, guarded) ? trim(text) : "";
}

void Answers::resolve_role() {
    std::string role = get("role");
    for (char& c : role) c = c == ',' || c == '+' || c == '&' ? ' ' : c;
    std::vector<std::string> given;
    for (const std::string& word : split(role, ' ')) {
        if (!trim(word).empty()) given.push_back(fold(trim(word)));
    }
    if (classic_roles_.size() > 1 && given.empty()) given = classic_roles_;
    std::string source = has("role") ? values_["role"].source : "Server.Role";
    if (given.size() != 1) {
        problem(source, one_role_needed(given), "RF-03");
        values_.erase("role");
        return;
    }
    std::string wrong = check_value("role", given[0], *this);
    if (!wrong.empty()) problem(source, wrong, "RF-03");
    values_["role"].text = given[0];
}

void Answers::resolve_host(const HostFacts& host, bool elsewhere) {
    for (const char* id : {"host_name", "address", "interface", "time_zone", "time_servers"}) {
        const Question& question = *find_question(id);
        if (!has(id) && !elsewhere) {
            std::string value = default_value(question, host, *this);
            if (!value.empty()) values_[id] = {value, "found on this host", true};
        }
        if (!has(id)) {
            if (!elsewhere && std::string(id) != "interface") {
                problem(question.key, "is missing, and this host has none");
            }
            continue;
        }
        Value& value = values_[id];
        std::string wrong = check_value(id, value.text, *this);
        if (!wrong.empty()) {
            problem(value.source, wrong);
            continue;
        }
        if (std::string(id) == "address") {
            value.text = value.text.substr(0, value.text.find('/'));
            unsigned char bytes[16];
            char canonical[INET6_ADDRSTRLEN] = "";
            int family = value.text.find(':') == value.text.npos ? AF_INET : AF_INET6;
            inet_pton(family, value.text.c_str(), bytes);
            value.text = inet_ntop(family, bytes, canonical, sizeof(canonical));
            std::vector<std::string> mine;
            for (const HostFacts::Address& one : host.addresses) mine.push_back(one.address);
            if (!elsewhere && std::find(mine.begin(), mine.end(), value.text) == mine.end()) {
                problem(value.source, value.text + " is not an address of this host; it has " +
                                          (mine.empty() ? "none" : join(mine, ", ")));
            }
        }
        if (std::string(id) == "interface" && !elsewhere && if_nametoindex(value.text.c_str()) == 0) {
            problem(value.source, "this host has no interface " + value.text);
        }
    }
}

bool Answers::secret_from_file(const std::string& id, const std::string& target, bool elsewhere) {
    if (has(target) || !has(id)) return has(target);
    const Value& value = values_[id];
    if (value.text.empty() || value.text[0] != '/') {
        problem(value.source, std::string(find_question(id)->key) + " needs a full path");
        return true;
    }
    std::string text, reason;
    bool guarded = true;
    if (!load(value.text, text, reason, guarded)) {
        if (!elsewhere) problem(value.source, value.text + ": " + reason);
        return true;
    }
    if (!guarded) {
        problem(value.source, value.text + " can be read by others; chmod 600 it, and consider the "
                                           "secret known");
        return true;
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    values_[target] = {text, value.text, false};
    return true;
}

void Answers::resolve_primary(bool elsewhere) {
    for (const char* id : {"deployment", "administrator", "gui_clients"}) {
        const Question& question = *find_question(id);
        if (!has(id)) values_[id] = {default_value(question, {}, *this), "default", true};
        std::string wrong = check_value(id, values_[id].text, *this);
        if (!wrong.empty()) problem(values_[id].source, wrong);
    }
    bool given = has("password_hash") || secret_from_file("password_file", "password", elsewhere);
    if (has("password_hash")) {
        std::string wrong = check_value("password_hash", get("password_hash"), *this);
        if (!wrong.empty()) {
            problem(values_["password_hash"].source, "Administrator.PasswordHash: " + wrong);
        }
    } else if (has("password")) {
        std::string wrong = check_value("password", get("password"), *this);
        if (!wrong.empty()) problem(values_["password"].source, wrong);
    } else if (!given) {
        problem("Administrator", "the password is missing: PasswordHash= or PasswordFile=");
    }
}

void Answers::resolve_recovery(bool elsewhere) {
    if (has("recovery_certificate_file")) {
        const Value& file = values_["recovery_certificate_file"];
        std::string text, reason;
        bool guarded = false;
        if (file.text.empty() || file.text[0] != '/') {
            problem(file.source, "Recovery.CertificateFile needs a full path");
        } else if (!load(file.text, text, reason, guarded)) {
            if (!elsewhere) problem(file.source, file.text + ": " + reason);
        } else {
            try {
                pki::Certificate::from_pem(text);
                values_["recovery_words"] = {text, file.text, false};
            } catch (const Error&) {
                problem(file.source, file.text + " is not a certificate in PEM");
            }
        }
        values_.try_emplace("recovery", Value{"create", file.source, false});
    }
    if (!has("recovery")) {
        values_["recovery"] = {"decline", "default", true};
        if (!elsewhere) notes_.push_back("no offline recovery key is made; mds-setup --recovery-key makes one later");
    }
    Value& wanted = values_["recovery"];
    wanted.text = fold(wanted.text);
    std::string wrong = check_value("recovery", wanted.text, *this);
    if (!wrong.empty()) {
        problem(wanted.source, wrong);
    } else if (wanted.text == "create" && !has("recovery_words") && !has("recovery_certificate_file")) {
        problem(wanted.source, "a recovery key is shown to somebody who writes it down: run mds-setup on a terminal, or "
                               "make one elsewhere and name its Recovery.CertificateFile");
    }
}

void Answers::resolve_joining(bool elsewhere) {
    if (!has("primary")) values_["primary"] = {"none", "default", true};
    std::string wrong_address = check_value("primary", get("primary"), *this);
    if (!wrong_address.empty()) problem(values_["primary"].source, wrong_address);
    bool given = secret_from_file("activation_key_file", "activation_key", elsewhere);
    if (has("activation_key")) {
        std::string wrong = check_value("activation_key", get("activation_key"), *this);
        if (!wrong.empty()) problem(values_["activation_key"].source, wrong, "RF-32");
    } else if (!given) {
        problem("Trust.ActivationKeyFile", key_needed(get("role")), "RF-04");
    }
}

void Answers::resolve(const HostFacts& host, bool elsewhere) {
    resolve_role();
    resolve_host(host, elsewhere);
    unsigned role = role_bit();
    if (role == k_primary) resolve_primary(elsewhere);
    if (role == k_primary) resolve_recovery(elsewhere);
    if (role & k_joining) resolve_joining(elsewhere);
    for (auto& [id, value] : values_) {
        const Question& question = *find_question(id);
        if (role && !(question.roles & role) && !value.is_default) {
            notes_.push_back(value.source + ": " + (*question.key ? question.key : question.id) +
                             " is not used by a " + role_title(get("role")));
        }
    }
}

}  // namespace mds::firstboot
