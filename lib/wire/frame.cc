#include "wire/frame.hh"

#include "base/error.hh"
#include "wire/bytes.hh"

namespace mds::wire {

void append(std::string& out, const Frame& frame) {
    put(out, static_cast<uint32_t>(frame.payload.size()));
    put(out, static_cast<uint8_t>(frame.type));
    put(out, frame.flags);
    put(out, static_cast<uint8_t>(frame.codec));
    put(out, uint8_t{0});
    put(out, frame.request);
    out += frame.payload;
}

void FrameReader::feed(std::string_view bytes) {
    // What has been read is dropped only when it is much: moving the rest costs.
    if (start_ == buffer_.size()) {
        buffer_.clear();
        start_ = 0;
    } else if (start_ > k_max_payload / 4) {
        buffer_.erase(0, start_);
        start_ = 0;
    }
    buffer_ += bytes;
}

std::optional<Frame> FrameReader::next() {
    std::string_view rest = std::string_view(buffer_).substr(start_);
    if (rest.size() < k_header_size) return std::nullopt;
    auto length = get<uint32_t>(rest, 0);
    auto type = get<uint8_t>(rest, 4);
    auto flags = get<uint8_t>(rest, 5);
    auto codec = get<uint8_t>(rest, 6);
    if (length > limit_) throw Error(Code::invalid_syntax, "a frame is larger than allowed");
    bool known = type >= static_cast<uint8_t>(Type::hello) &&
                 type <= static_cast<uint8_t>(Type::message) &&
                 (flags & ~(k_flag_first | k_flag_more)) == 0 &&
                 codec <= static_cast<uint8_t>(Codec::zlib) && get<uint8_t>(rest, 7) == 0;
    if (!known) throw Error(Code::invalid_syntax, "not a frame of mds-sync/1");
    if (rest.size() < k_header_size + length) return std::nullopt;
    start_ += k_header_size + length;
    return Frame{static_cast<Type>(type), flags, static_cast<Codec>(codec), get<uint64_t>(rest, 8),
                 std::string(rest.substr(k_header_size, length))};
}

}  // namespace mds::wire
