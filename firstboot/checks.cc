#include <arpa/inet.h>
#include <crypt.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

#include "answers.hh"
#include "base/error.hh"
#include "base/join_string.hh"
#include "base/text.hh"
#include "enrol/key.hh"

namespace mds::firstboot {
namespace {

/// Words that people take when they should not; long enough to reach the minimum lengths.
constexpr std::array k_common = {
    "password",     "passwort",     "12345678",     "123456789",    "1234567890",
    "qwertyuiop",   "qwerty123",    "letmein123",   "administrator", "welcome123",
    "iloveyou",     "sunshine",     "princess",     "football",     "baseball",
    "changeme",     "changeit",     "changeme123",  "password123",  "password1234",
    "passw0rd",     "p@ssw0rd",     "admin123",     "admin1234",    "admin12345",
    "secret123",    "qwertyui",     "1q2w3e4r",     "1q2w3e4r5t",   "1qaz2wsx",
    "1qaz2wsx3edc", "abcdefgh",     "abcd1234",     "trustno1",     "superman",
    "superuser",    "topsecret",    "checkpoint",   "vpn123456",    "firewall",
    "123456789012", "qwertyuiopas", "passwordpassword"};

bool is_common(const std::string& text) {
    std::string folded = fold(text);
    if (std::find(k_common.begin(), k_common.end(), folded) != k_common.end()) return true;
    return std::all_of(folded.begin(), folded.end(), [&](char c) { return c == folded[0]; });
}

std::string check_length(const std::string& what, const std::string& text, size_t low) {
    if (text.size() < low || text.size() > 128) {
        return what + " needs " + std::to_string(low) + " to 128 characters";
    }
    if (is_common(text)) return what + " is among the most common ones, choose another";
    for (unsigned char c : text) {
        if (c < 0x20 || c == 0x7f) return what + " has a control character in it";
    }
    return "";
}

bool is_address(const std::string& text, int* family = nullptr) {
    unsigned char bytes[16];
    for (int one : {AF_INET, AF_INET6}) {
        if (inet_pton(one, text.c_str(), bytes) == 1) {
            if (family) *family = one;
            return true;
        }
    }
    return false;
}

bool is_network(const std::string& text) {
    size_t slash = text.find('/');
    int family = 0;
    if (slash == std::string::npos || !is_address(text.substr(0, slash), &family)) return false;
    std::string bits = text.substr(slash + 1);
    if (bits.empty() || bits.size() > 3 || bits.find_first_not_of("0123456789") != bits.npos) {
        return false;
    }
    return std::atoi(bits.c_str()) <= (family == AF_INET ? 32 : 128);
}

bool is_range(const std::string& text) {
    size_t dash = text.find('-');
    int first = 0, last = 0;
    std::array<unsigned char, 16> a{}, b{};
    if (dash == std::string::npos || !is_address(trim(text.substr(0, dash)), &first) ||
        !is_address(trim(text.substr(dash + 1)), &last) || first != last) {
        return false;
    }
    inet_pton(first, trim(text.substr(0, dash)).c_str(), a.data());
    inet_pton(last, trim(text.substr(dash + 1)).c_str(), b.data());
    return a <= b;
}

bool only(const std::string& text, const char* more) {
    return std::all_of(text.begin(), text.end(), [more](unsigned char c) {
        return (c < 0x80 && isalnum(c)) || strchr(more, c);
    });
}

std::string check_host_name(const std::string& name) {
    bool good = !name.empty() && name.size() <= 64;
    for (const std::string& label : split(name, '.')) {
        good = good && !label.empty() && label.size() <= 63 && label.front() != '-' &&
               label.back() != '-' && only(label, "-");
    }
    return good ? "" : "\"" + name + "\" is not a host name";
}

/// A name below /usr/share/zoneinfo; on a machine without the database, what could be one.
std::string check_time_zone(const std::string& text) {
    std::error_code ignored;
    const std::string folder = "/usr/share/zoneinfo";
    bool good = !text.empty() && text.size() < 64 && text[0] != '/' && only(text, "/_+-") &&
                (text == "UTC" || text == "Etc/UTC" || !std::filesystem::is_directory(folder, ignored) ||
                 std::filesystem::is_regular_file(folder + "/" + text, ignored));
    return good ? "" : "\"" + text + "\" is not a time zone such as Europe/Berlin or UTC";
}

/// The words of this program where it has some, and otherwise those of mds-sic, which takes the key
/// at the end.
std::string check_activation_key(const std::string& text) {
    std::string wrong = check_length("an activation key", text, 8);
    if (!wrong.empty()) return wrong;
    try {
        enrol::check_key(text);
    } catch (const Error& e) {
        wrong = e.what();
        if (!wrong.empty()) wrong[0] = static_cast<char>(tolower(wrong[0]));
    }
    return wrong;
}

std::string check_join_string(const std::string& text, const Answers& others) {
    try {
        JoinString join = JoinString::parse(text);
        std::string host = others.get("host_name"), address = others.get("address");
        host = host.substr(0, host.find('.'));
        if (!host.empty() && fold(join.name) != fold(host)) {
            return "the join string is for " + join.name + ", this server is " + host;
        }
        if (!address.empty() && join.address != address) {
            return "the join string is for " + join.address + ", this server has " + address;
        }
        return "";
    } catch (const Error& e) {
        return e.what();
    }
}

}  // namespace

std::vector<std::string> time_server_list(const std::string& text) {
    std::vector<std::string> servers;
    std::string words = text;
    std::replace(words.begin(), words.end(), ',', ' ');
    for (const std::string& one : split(words, ' ')) {
        if (!one.empty() && text != "system") servers.push_back(one);
    }
    return servers;
}

std::string check_value(const std::string& id, const std::string& text, const Answers& others) {
    if (id == "role") {
        return text == "primary" || text == "secondary" || text == "log-server"
                   ? ""
                   : "\"" + text + "\" is not one of primary, secondary, log-server";
    }
    if (id == "host_name") return check_host_name(text);
    if (id == "address") {
        std::string address = text.substr(0, text.find('/'));
        if (!is_address(address) || (text != address && !is_network(text))) {
            return "\"" + text + "\" is not an IPv4 or IPv6 address";
        }
        if (address.starts_with("127.") || address == "::1" || address == "0.0.0.0" ||
            address == "::") {
            return address + " cannot be reached from other servers";
        }
        return "";
    }
    if (id == "time_zone") return check_time_zone(text);
    if (id == "time_servers") {
        std::vector<std::string> servers = time_server_list(text);
        if (text == "system") return "";
        if (servers.empty() || servers.size() > 8) return "1 to 8 time servers, or \"system\"";
        for (const std::string& one : servers) {
            if (!is_address(one) && !check_host_name(one).empty()) {
                return "\"" + one + "\" is not the name or address of a time server";
            }
        }
        return "";
    }
    if (id == "recovery") {
        return text == "create" || text == "decline" ? "" : "\"" + text + "\" is not one of create, decline";
    }
    if (id == "primary") {
        return text == "none" || is_address(text) || check_host_name(text).empty()
                   ? ""
                   : "\"" + text + "\" is not \"none\", an address or a host name";
    }
    if (id == "interface") {
        return !text.empty() && text.size() < 16 && only(text, "._-@:")
                   ? ""
                   : "\"" + text + "\" is not the name of an interface";
    }
    if (id == "deployment") {
        return trim(text).empty() || text.size() > 64 ? "a deployment name has 1 to 64 characters"
                                                      : "";
    }
    if (id == "administrator") {
        return !text.empty() && text.size() <= 64 && only(text, "._-") && text[0] != '-'
                   ? ""
                   : "\"" + text + "\" is not a name of letters, digits, '.', '_' and '-'";
    }
    if (id == "gui_clients") {
        return text == "any" || is_address(text) || is_network(text) || is_range(text)
                   ? ""
                   : "\"" + text + "\" is not \"any\", an address, a range or a network";
    }
    if (id == "password") {
        std::string wrong = check_length("the password", text, 12);
        std::string host = others.get("host_name");
        for (const std::string& part : {others.get("administrator"), host.substr(0, host.find('.'))}) {
            if (wrong.empty() && part.size() > 3 && fold(text).find(fold(part)) != text.npos) {
                wrong = "the password contains \"" + part + "\"";
            }
        }
        return wrong;
    }
    if (id == "password_hash") {
        return text.starts_with("$y$") && crypt_checksalt(text.c_str()) == CRYPT_SALT_OK
                   ? ""
                   : "not a yescrypt hash; make one with: mkpasswd -m yescrypt";
    }
    if (id == "activation_key") {
        return JoinString::looks_like(text) ? check_join_string(text, others)
                                            : check_activation_key(text);
    }
    return "";
}

std::string default_value(const Question& question, const HostFacts& host, const Answers& others) {
    std::string standard = question.standard;
    if (standard == "@host-name") return host.host_name;
    if (standard == "@address") {
        std::string interface = others.get("interface");
        for (const HostFacts::Address& one : host.addresses) {
            if (interface.empty() || one.interface == interface) return one.address;
        }
        return "";
    }
    if (standard == "@interface") {
        for (const HostFacts::Address& one : host.addresses) {
            if (one.address == others.get("address")) return one.interface;
        }
        return "";
    }
    if (standard == "@time-zone") return host.time_zone;
    if (standard == "@time-servers") {
        return host.time_servers.empty() ? "system" : join(host.time_servers, " ");
    }
    if (standard == "@recovery") return "create";  // to people; nobody can be shown the words of a file
    if (standard == "@deployment") {
        std::string name = others.get("host_name");
        size_t dot = name.find('.');
        return dot == std::string::npos ? "openmds" : name.substr(dot + 1);
    }
    return standard;
}

std::string hash_password(const std::string& password) {
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    crypt_data data{};
    if (!crypt_gensalt_rn("$y$", 7, nullptr, 0, setting, sizeof(setting))) {
        throw Error(Code::internal, "cannot make a yescrypt setting");
    }
    const char* hash = crypt_rn(password.c_str(), setting, &data, sizeof(data));
    if (!hash) throw Error(Code::internal, "cannot hash the password");
    return hash;
}

bool verify_password(const std::string& password, const std::string& hash) {
    crypt_data data{};
    const char* again = crypt_rn(password.c_str(), hash.c_str(), &data, sizeof(data));
    return again && hash == again;
}

}  // namespace mds::firstboot
