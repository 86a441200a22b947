#include "app/config.hh"

#include <INIReader.h>
#include <dirent.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "app/config_keys.hh"
#include "base/error.hh"
#include "base/text.hh"

namespace mds::app {
namespace {

// Comments end here, so that mds.conf(5), which shows the file, fits a terminal of 80 columns.
constexpr size_t k_columns = 69;

/// A text as lines of a comment.
std::string comment(const std::string& text) {
    std::string out, line = "#";
    for (const std::string& word : split(text, ' ')) {
        if (line.size() + 1 + word.size() > k_columns) {
            out += line + "\n";
            line = "#";
        }
        line += " " + word;
    }
    return out + line + "\n";
}

}  // namespace

const std::vector<Key>& config_keys() {
    static const std::vector<Key> k_keys = {
        {"Api.Port", "443", 1, 65535, "TCP port of the management API (HTTPS); also in mds-api.socket"},
        {"Api.MaxBodyMiB", "16", 1, 1024, "largest request body in MiB"},
        {"Api.Tls12", "0", 0, 1, "1 = clients that have no TLS 1.3 may use 1.2"},
        {"Api.IdleSeconds", "10", 1, 3600, "a connection without a request for this long is closed"},
        {"Api.LoginFailures", "5", 1, 100000,
         "failed logins of one account within 5 minutes; then it waits 30 s, doubling to 15 minutes"},
        {"Api.AddressFailures", "20", 1, 100000,
         "failed logins from one address (IPv6: /64) within 10 minutes; then it waits 10 minutes"},
        {"Api.LoginsPerMinute", "30", 1, 1000000, "login requests of one account per minute"},
        {"Api.RequestsPerSecond", "50", 1, 1000000,
         "requests of one session per second; four times as many at once"},
        {"Api.HandshakesPerSecond", "20", 1, 1000000, "new connections of one address per second"},
        {"Sync.Port", "18221", 1, 65535, "TCP port of synchronization between servers"},
        {"Sync.HeartbeatMs", "1000", 50, 60000, "interval of positions between servers, milliseconds"},
        {"Sync.PeriodicSeconds", "30", 1, 86400, "periodic synchronization without a publish, seconds"},
        {"Sync.ZeroLossSeconds", "0", 0, 600,
         "a publish waits up to this long until a Standby has it on its disk; 0 = it does not wait"},
        {"Sync.LogMiB", "1024", 1, 1048576,
         "the log of revisions of one Domain is purged from its begin when it is larger, MiB"},
        {"Sync.VerifyMinutes", "1440", 1, 10080,
         "a server reads its whole database anew this often, to find damage on the disk, minutes"},
        {"Sync.StartupWaitMs", "5000", 0, 60000,
         "how long a starting server waits for its peers before it resumes as Active, milliseconds"},
        {"Sic.Port", "18211", 1, 65535, "TCP port of enrolment, open while an activation key is set"},
        {"Crl.Port", "18264", 1, 65535,
         "TCP port of revocation lists (HTTP), as new certificates name it; also in mds-crl.socket"},
        {"Audit.CheckpointSeconds", "60", 1, 3600,
         "the other servers are told how far the audit trail is this often, as witnesses, seconds"},
        {"Licence.Check", "1", 0, 1,
         "1 = the status says when the Primary server of a Domain has an HA licence; 0 = it does not"},
        {"Session.PerAccount", "16", 1, 100000, "sessions of one account at a time in one Domain"},
        {"Session.TimeoutSeconds", "600", 10, 3600, "idle limit of an API session, seconds"},
        {"Network.LeadingInterface", "", 0, 0,
         "interface that carries Domain Server addresses; empty = the one with this server's address"},
    };
    return k_keys;
}

const Key* find_key(const std::string& name) {
    for (const Key& key : config_keys()) {
        if (fold(key.name) == fold(name)) return &key;
    }
    return nullptr;
}

std::string etc_folder() {
    const char* folder = std::getenv("MDS_ETC");
    return folder ? folder : "/etc/mds";
}

std::vector<std::string> config_files() {
    std::vector<std::string> names;
    std::string folder = etc_folder() + "/mds.conf.d";
    if (DIR* dir = opendir(folder.c_str())) {
        while (const dirent* entry = readdir(dir)) {
            std::string name = entry->d_name;
            if (name.size() > 5 && name.ends_with(".conf")) names.push_back(folder + "/" + name);
        }
        closedir(dir);
    }
    std::sort(names.begin(), names.end());
    names.insert(names.begin(), etc_folder() + "/mds.conf");
    return names;
}

void check_value(const Key& key, const std::string& value, const std::string& where) {
    if (key.low == 0 && key.high == 0) return;
    char* end = nullptr;
    long number = std::strtol(value.c_str(), &end, 10);
    if (value.empty() || *end || number < key.low || number > key.high) {
        throw Error(Code::invalid_parameter,
                    where + (where.empty() ? "" : ": ") + key.name + "=" + value + " is not a number from " +
                        std::to_string(key.low) + " to " + std::to_string(key.high));
    }
}

std::vector<ConfigLine> config_lines(const std::string& text) {
    std::vector<ConfigLine> out;
    std::string section;
    for (const std::string& raw : split(text, '\n')) {
        std::string line = trim(raw);
        if (line.empty() || line[0] == '#' || line[0] == ';') continue;
        if (line[0] == '[') {
            section = line.substr(1, line.find(']') - 1);
            continue;
        }
        size_t equal = line.find('=');
        out.push_back({section + "." + trim(line.substr(0, equal)),
                       equal == line.npos ? std::string() : trim(line.substr(equal + 1))});
    }
    return out;
}

Config Config::load() {
    Config config;
    std::vector<std::string> names;
    for (const Key& key : config_keys()) names.emplace_back(key.name);
    for (const std::string& file : config_files()) {
        INIReader reader(file);
        if (reader.ParseError() < 0) continue;  // the file is not there
        if (reader.ParseError() > 0) {
            throw Error(Code::invalid_parameter, file + " line " +
                                                     std::to_string(reader.ParseError()) +
                                                     ": not a section, a key or a comment");
        }
        // INIReader folds names and cannot list keys in every version, so unknown keys are found
        // by reading the lines; values come from the library.
        for (const ConfigLine& line : config_lines(read_file(file))) {
            const std::string& name = line.key;
            const size_t section = name.find('.');
            if (const Key* key = find_key(name)) {
                std::string value = reader.Get(name.substr(0, section), name.substr(section + 1), "");
                check_value(*key, value, file);
                config.values_[key->name] = value;
            } else {
                std::string near = nearest(name, names);
                config.warnings_.push_back(file + ": unknown key " + name +
                                           (near.empty() ? "" : ", did you mean " + near + "?"));
            }
        }
    }
    return config;
}

std::string Config::get(const std::string& name) const {
    const Key* key = find_key(name);
    if (!key) throw Error(Code::internal, "no configuration key " + name);
    auto it = values_.find(key->name);
    return it == values_.end() ? key->standard : it->second;
}

int Config::get_int(const std::string& name) const { return std::atoi(get(name).c_str()); }

std::string Config::print_defaults() {
    std::string out = comment(
        "OpenMDS settings, each at its default. Change a line here or in mds.conf.d/*.conf, then: systemctl restart "
        "mds.target");
    std::string section;
    for (const Key& key : config_keys()) {
        std::string name = key.name;
        std::string head = name.substr(0, name.find('.'));
        if (head != section) {
            out += "\n[" + head + "]\n";
            section = head;
        }
        out += comment(key.text) + "#" + name.substr(head.size() + 1) + "=" + key.standard + "\n";
    }
    return out;
}

}  // namespace mds::app
