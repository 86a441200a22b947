// The heap of a process that handles secrets: what is given back holds nothing any more (T-16).
//
// A key passes through many copies on its way: the request's text, its JSON, messages of the bus,
// what OpenSSL makes of it. Each is freed by code of ours or of a library that does not know it is
// a secret. A program that has this file in it wipes every block when it is freed, whoever frees
// it: free() and realloc() of the program take the place of those of the C library, for its own and
// for all shared libraries, and hand over to them. mallopt(M_PERTURB) would be simpler, but leaves
// blocks of up to 1032 bytes (the cache of a thread) and what realloc() cuts off as they are.
#include <malloc.h>
#include <string.h>

#include <algorithm>
#include <cstddef>

// The C library's own, exported for those who take the place of its names.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_realloc(void* block, size_t size);
void __libc_free(void* block);
}

namespace {

/// The largest page of the machines that Debian runs on.
constexpr size_t k_page = 64 * 1024;

/// A large block that has pages for itself: the kernel takes them away whole, and moves them whole.
bool has_own_pages(const void* block, size_t usable) {
    constexpr size_t k_is_mapped = 2;
    if (usable < k_page) return false;
    size_t head = 0;
    memcpy(&head, static_cast<const char*>(block) - sizeof head, sizeof head);
    return (head & k_is_mapped) != 0;
}

void wipe_and_free(void* block, size_t usable) {
    if (!has_own_pages(block, usable)) explicit_bzero(block, usable);
    __libc_free(block);
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) void free(void* block) noexcept {
    if (block) wipe_and_free(block, malloc_usable_size(block));
}

__attribute__((visibility("default"))) void* realloc(void* block, size_t size) noexcept {
    if (!block) return __libc_malloc(size);
    size_t usable = malloc_usable_size(block);
    if (size == 0) {
        wipe_and_free(block, usable);
        return nullptr;
    }
    bool mapped = has_own_pages(block, usable);
    if (size <= usable) {
        // The rest may become a block of its own; of pages only what is in the last that stays.
        explicit_bzero(static_cast<char*>(block) + size,
                       mapped ? std::min(usable - size, k_page) : usable - size);
    }
    if (mapped || size <= usable) return __libc_realloc(block, size);
    void* larger = __libc_malloc(size);
    if (!larger) return nullptr;
    memcpy(larger, block, usable);
    wipe_and_free(block, usable);
    return larger;
}

}  // extern "C"
