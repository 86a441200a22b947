#include "base/join_string.hh"

#include <arpa/inet.h>

#include <boost/crc.hpp>

#include "base/base64.hh"
#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"

namespace mds {
namespace {

constexpr std::string_view k_head = "mds1:";
constexpr size_t k_key_bytes = 16, k_check_bytes = 4;

std::string number(uint64_t value, size_t bytes) {
    std::string out;
    for (size_t i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xff);
    return out;
}

/// Finds what was cut off or mistyped; who changes a join string knows the key anyway.
std::string check_of(const std::string& content) {
    boost::crc_32_type crc;
    crc.process_bytes(content.data(), content.size());
    return number(crc.checksum(), k_check_bytes);
}

Error wrong(const std::string& why) {
    return Error(Code::invalid_parameter, why).refusal("RF-32", "mdsctl trust join-string");
}

/// What is left of the content, taken from its beginning.
class Reader {
  public:
    explicit Reader(std::string_view content) : rest_(content) {}
    std::string take(size_t count) {
        if (rest_.size() < count) throw wrong("the join string is cut off; copy all of it");
        std::string out(rest_.substr(0, count));
        rest_.remove_prefix(count);
        return out;
    }
    uint64_t number(size_t bytes) {
        uint64_t value = 0;
        for (unsigned char c : take(bytes)) value = value << 8 | c;
        return value;
    }
    bool at_end() const { return rest_.empty(); }

  private:
    std::string_view rest_;
};

}  // namespace

JoinString JoinString::make(const std::string& name, const std::string& address, int64_t valid_ms) {
    JoinString made;
    made.name = name;
    made.address = address;
    made.key = hex(random_bytes(k_key_bytes));
    made.expires_ms = wall_ms() + valid_ms;
    return made;
}

std::string JoinString::text() const {
    unsigned char raw[16];
    bool six = address.find(':') != std::string::npos;
    auto bytes = unhex(key);
    if (inet_pton(six ? AF_INET6 : AF_INET, address.c_str(), raw) != 1 || !bytes ||
        bytes->size() != k_key_bytes || name.empty() || name.size() > 64) {
        throw wrong("a join string needs a name and an address, not \"" + name + "\" and \"" + address + "\"");
    }
    std::string content = number(static_cast<uint64_t>(expires_ms / 1000), 4) + number(port, 2) + *bytes;
    content += static_cast<char>(six ? 16 : 4);
    content.append(reinterpret_cast<const char*>(raw), six ? 16 : 4);
    content += static_cast<char>(name.size());
    content += name;
    return std::string(k_head) + base64(content + check_of(content));
}

bool JoinString::looks_like(std::string_view text) {
    return fold(trim(text)).starts_with(k_head);
}

JoinString JoinString::parse(std::string_view text) {
    std::string word;
    for (char c : text) {  // what a terminal or a mail has broken into lines
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') word += c;
    }
    if (!looks_like(word)) throw wrong("a join string begins with mds1:");
    auto raw = unbase64(word.substr(k_head.size()));
    if (!raw || raw->size() <= k_check_bytes) throw wrong("the join string is cut off or mistyped; copy all of it");
    std::string content = raw->substr(0, raw->size() - k_check_bytes);
    if (check_of(content) != raw->substr(content.size())) {
        throw wrong("the join string is cut off or mistyped; copy all of it");
    }
    Reader reader(content);
    JoinString out;
    out.expires_ms = static_cast<int64_t>(reader.number(4)) * 1000;
    out.port = static_cast<uint16_t>(reader.number(2));
    out.key = hex(reader.take(k_key_bytes));
    size_t length = reader.number(1);
    std::string address = reader.take(length);
    char shown[INET6_ADDRSTRLEN] = "";
    if ((length != 4 && length != 16) ||
        !inet_ntop(length == 16 ? AF_INET6 : AF_INET, address.data(), shown, sizeof(shown))) {
        throw wrong("the join string has no address in it");
    }
    out.address = shown;
    out.name = reader.take(reader.number(1));
    if (!reader.at_end()) throw wrong("the join string is of another version");
    if (out.expires_ms < wall_ms()) {
        throw wrong("the join string was valid until " + rfc3339(out.expires_ms));
    }
    return out;
}

}  // namespace mds
