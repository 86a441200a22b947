#include "enrol/line.hh"

#include "base/error.hh"
#include "base/printable.hh"

namespace mds::enrol {
namespace {

constexpr size_t k_head = 5;
/// Longest text of a refusal that is passed on, in bytes.
constexpr size_t k_refusal_text = 1024;

/// The mds::Error that a REFUSED frame stands for. Its words come from a machine that has proved nothing
/// yet and end in a log or on a terminal.
[[noreturn]] void throw_refusal(const std::string& content) {
    json::object o = json::parse_object(content);
    auto word = [&](const char* key, std::string_view otherwise = "") {
        return printable(json::get_string(o, key, otherwise), k_refusal_text);
    };
    Code code = code_from_word(json::get_string(o, "code"));
    std::string message = word("message", "The other end refused");
    if (int64_t tries = json::get_int(o, "tries-left", -1); tries >= 0) {
        message += tries == 1 ? "; 1 try is left" : "; " + std::to_string(tries) + " tries are left";
    }
    throw Error(code, message).refusal(word("refusal"), word("next"));
}

}  // namespace

void Line::send(Frame kind, std::string_view content) {
    uint32_t size = static_cast<uint32_t>(content.size() + 1);
    std::string bytes;
    for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(size >> shift & 0xff);
    bytes += static_cast<char>(kind);
    bytes += content;
    write(bytes);
}

std::string Line::receive(Frame kind, size_t limit) {
    char head[k_head];
    read_exactly(head, sizeof head);
    size_t size = 0;
    for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(head[i]);
    auto got = static_cast<Frame>(head[4]);
    if (size == 0 || size - 1 > limit || (got != kind && got != Frame::refused)) {
        throw Error(Code::unreachable, "The other end does not keep to mds-enrol/1");
    }
    std::string content(size - 1, '\0');
    read_exactly(content.data(), content.size());
    if (got == Frame::refused) throw_refusal(content);
    return content;
}

void Line::refuse(const Refusal& refusal) noexcept {
    try {
        send(Frame::refused, refusal.to_json());
    } catch (const std::exception&) {
        // The other end learns it by the closed connection.
    }
}

json::object Refusal::to_json() const {
    json::object o{{"code", code}, {"message", message}, {"refusal", id}, {"next", next}};
    if (tries_left >= 0) o["tries-left"] = tries_left;
    return o;
}

}  // namespace mds::enrol
