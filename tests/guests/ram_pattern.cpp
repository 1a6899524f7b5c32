// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guests/ram_pattern.hpp"

#include "guest-api/guest/platform.hpp"

#include <span>

namespace baton::guest {

namespace {

constexpr u32 most_pages = 16384;
std::array<u64, most_pages> pages;
u32 page_count;
u32 next_page;

std::span<u64> words_of(u64 page) {
    return {reinterpret_cast<u64*>(page), page_size / sizeof(u64)};
}

/// Differs from word to word, and from what zeroing or copying a page leaves.
u64 word_at(const u64* at) { return reinterpret_cast<u64>(at) * 0x9e37'79b9'7f4a'7c15; }

} // namespace

u32 fill_pattern() {
    const u64 most = option_number("pattern", 32) * MiB / page_size;
    for (const PhysRange& range : platform().memory) {
        for (PhysAddr at = range.begin; at < range.end() && page_count < most;
             at = at + page_size) {
            if (!platform().is_used({at, page_size}) && page_count < most_pages) {
                pages[page_count++] = at.value;
            }
        }
    }
    for (u32 i = 0; i < page_count; i++) {
        for (u64& word : words_of(pages[i])) {
            word = word_at(&word);
        }
    }
    return page_count;
}

u32 look_at_pattern(u32 count) {
    u32 wrong = 0;
    for (u32 i = 0; i < count && page_count != 0; i++) {
        next_page = (next_page + 1) % page_count;
        for (const u64& word : words_of(pages[next_page])) {
            wrong += word != word_at(&word);
        }
    }
    return wrong;
}

} // namespace baton::guest
