#include "wire/compress.hh"

#include <zlib.h>

#include "base/error.hh"
#include "wire/bytes.hh"

namespace mds::wire {

std::optional<std::string> compress(std::string_view content) {
    size_t allowed = content.size() - content.size() / 10;
    std::string out;
    put(out, static_cast<uint32_t>(content.size()));
    size_t head = out.size();
    if (allowed <= head) return std::nullopt;
    out.resize(allowed);
    uLongf size = allowed - head;
    int result = compress2(reinterpret_cast<Bytef*>(out.data() + head), &size,
                           reinterpret_cast<const Bytef*>(content.data()), content.size(), 1);
    if (result != Z_OK) return std::nullopt;  // it did not fit into what is allowed
    out.resize(head + size);
    return out;
}

std::string decompress(std::string_view payload, size_t limit) {
    constexpr size_t k_head = 4;
    if (payload.size() < k_head) throw Error(Code::invalid_syntax, "a compressed frame is cut off");
    auto announced = get<uint32_t>(payload, 0);
    // Deflate packs at most 1032 bytes into one: who claims more does not get the memory.
    if (announced > limit || announced > 1032 * payload.size()) {
        throw Error(Code::invalid_syntax, "a compressed frame announces more than allowed");
    }
    std::string out(announced, '\0');
    uLongf size = announced;
    uLong used = payload.size() - k_head;
    int result = uncompress2(reinterpret_cast<Bytef*>(out.data()), &size,
                             reinterpret_cast<const Bytef*>(payload.data() + k_head), &used);
    if (result != Z_OK || size != announced || used != payload.size() - k_head) {
        throw Error(Code::invalid_syntax, "a compressed frame does not hold what it announces");
    }
    return out;
}

}  // namespace mds::wire
