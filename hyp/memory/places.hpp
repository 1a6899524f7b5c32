// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/memory/layout.hpp"

/// Where a range is best taken from memory that is to stay in few pieces.
namespace baton {

/// To the page or block that every touched byte lies in. Ranges that end at the top of the 64-bit
/// space are cut there: no RAM is near.
PhysRange round_out(PhysRange range, u64 alignment);

/// How many pieces are left of `map` without `cut`.
usize pieces_without(const MemoryMap& map, PhysRange cut);

/// Calls visit(place) for the lowest and the highest place in each range of `free`, upwards. What
/// is taken from an end takes no place from others of its size.
template <class Visit>
void for_each_place(const MemoryMap& free, u64 size, Visit visit) {
    for (const PhysRange& range : free) {
        const PhysAddr lowest{align_up(range.begin.value, block_size)};
        if (lowest < range.begin || lowest > range.end() || size > range.end() - lowest) {
            continue;
        }
        visit(PhysRange{lowest, size});
        visit(*MemoryMap::highest_in(range, size, block_size));
    }
}

/// The place in `free`, at a multiple of 2 MiB, that leaves `guest` in the fewest pieces; of such
/// the highest. Nothing: no place is large enough.
/// @param size bytes, a multiple of 2 MiB
std::optional<PhysRange> best_place(const MemoryMap& free, const MemoryMap& guest, u64 size);

/// The largest multiple of 2 MiB up to `most` that fits twice, 0 if none does.
u64 largest_twice(const MemoryMap& free, u64 most);

} // namespace baton
