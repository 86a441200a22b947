#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace mds::test {

/// A text that only who asks for it has whole: in the program it is written otherwise. 24
/// characters.
inline std::string secret_text() {
    static const unsigned char k_hidden[] = {0x11, 0x36, 0x2f, 0x28, 0x77, 0x3f, 0x2c, 0x33,
                                             0x36, 0x77, 0x2e, 0x33, 0x3e, 0x3f, 0x77, 0x6c,
                                             0x6e, 0x77, 0x38, 0x3b, 0x28, 0x34, 0x3b, 0x39};
    volatile unsigned char mask = 0x5a;
    std::string out;
    for (unsigned char c : k_hidden) out += static_cast<char>(c ^ mask);
    return out;
}

/// How often the secret lies in what this process may write, as another process with the right
/// would see it. It is looked for eight bytes at a time from its middle, so that a part of it
/// counts too.
inline size_t copies_in_own_memory(bool stack_only = false) {
    static const unsigned char k_middle[] = {0x36, 0x77, 0x2e, 0x33, 0x3e, 0x3f, 0x77, 0x6c};
    std::ifstream maps("/proc/self/maps");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    size_t count = 0;
    volatile unsigned char mask = 0x5a;
    static std::vector<char> piece;
    for (std::string line; std::getline(maps, line);) {
        uintptr_t begin = 0, end = 0;
        char rights[5] = {};
        if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s", &begin, &end, rights) != 3)
            continue;
        bool stack = line.find("[stack]") != std::string::npos;
        if (std::string_view(rights).substr(0, 2) != "rw" || (stack_only && !stack)) continue;
        piece.resize(1 << 20);
        for (uintptr_t at = begin; at < end; at += piece.size()) {
            size_t size = std::min(piece.size(), static_cast<size_t>(end - at));
            ssize_t got = pread(memory, piece.data(), size, static_cast<off_t>(at));
            for (ssize_t i = 0; i + 8 <= got; ++i) {
                // What is read here is a copy, and the piece itself is part of the memory.
                auto where = at + static_cast<uintptr_t>(i);
                auto own = reinterpret_cast<uintptr_t>(piece.data());
                if (where >= own && where < own + piece.size()) continue;
                bool same = true;
                for (ssize_t k = 0; same && k < 8; ++k) {
                    same = static_cast<unsigned char>(piece[static_cast<size_t>(i + k)]) ==
                           (k_middle[k] ^ mask);
                }
                count += same;
            }
        }
    }
    close(memory);
    return count;
}

}  // namespace mds::test
