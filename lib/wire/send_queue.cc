#include "wire/send_queue.hh"

#include <algorithm>

#include "wire/bytes.hh"
#include "wire/compress.hh"

namespace mds::wire {

/// After so many small messages one piece of bulk goes, so that a flood does not starve it.
constexpr unsigned k_small_burst = 16;

bool SendQueue::push(Message message) {
    size_t size = message.payload.size();
    if (size > k_max_message || message.channel.size() > k_max_channel) return false;
    size_t allowed = size <= k_small ? limit_ + limit_ / 16 : limit_;
    if (bytes_ + size > allowed) return false;
    bytes_ += size;
    std::string name = message.channel;
    Channel& channel = channels_[name];
    channel.messages.push_back(std::move(message));
    if (channel.messages.size() == 1) enqueue(name, channel);
    return true;
}

void SendQueue::enqueue(const std::string& name, const Channel& channel) {
    bool begun = channel.number != 0;
    bool small = !begun && channel.messages.front().payload.size() <= k_small;
    (small ? small_ : bulk_).push_back(name);
}

bool SendQueue::next(Frame& frame) {
    if (empty()) return false;
    bool small = !small_.empty() && (bulk_.empty() || small_in_a_row_ < k_small_burst);
    small_in_a_row_ = small ? small_in_a_row_ + 1 : 0;
    std::deque<std::string>& turn = small ? small_ : bulk_;
    std::string name = std::move(turn.front());
    turn.pop_front();
    Channel& channel = channels_[name];
    const Message& message = channel.messages.front();

    frame = Frame{};
    std::string content;
    if (channel.number == 0) {
        channel.number = ++last_number_;
        size_t size = message.payload.size();
        channel.compress = size > k_compress && size <= k_most_compressed;
        frame.flags |= k_flag_first;
        put(content, static_cast<uint32_t>(message.payload.size()));
        put(content, message.kind);
        put(content, static_cast<uint16_t>(name.size()));
        content += name;
    }
    frame.request = channel.number;
    size_t count = std::min(k_piece, message.payload.size() - channel.taken);
    content.append(message.payload, channel.taken, count);
    channel.taken += count;
    bytes_ -= count;
    if (channel.compress) {
        if (auto packed = compress(content)) {
            content = std::move(*packed);
            frame.codec = Codec::zlib;
        } else {
            channel.compress = false;  // the rest of the message will not shrink either
        }
    }
    frame.payload = std::move(content);
    if (channel.taken < message.payload.size()) {
        frame.flags |= k_flag_more;
        enqueue(name, channel);
        return true;
    }
    channel.messages.pop_front();
    if (channel.messages.empty()) {
        channels_.erase(name);
        return true;
    }
    channel.number = 0;
    channel.taken = 0;
    enqueue(name, channel);
    return true;
}

}  // namespace mds::wire
