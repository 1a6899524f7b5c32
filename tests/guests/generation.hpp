// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/hypercall.hpp"
#include "guest-api/guest/smp.hpp"
#include "tests/guests/entry_registers.hpp"

#include <algorithm>
#include <optional>

/// What one generation of a guest leaves for the next: a page of RAM that no image, DTB or initrd
/// covers. Options: state=ADDRESS.
namespace baton::guest {

/// FNV-1a.
inline u64 digest_of(const void* from, usize bytes) {
    u64 digest = 0xcbf2'9ce4'8422'2325;
    for (const u8* at = static_cast<const u8*>(from); bytes > 0; at++, bytes--) {
        digest = (digest ^ *at) * 0x100'0000'01b3;
    }
    return digest;
}

struct Generation {
    static constexpr u64 magic_value = 0x4e4f'5441'4220'5845;

    struct ImageDigest {
        u64 name, digest;
    };

    u64 magic;
    u64 number;
    u64 failed;               ///< checks, in all generations so far
    u64 caller, other_caller; ///< the affinities that may have called reset
    u64 image;                ///< `name` of the last image that ran
    std::array<ImageDigest, 8> digests;
    /// Of a cold boot: number 0 on its boot CPU.
    std::array<u64, max_registers> registers;
    /// Those that its caller of reset left with another value than a cold boot's.
    std::bitset<max_registers> filled;
    u64 left_at;  ///< CNTVCT_EL0 then
    u64 words[8]; ///< the test's own
    u64 checksum;

    u64 sum() const { return digest_of(this, offsetof(Generation, checksum)); }
    bool valid() const { return magic == magic_value && checksum == sum(); }
    void seal() {
        magic = magic_value;
        checksum = sum();
    }
};
static_assert(sizeof(Generation) <= page_size);

/// The middle of all RAM but Baton's: of what the guest has and the spare slot.
inline u64 middle_of_ram(const baton_status& status) {
    u64 begin = ~u64{0};
    u64 end = 0;
    const auto add = [&](PhysRange range) {
        begin = std::min(begin, range.begin.value);
        end = std::max(end, range.end().value);
    };
    for (const PhysRange& range : platform().memory) {
        add(range);
    }
    if (status.slot_size != 0) {
        add({{status.spare_slot}, status.slot_size});
    }
    return align_down(begin + (end - begin) / 2, block_size);
}

/// Where the last generation left its page, if there was one. No call asks for it: what a new
/// kernel calls first is a test's own business.
inline std::optional<u64> end_of_left_pages() {
    for (const PhysRange& range : platform().memory) {
        for (u64 end = align_down(range.end().value, block_size); end > range.begin.value;
             end -= block_size) {
            const PhysRange page{{end - page_size}, page_size};
            if (!platform().is_used(page) &&
                reinterpret_cast<const Generation*>(page.begin.value)->valid()) {
                return end;
            }
        }
    }
    return std::nullopt;
}

/// The end of a few pages that all generations have, whatever their slot: in the middle of RAM, or
/// else below.
inline u64 choose_shared_pages() {
    constexpr u64 pages = 8; // more than any test asks for
    const baton_status status = above_baton() ? status_now() : baton_status{};
    u64 top = middle_of_ram(status);
    const auto is_free = [&](PhysRange range) {
        return platform().is_memory(range) && !platform().is_used(range) &&
               !range.overlaps({{status.running_slot}, status.slot_size});
    };
    while (!is_free({{top - pages * page_size}, pages * page_size})) {
        top -= block_size;
    }
    return top;
}

/// `at` = 0 is the highest.
inline u64 shared_page(u32 at) {
    static const u64 end = [] {
        const u64 given = option_number("state", 0);
        if (given != 0) {
            return given + page_size;
        }
        const auto left = end_of_left_pages();
        return left ? *left : choose_shared_pages();
    }();
    return end - (at + 1) * page_size;
}

/// The page's contents, or generation 0 if there are none.
inline Generation& this_generation() {
    static Generation* generation;
    if (generation == nullptr) {
        generation = reinterpret_cast<Generation*>(shared_page(0));
        if (generation->valid()) {
            generation->number++;
        } else {
            *generation = {};
        }
    }
    return *generation;
}

} // namespace baton::guest
