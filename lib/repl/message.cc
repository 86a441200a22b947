#include "repl/message.hh"

#include "base/error.hh"
#include "store/codec.hh"

namespace mds::repl {
namespace {

// A receiver of another format must notice it before it misreads a field. New fields are written at the
// end: an older release does not read them, a newer one takes what they default to.
constexpr uint8_t k_format = 1;

store::Reader open_message(std::string_view bytes) {
    store::Reader in(bytes);
    if (in.u8() != k_format) {
        throw Error(Code::unknown_api_version, "a message of another format of replication");
    }
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
    out.u8(verified).text(damage).u32(schema).u32(schema_known).u8(asks);
    out.u32(tentative).u64(static_cast<uint64_t>(tentative_since));
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
    m.verified = in.u8();
    m.damage = in.text();
    if (in.done()) return m;
    m.schema = in.u32();
    m.schema_known = in.u32();
    if (!in.done()) m.asks = in.u8();
    if (in.done()) return m;
    m.tentative = in.u32();
    m.tentative_since = static_cast<int64_t>(in.u64());
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

std::string BucketsMessage::encode() const {
    store::Writer out;
    out.u8(k_format);
    store::write_position(out, sums.at);
    out.u32(static_cast<uint32_t>(sums.sums.size()));
    for (const store::Hash& sum : sums.sums) out.hash(sum);
    return out.take();
}

BucketsMessage BucketsMessage::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    BucketsMessage m;
    m.sums.at = store::read_position(in);
    if (in.u32() != store::k_buckets) throw Error(Code::internal, "another number of buckets");
    for (size_t i = 0; i < store::k_buckets; ++i) m.sums.sums.push_back(in.hash());
    return m;
}

std::string MarksMessage::encode() const {
    store::Writer out;
    out.u8(k_format);
    store::write_position(out, rows.at);
    out.u32(static_cast<uint32_t>(buckets.size()));
    for (uint16_t bucket : buckets) out.u16(bucket);
    out.u32(static_cast<uint32_t>(rows.marks.size()));
    for (const store::RowMark& mark : rows.marks) out.uid(mark.uid).u64(mark.rev).hash(mark.hash);
    return out.take();
}

MarksMessage MarksMessage::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    MarksMessage m;
    m.rows.at = store::read_position(in);
    for (uint32_t count = in.u32(); count > 0; --count) m.buckets.push_back(in.u16());
    for (uint32_t count = in.u32(); count > 0; --count) {
        store::RowMark mark;
        mark.uid = in.uid();
        mark.rev = in.u64();
        mark.hash = in.hash();
        m.rows.marks.push_back(mark);
    }
    return m;
}

std::string LostMessage::encode() const {
    store::Writer out;
    out.u8(k_format).u32(static_cast<uint32_t>(rows.size()));
    for (const Uid& uid : rows) out.uid(uid);
    out.u32(static_cast<uint32_t>(records.size()));
    for (uint64_t rev : records) out.u64(rev);
    return out.take();
}

LostMessage LostMessage::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    LostMessage m;
    for (uint32_t count = in.u32(); count > 0; --count) m.rows.push_back(in.uid());
    for (uint32_t count = in.u32(); count > 0; --count) m.records.push_back(in.u64());
    return m;
}

std::string FoundMessage::encode() const {
    store::Writer out;
    out.u8(k_format);
    store::write_position(out, at);
    out.text(store::encode(rows)).u32(static_cast<uint32_t>(records.size()));
    for (const store::Revision& record : records) store::write_record(out, record);
    return out.take();
}

FoundMessage FoundMessage::decode(std::string_view bytes) {
    store::Reader in = open_message(bytes);
    FoundMessage m;
    m.at = store::read_position(in);
    m.rows = store::decode(in.text());
    for (uint32_t count = in.u32(); count > 0; --count) {
        m.records.push_back(store::read_record(in));
    }
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
