#include "base/ids.hh"

#include <sys/random.h>

#include <chrono>
#include <cstring>
#include <mutex>
#include <stdexcept>

namespace mds {
namespace {

constexpr char k_hex[] = "0123456789abcdef";

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::string random_bytes(size_t count) {
    std::string out(count, '\0');
    size_t done = 0;
    while (done < count) {
        ssize_t n = getrandom(out.data() + done, count - done, 0);
        if (n < 0) throw std::runtime_error("the kernel gives no random bytes");
        done += static_cast<size_t>(n);
    }
    return out;
}

Uid Uid::make() {
    static std::mutex mutex;
    static uint64_t last_ms = 0;
    static uint16_t sequence = 0;
    uint64_t ms;
    uint16_t seq;
    std::string random = random_bytes(8);
    {
        std::lock_guard lock(mutex);
        ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count());
        // A counter in the 12 bits after the time keeps one process's identifiers in order within
        // a millisecond, and also when the clock steps back.
        if (ms <= last_ms) {
            if (++sequence > 0xfff) {
                ++last_ms;
                sequence = 0;
            }
            ms = last_ms;
        } else {
            last_ms = ms;
            sequence = 0;
        }
        seq = sequence;
    }
    Uid uid;
    for (int i = 0; i < 6; ++i) uid.bytes[i] = static_cast<uint8_t>(ms >> (40 - 8 * i));
    uid.bytes[6] = static_cast<uint8_t>(0x70 | (seq >> 8));
    uid.bytes[7] = static_cast<uint8_t>(seq);
    std::memcpy(uid.bytes.data() + 8, random.data(), 8);
    uid.bytes[8] = static_cast<uint8_t>((uid.bytes[8] & 0x3f) | 0x80);
    return uid;
}

std::optional<Uid> Uid::parse(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    Uid uid;
    size_t at = 0;
    for (size_t i = 0; i < 36; ++i) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-') return std::nullopt;
            continue;
        }
        int value = hex_value(text[i]);
        if (value < 0) return std::nullopt;
        uid.bytes[at / 2] = static_cast<uint8_t>(uid.bytes[at / 2] << 4 | value);
        ++at;
    }
    return uid;
}

std::optional<Uid> Uid::from_bytes(std::string_view raw) {
    if (raw.size() != 16) return std::nullopt;
    Uid uid;
    std::memcpy(uid.bytes.data(), raw.data(), 16);
    return uid;
}

std::string Uid::text() const {
    std::string out;
    out.reserve(36);
    for (size_t i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
        out += k_hex[bytes[i] >> 4];
        out += k_hex[bytes[i] & 15];
    }
    return out;
}

std::string base64url(std::string_view raw) {
    constexpr char k_alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string out;
    uint32_t bits = 0;
    int count = 0;
    for (unsigned char c : raw) {
        bits = bits << 8 | c;
        count += 8;
        while (count >= 6) {
            count -= 6;
            out += k_alphabet[bits >> count & 63];
        }
    }
    if (count > 0) out += k_alphabet[bits << (6 - count) & 63];
    return out;
}

std::string hex(std::string_view raw) {
    std::string out;
    out.reserve(raw.size() * 2);
    for (unsigned char c : raw) {
        out += k_hex[c >> 4];
        out += k_hex[c & 15];
    }
    return out;
}

std::optional<std::string> unhex(std::string_view text) {
    if (text.size() % 2) return std::nullopt;
    std::string out;
    for (size_t i = 0; i < text.size(); i += 2) {
        int high = hex_value(text[i]), low = hex_value(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high << 4 | low);
    }
    return out;
}

}  // namespace mds
