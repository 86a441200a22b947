#include "repl/message.hh"

#include "base/error.hh"
#include "store/codec.hh"

namespace mds::repl {
namespace {

// A receiver of another version must notice it before it misreads a field.
constexpr uint8_t k_format = 1;

store::Reader open_message(std::string_view bytes) {
    store::Reader in(bytes);
    if (in.u8() != k_format) throw Error(Code::internal, "a message of another version");
    return in;
}

}  // namespace

std::string PositionMessage::encode() const {
    store::Writer out;
    out.u8(k_format).uid(server).u8(static_cast<uint8_t>(role)).u8(log_server).u8(collision);
    store::write_position(out, history.position);
    out.u32(static_cast<uint32_t>(history.terms.size()));
    for (const store::Term& term : history.terms) store::write_term(out, term);
    out.u64(oldest_record).u8(copy_percent).u32(parked).text(version).text(failure).text(work);
    return out.take();
}

PositionMessage PositionMessage::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    PositionMessage m;
    m.server = in.uid();
    m.role = static_cast<Role>(in.u8());
    m.log_server = in.u8();
    m.collision = in.u8();
    m.history.position = store::read_position(in);
    for (uint32_t count = in.u32(); count > 0; --count) {
        m.history.terms.push_back(store::read_term(in));
    }
    m.oldest_record = in.u64();
    m.copy_percent = in.u8();
    m.parked = in.u32();
    m.version = in.text();
    m.failure = in.text();
    m.work = in.text();
    return m;
}

std::string PullMessage::encode() const {
    store::Writer out;
    out.u8(k_format);
    store::write_position(out, position);
    return out.take();
}

PullMessage PullMessage::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    return {store::read_position(in)};
}

std::string DeltaMessage::encode() const {
    store::Writer out;
    out.u8(k_format).u32(static_cast<uint32_t>(records.size()));
    for (const store::Revision& record : records) store::write_record(out, record);
    return out.take();
}

DeltaMessage DeltaMessage::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    DeltaMessage m;
    for (uint32_t count = in.u32(); count > 0; --count) {
        m.records.push_back(store::read_record(in));
    }
    return m;
}

std::string CopyOffer::encode() const {
    store::Writer out;
    out.u8(k_format).uid(id);
    store::write_position(out, position);
    out.u64(size).u32(chunk_size).u32(static_cast<uint32_t>(chunks.size()));
    for (const store::Hash& chunk : chunks) out.hash(chunk);
    return out.take();
}

CopyOffer CopyOffer::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    CopyOffer m;
    m.id = in.uid();
    m.position = store::read_position(in);
    m.size = in.u64();
    m.chunk_size = in.u32();
    for (uint32_t count = in.u32(); count > 0; --count) m.chunks.push_back(in.hash());
    return m;
}

std::string CopyChunk::encode() const {
    store::Writer out;
    out.u8(k_format).uid(id).u32(index).u8(codec).text(bytes);
    return out.take();
}

CopyChunk CopyChunk::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    CopyChunk m;
    m.id = in.uid();
    m.index = in.u32();
    m.codec = in.u8();
    m.bytes = in.text();
    return m;
}

std::string ParkedPut::encode() const {
    store::Writer out;
    out.u8(k_format).uid(term_id).u64(rev).u64(size).u64(offset).text(bytes);
    return out.take();
}

ParkedPut ParkedPut::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    ParkedPut m;
    m.term_id = in.uid();
    m.rev = in.u64();
    m.size = in.u64();
    m.offset = in.u64();
    m.bytes = in.text();
    return m;
}

std::string ParkedOk::encode() const {
    store::Writer out;
    out.u8(k_format).uid(term_id).u64(rev).u8(kept).u64(offset).text(problem);
    return out.take();
}

ParkedOk ParkedOk::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    ParkedOk m;
    m.term_id = in.uid();
    m.rev = in.u64();
    m.kept = in.u8();
    m.offset = in.u64();
    m.problem = in.text();
    return m;
}

std::string NoteMessage::encode() const {
    store::Writer out;
    out.u8(k_format).uid(id).u32(number).text(text);
    return out.take();
}

NoteMessage NoteMessage::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    NoteMessage m;
    m.id = in.uid();
    m.number = in.u32();
    m.text = in.text();
    return m;
}

}  // namespace mds::repl
