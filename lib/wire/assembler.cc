#include "wire/assembler.hh"

#include "base/error.hh"
#include "wire/bytes.hh"
#include "wire/compress.hh"

namespace mds::wire {
namespace {

[[noreturn]] void broken(const char* what) {
    throw Error(Code::invalid_syntax, what);
}

constexpr size_t k_head = 8;

}  // namespace

std::optional<Message> Assembler::add(const Frame& frame) {
    std::string unpacked;
    std::string_view content = frame.payload;
    if (frame.codec == Codec::zlib) {
        unpacked = decompress(frame.payload, k_max_payload);
        content = unpacked;
    }
    auto it = open_.find(frame.request);
    if (frame.flags & k_flag_first) {
        if (it != open_.end()) broken("a message begins twice");
        if (open_.size() >= k_max_open) broken("too many incomplete messages");
        if (content.size() < k_head) broken("a message has no head");
        Open open;
        open.announced = get<uint32_t>(content, 0);
        open.message.kind = get<uint16_t>(content, 4);
        size_t name = get<uint16_t>(content, 6);
        if (open.announced > k_max_message) broken("a message is larger than allowed");
        if (name > k_max_channel || content.size() < k_head + name) broken("no channel name");
        open.message.channel = content.substr(k_head, name);
        content.remove_prefix(k_head + name);
        it = open_.emplace(frame.request, std::move(open)).first;
    } else if (it == open_.end()) {
        broken("a piece of a message that did not begin");
    }
    Open& open = it->second;
    if (open.message.payload.size() + content.size() > open.announced) {
        broken("a message is larger than announced");
    }
    if (bytes_ + content.size() > k_max_bytes) broken("too much of incomplete messages");
    open.message.payload += content;
    bytes_ += content.size();
    if (frame.flags & k_flag_more) return std::nullopt;
    if (open.message.payload.size() != open.announced) broken("a message is cut off");
    bytes_ -= open.announced;
    Message message = std::move(open.message);
    open_.erase(it);
    return message;
}

}  // namespace mds::wire
