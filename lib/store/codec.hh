#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hh"
#include "store/public_db.hh"

namespace mds::store {

/// A change with the revision of the row it replaces; only before-images (undo) use `rev`.
struct Image {
    Change change;
    uint64_t rev = 0;
};

/// Payload encoding (replication.md 3): per change op u8, uid 16 bytes, then length-prefixed type,
/// scope, name, document, then rev. Little endian.
std::string encode(const std::vector<Image>& images);
/// Throws mds::Error(internal) for bytes that are no payload.
std::vector<Image> decode(std::string_view payload);

/// Compresses with zlib level 1 from 1 kB on, when it helps; sets `codec` (0 none, 1 zlib).
std::string compress(std::string_view bytes, uint8_t& codec);
/// Throws mds::Error(internal) for damaged bytes, an unknown codec, or more than 1 GiB inside.
std::string decompress(std::string_view bytes, uint8_t codec);

/// Reads and writes the little-endian, length-prefixed fields that records and messages use.
class Writer {
  public:
    Writer& u8(uint8_t v);
    Writer& u16(uint16_t v);
    Writer& u32(uint32_t v);
    Writer& u64(uint64_t v);
    Writer& uid(const Uid& v);
    Writer& hash(const Hash& v);
    Writer& text(std::string_view v);
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}
    uint8_t u8();
    uint16_t u16();
    uint32_t u32();
    uint64_t u64();
    Uid uid();
    Hash hash();
    std::string_view text();
    bool done() const { return at_ == bytes_.size(); }

  private:
    std::string_view take(size_t count);
    std::string_view bytes_;
    size_t at_ = 0;
};

/// A whole record as it travels (without undo), and back.
void write_record(Writer& out, const Revision& record);
Revision read_record(Reader& in);
void write_term(Writer& out, const Term& term);
Term read_term(Reader& in);
void write_position(Writer& out, const Position& position);
Position read_position(Reader& in);

}  // namespace mds::store
