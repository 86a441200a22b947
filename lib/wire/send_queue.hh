#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "wire/frame.hh"
#include "wire/message.hh"

namespace mds::wire {

/// What waits to be sent to one peer, handed out frame by frame so that the channels share the
/// line: in order within a channel; a channel whose next message is small goes before channels with
/// bulk, whose messages are cut into pieces and take turns. Pure; frames are made and compressed
/// when they are asked for.
class SendQueue {
  public:
    /// Most bytes of one piece, so the longest that a small message waits for bulk.
    static constexpr size_t k_piece = 64 * 1024;
    /// Messages up to this size are small.
    static constexpr size_t k_small = 16 * 1024;
    /// Messages above this size are compressed when that helps.
    static constexpr size_t k_compress = 1024;
    /// Larger messages are bulk whose owner has packed it, beside its loop, when the line is worth it.
    static constexpr size_t k_most_compressed = 512 * 1024;

    /// Bulk is refused when more than `limit` bytes would wait; small messages may use a sixteenth
    /// more, so that heartbeats pass a queue full of bulk.
    explicit SendQueue(size_t limit) : limit_(limit) {}

    /// False when the message was dropped: the queue is full or the message breaks a limit of
    /// message.hh.
    bool push(Message message);
    /// Takes the next frame; false when nothing waits.
    bool next(Frame& frame);
    bool empty() const { return small_.empty() && bulk_.empty(); }
    /// Payload bytes that wait.
    size_t bytes() const { return bytes_; }

  private:
    struct Channel {
        std::deque<Message> messages;
        /// Of the first message: its number (0 = not begun), bytes taken, whether compressing pays.
        uint64_t number = 0;
        size_t taken = 0;
        bool compress = false;
    };
    void enqueue(const std::string& name, const Channel& channel);

    size_t limit_;
    size_t bytes_ = 0;
    uint64_t last_number_ = 0;
    unsigned small_in_a_row_ = 0;
    std::map<std::string, Channel> channels_;
    /// Names of the channels that have something to send; each stands in exactly one.
    std::deque<std::string> small_, bulk_;
};

}  // namespace mds::wire
