// What comes from another server: payloads of records, messages of the replica, frames. The first
// byte chooses the decoder. What is accepted is encoded to the same content again.
#include <cstdlib>

#include "base/error.hh"
#include "repl/message.hh"
#include "store/codec.hh"
#include "store/transaction.hh"
#include "wire/frame.hh"

namespace {

using namespace mds;

template <class Message>
void round_trip(std::string_view bytes) {
    std::string once = Message::decode(bytes).encode();
    if (Message::decode(once).encode() != once) std::abort();
}

void frames(std::string_view bytes) {
    wire::FrameReader reader;
    // In two pieces, as a connection brings them.
    size_t half = bytes.size() / 2;
    for (std::string_view piece : {bytes.substr(0, half), bytes.substr(half)}) {
        reader.feed(piece);
        while (auto frame = reader.next()) {
            if (frame->payload.size() > wire::k_max_payload) std::abort();
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    try {
        // Beside the numbers that the seeds have.
        if (data[0] == 255) {
            round_trip<store::Transaction>(bytes);
            return 0;
        }
        switch (data[0] % 11) {
            case 0: {
                auto images = store::decode(bytes);
                if (store::encode(images) != bytes) std::abort();
                break;
            }
            case 1:
                store::decompress(bytes, 1);
                break;
            case 2: {
                store::Reader in(bytes);
                store::Revision record = store::read_record(in);
                store::Writer out;
                store::write_record(out, record);
                if (!bytes.starts_with(out.take())) std::abort();
                break;
            }
            case 3: {
                store::Reader in(bytes);
                store::read_term(in);
                store::read_position(in);
                break;
            }
            case 4: frames(bytes); break;
            case 5: round_trip<repl::PositionMessage>(bytes); break;
            case 6: round_trip<repl::PullMessage>(bytes); break;
            case 7: round_trip<repl::DeltaMessage>(bytes); break;
            case 8: round_trip<repl::CopyOffer>(bytes); break;
            case 9: round_trip<repl::CopyChunk>(bytes); break;
            default: round_trip<repl::NoteMessage>(bytes);
        }
    } catch (const Error&) {
    }
    return 0;
}
