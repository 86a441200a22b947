// cpca_client: what mdsctl ca does, in the words and the layout of the classic tool.
#include "cpca_client.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "base/error.hh"
#include "base/text.hh"
#include "certificates.hh"
#include "client.hh"
#include "draw.hh"

namespace mds::classic {
namespace {

using ctl::safe;

constexpr char k_usage[] =
    "Usage: cpca_client [-d] lscert [-dn TEXT] [-stat Pending|Valid|Revoked|Expired|Renewed]\n"
    "                   [-kind SIC|IKE|User|LDAP] [-ser SERIAL] [-dp NUMBER]\n"
    "       cpca_client [-d] search TEXT [-where dn|comment|serial]... [-stat STATUS]\n"
    "                   [-kind KIND] [-max NUMBER]\n"
    "       cpca_client [-d] revoke_cert -n CN=NAME | -s SERIAL\n"
    "       cpca_client [-d] get_crldp [-p PORT]\n";

int usage() {
    std::fputs(k_usage, stderr);
    return 2;
}

/// The authority that this shell works on.
std::string authority() {
    const char* domain = std::getenv("MDS_DOMAIN");
    return domain && *domain ? domain : "servers";
}

struct Wanted {
    std::string dn, status, kind, serial, list, text;
    std::vector<std::string> where;
    size_t most = 0;
};

std::string status_of(const json::object& c) {
    std::string status = json::get_string(c, "status");
    if (!status.empty())
        status[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(status[0])));
    return status;
}

std::string kind_of(const json::object& c) {
    return json::get_string(c, "kind") == "administrator" ? "User" : "SIC";
}

/// "0-1": epoch and number of the part that its revocation list is.
std::string list_of(const json::object& c) {
    std::string list = json::get_string(c, "revocation-list");
    return list.substr(list.find('/') + 1);
}

/// As ctime(3), without the line's end.
std::string time_of(const json::object& c, const char* key) {
    auto seconds =
        static_cast<std::time_t>(json::get_int(json::get_object(c, key), "posix") / 1000);
    std::tm broken{};
    localtime_r(&seconds, &broken);
    char text[64] = "";
    std::strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &broken);
    return text;
}

bool is(const std::string& given, const std::string& value) {
    return given.empty() || fold(given) == fold(value);
}

bool contains(const std::string& text, const std::string& part) {
    return fold(text).find(fold(part)) != std::string::npos;
}

bool fits(const Wanted& w, const json::object& c) {
    std::string subject = json::get_string(c, "subject"),
                serial = json::get_string(c, "serial-number"), list = list_of(c);
    if (!is(w.status, status_of(c)) || !is(w.kind, kind_of(c)) || !contains(subject, w.dn))
        return false;
    if (!w.serial.empty() && !serial.starts_with(fold(w.serial))) return false;
    // By its whole name, or by its number alone.
    if (!w.list.empty() && w.list != list && w.list != list.substr(list.find('-') + 1))
        return false;
    if (w.text.empty()) return true;
    auto in = [&](const char* place) {
        return w.where.empty() || std::find(w.where.begin(), w.where.end(), place) != w.where.end();
    };
    // Certificates have no comment here.
    return (in("dn") && contains(subject, w.text)) || (in("serial") && contains(serial, w.text));
}

int list(ctl::Client& client, const Wanted& wanted) {
    std::vector<json::object> found;
    for (const json::value& v : ctl::certificates(client, {{"authority", authority()}})) {
        if (!fits(wanted, v.as_object())) continue;
        found.push_back(v.as_object());
        if (wanted.most && found.size() == wanted.most) break;
    }
    fmt::print("Operation succeeded. rc=0.\n{} certs found.\n", found.size());
    for (const json::object& c : found) {
        fmt::print(
            "\nSubject = {}\nStatus = {}   Kind = {}\nSerial = {}   DP = {}\nNot_Before: {}   "
            "Not_After: {}\n",
            safe(json::get_string(c, "subject")), status_of(c), kind_of(c),
            safe(json::get_string(c, "serial-number")), safe(list_of(c)), time_of(c, "valid-from"),
            time_of(c, "valid-to"));
    }
    return 0;
}

/// Takes the value of an option; throws when there is none.
std::string value_of(const std::vector<std::string>& words, size_t& at) {
    if (at + 1 >= words.size())
        throw Error(Code::missing_parameters, "a value is missing behind " + words[at]);
    return words[++at];
}

void require_one(const std::string& option, const std::string& value,
                 const std::vector<std::string>& of) {
    if (std::any_of(of.begin(), of.end(),
                    [&](const std::string& one) { return fold(one) == fold(value); }))
        return;
    throw Error(Code::invalid_parameter,
                value + " is no value of " + option + ": " + join(of, ", "));
}

/// Reads one option of lscert and search; false when it is none.
bool read_common(Wanted& w, const std::vector<std::string>& words, size_t& at) {
    if (words[at] == "-stat") {
        w.status = value_of(words, at);
        require_one("-stat", w.status, {"Pending", "Valid", "Revoked", "Expired", "Renewed"});
    } else if (words[at] == "-kind") {
        w.kind = value_of(words, at);
        require_one("-kind", w.kind, {"SIC", "IKE", "User", "LDAP"});
    } else {
        return false;
    }
    return true;
}

int lscert(const std::vector<std::string>& words) {
    Wanted w;
    for (size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "-dn") {
            w.dn = value_of(words, i);
        } else if (words[i] == "-ser") {
            w.serial = value_of(words, i);
        } else if (words[i] == "-dp") {
            w.list = value_of(words, i);
        } else if (!read_common(w, words, i)) {
            return usage();
        }
    }
    ctl::Client client;
    return list(client, w);
}

int search(const std::vector<std::string>& words) {
    Wanted w;
    for (size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "-where") {
            w.where.push_back(value_of(words, i));
            require_one("-where", w.where.back(), {"dn", "comment", "serial"});
        } else if (words[i] == "-max") {
            std::string most = value_of(words, i);
            if (most.empty() || most.size() > 9 ||
                most.find_first_not_of("0123456789") != std::string::npos)
                return usage();
            w.most = static_cast<size_t>(std::atoll(most.c_str()));
        } else if (words[i].starts_with("-")) {
            if (!read_common(w, words, i)) return usage();
        } else if (w.text.empty()) {
            w.text = words[i];
        } else {
            return usage();
        }
    }
    if (w.text.empty()) return usage();
    ctl::Client client;
    return list(client, w);
}

/// The one with this serial number, or the newest of each kind with this name.
std::vector<std::string> named(ctl::Client& client, const std::string& name,
                               const std::string& serial) {
    if (!serial.empty()) return {serial};
    std::vector<std::string> out;
    for (const json::value& v :
         ctl::certificates(client, {{"authority", authority()}, {"certificate-status", "valid"}})) {
        const json::object& c = v.as_object();
        if (fold(json::get_string(c, "name")) == fold(name))
            out.push_back(json::get_string(c, "serial-number"));
    }
    if (out.empty()) {
        throw Error(Code::object_not_found,
                    "no certificate with the name CN=" + safe(name) + " is valid");
    }
    return out;
}

int revoke_cert(const std::vector<std::string>& words) {
    std::string name, serial;
    for (size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "-n") {
            name = value_of(words, i);
            if (fold(name.substr(0, 3)) != "cn=" || name.size() == 3) {
                throw Error(Code::invalid_parameter, "the name behind -n is written as CN=NAME");
            }
            name.erase(0, 3);
        } else if (words[i] == "-s") {
            serial = value_of(words, i);
        } else {
            return usage();
        }
    }
    if (name.empty() == serial.empty()) return usage();
    ctl::Client client("cpca_client revoke_cert");
    for (const std::string& one : named(client, name, serial)) {
        json::object done = client.run("", "revoke-certificate", {{"serial-number", one}});
        fmt::print("Certificate {} (serial {}) {}.\n", safe(json::get_string(done, "subject")),
                   safe(json::get_string(done, "serial-number")),
                   json::get_bool(done, "already-revoked") ? "was revoked already" : "was revoked");
    }
    return 0;
}

int get_crldp(const std::vector<std::string>& words) {
    for (size_t i = 0; i < words.size(); ++i) {
        // The port of the authority, which is asked over the bus here.
        if (words[i] != "-p") return usage();
        std::string port = value_of(words, i);
        if (port.empty() || port.find_first_not_of("0123456789") != std::string::npos)
            return usage();
    }
    ctl::Client client;
    json::object reply = client.run("", "show-revocation-lists", {{"authority", authority()}});
    const json::array& lists = json::get_array(reply, "revocation-lists");
    if (lists.empty())
        throw Error(Code::object_not_found,
                    "this server has no revocation list of " + safe(authority()) + " yet");
    for (const json::value& v : lists) {
        const json::array& urls = json::get_array(v.as_object(), "urls");
        if (!urls.empty()) fmt::print("{}\n", safe(std::string(urls.front().as_string())));
    }
    return 0;
}

}  // namespace

int cpca_client(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = arguments;
    if (!words.empty() && words[0] == "-d") words.erase(words.begin());
    if (words.empty()) return usage();
    std::string what = words[0];
    words.erase(words.begin());
    if (what == "lscert") return lscert(words);
    if (what == "search") return search(words);
    if (what == "revoke_cert") return revoke_cert(words);
    if (what == "get_crldp") return get_crldp(words);
    return usage();
}

}  // namespace mds::classic
