// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/smp.hpp"
#include "tests/guests/entry_registers.hpp"

#include <algorithm>

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

/// Pages that all generations have: in the first 2 MiB of RAM, for what moves from one generation
/// to the next, slots, is made of whole such blocks. `at` = 0 is the highest.
inline u64 shared_page(u32 at) {
    const PhysRange first = platform().memory[0];
    const u64 top =
        std::min(first.end().value, align_down(first.begin.value, block_size) + block_size);
    u64 page = option_number("state", top - page_size);
    while (platform().is_used({{page}, page_size})) {
        page -= page_size;
    }
    return page - at * page_size;
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
