#include "store/codec.hh"

#include <zlib.h>

#include "base/error.hh"

namespace mds::store {
namespace {

constexpr size_t k_compress_from = 1024;
constexpr uint64_t k_most_inflated = 1ull << 30;

[[noreturn]] void damaged() { throw Error(Code::internal, "a record is damaged"); }

}  // namespace

Writer& Writer::u8(uint8_t v) {
    out_ += static_cast<char>(v);
    return *this;
}

Writer& Writer::u16(uint16_t v) { return u8(static_cast<uint8_t>(v)).u8(static_cast<uint8_t>(v >> 8)); }

Writer& Writer::u32(uint32_t v) {
    return u16(static_cast<uint16_t>(v)).u16(static_cast<uint16_t>(v >> 16));
}

Writer& Writer::u64(uint64_t v) {
    return u32(static_cast<uint32_t>(v)).u32(static_cast<uint32_t>(v >> 32));
}

Writer& Writer::uid(const Uid& v) {
    out_ += v.raw();
    return *this;
}

Writer& Writer::hash(const Hash& v) {
    out_ += raw(v);
    return *this;
}

Writer& Writer::text(std::string_view v) {
    u32(static_cast<uint32_t>(v.size()));
    out_ += v;
    return *this;
}

std::string_view Reader::take(size_t count) {
    if (bytes_.size() - at_ < count) damaged();
    std::string_view part = bytes_.substr(at_, count);
    at_ += count;
    return part;
}

uint8_t Reader::u8() { return static_cast<uint8_t>(take(1)[0]); }

uint16_t Reader::u16() {
    uint16_t low = u8();
    return static_cast<uint16_t>(low | u8() << 8);
}

uint32_t Reader::u32() {
    uint32_t low = u16();
    return low | static_cast<uint32_t>(u16()) << 16;
}

uint64_t Reader::u64() {
    uint64_t low = u32();
    return low | static_cast<uint64_t>(u32()) << 32;
}

Uid Reader::uid() { return *Uid::from_bytes(take(16)); }

Hash Reader::hash() { return hash_from(take(32)); }

std::string_view Reader::text() { return take(u32()); }

std::string encode(const std::vector<Image>& images) {
    Writer out;
    out.u32(static_cast<uint32_t>(images.size()));
    for (const Image& image : images) {
        const Change& c = image.change;
        out.u8(static_cast<uint8_t>(c.op)).uid(c.uid);
        out.text(c.type).text(c.scope).text(c.name).text(c.doc).u64(image.rev);
    }
    return out.take();
}

std::vector<Image> decode(std::string_view payload) {
    Reader in(payload);
    std::vector<Image> images;
    uint32_t count = in.u32();
    // The count is a claim of the sender: memory grows with what is really there.
    for (uint32_t i = 0; i < count; ++i) {
        Image image;
        uint8_t op = in.u8();
        if (op != 1 && op != 2) damaged();
        image.change.op = static_cast<Change::Op>(op);
        image.change.uid = in.uid();
        image.change.type = in.text();
        image.change.scope = in.text();
        image.change.name = in.text();
        image.change.doc = in.text();
        image.rev = in.u64();
        images.push_back(std::move(image));
    }
    if (!in.done()) damaged();
    return images;
}

std::string compress(std::string_view bytes, uint8_t& codec) {
    codec = 0;
    if (bytes.size() < k_compress_from) return std::string(bytes);
    uLongf size = compressBound(bytes.size());
    std::string out(8 + size, '\0');
    uint64_t plain = bytes.size();
    for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(plain >> (8 * i));
    if (compress2(reinterpret_cast<Bytef*>(out.data() + 8), &size,
                  reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 1) != Z_OK ||
        size + 8 >= bytes.size()) {
        return std::string(bytes);
    }
    out.resize(8 + size);
    codec = 1;
    return out;
}

std::string decompress(std::string_view bytes, uint8_t codec) {
    if (codec == 0) return std::string(bytes);
    if (codec != 1 || bytes.size() < 8) damaged();
    uint64_t plain = 0;
    for (int i = 0; i < 8; ++i) {
        plain |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
    }
    // Deflate packs at most 1032 bytes into one: who claims more does not get the memory.
    if (plain > k_most_inflated || plain > 1032 * bytes.size()) damaged();
    std::string out(plain, '\0');
    uLongf size = plain;
    if (uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                   reinterpret_cast<const Bytef*>(bytes.data() + 8), bytes.size() - 8) != Z_OK ||
        size != plain) {
        damaged();
    }
    return out;
}

void write_record(Writer& out, const Revision& r) {
    out.u64(r.rev).text(r.kind).uid(r.term_id).u64(r.term_no);
    out.hash(r.prev_hash).hash(r.hash).hash(r.digest);
    out.uid(r.session).text(r.session_name).text(r.author).u64(static_cast<uint64_t>(r.time_ms));
    out.u32(r.changes).text(r.meta).u8(r.codec).text(r.payload);
}

Revision read_record(Reader& in) {
    Revision r;
    r.rev = in.u64();
    r.kind = in.text();
    r.term_id = in.uid();
    r.term_no = in.u64();
    r.prev_hash = in.hash();
    r.hash = in.hash();
    r.digest = in.hash();
    r.session = in.uid();
    r.session_name = in.text();
    r.author = in.text();
    r.time_ms = static_cast<int64_t>(in.u64());
    r.changes = in.u32();
    r.meta = in.text();
    r.codec = in.u8();
    r.payload = in.text();
    return r;
}

void write_term(Writer& out, const Term& t) {
    out.u64(t.no).uid(t.id).uid(t.parent).u64(t.start_rev).hash(t.start_hash).uid(t.active);
    out.text(t.cause).text(t.by).u64(static_cast<uint64_t>(t.time_ms));
}

Term read_term(Reader& in) {
    Term t;
    t.no = in.u64();
    t.id = in.uid();
    t.parent = in.uid();
    t.start_rev = in.u64();
    t.start_hash = in.hash();
    t.active = in.uid();
    t.cause = in.text();
    t.by = in.text();
    t.time_ms = static_cast<int64_t>(in.u64());
    return t;
}

void write_position(Writer& out, const Position& p) {
    out.uid(p.incarnation).uid(p.term_id).u64(p.term_no).u64(p.rev).hash(p.hash).hash(p.digest);
}

Position read_position(Reader& in) {
    Position p;
    p.incarnation = in.uid();
    p.term_id = in.uid();
    p.term_no = in.u64();
    p.rev = in.u64();
    p.hash = in.hash();
    p.digest = in.hash();
    return p;
}

}  // namespace mds::store
