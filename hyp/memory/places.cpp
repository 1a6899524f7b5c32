// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/memory/places.hpp"

#include <algorithm>

namespace baton {

PhysRange round_out(PhysRange range, u64 alignment) {
    const u64 begin = align_down(range.begin.value, alignment);
    const u64 top = align_down(~u64{0}, alignment);
    const u64 end = range.end().value > top ? top : align_up(range.end().value, alignment);
    return PhysRange::between({begin}, {std::max(begin, end)});
}

usize pieces_without(const MemoryMap& map, PhysRange cut) {
    usize pieces = 0;
    for (const PhysRange& range : map) {
        if (!range.overlaps(cut)) {
            pieces++;
            continue;
        }
        pieces += range.begin < cut.begin ? 1 : 0;
        pieces += cut.end() < range.end() ? 1 : 0;
    }
    return pieces;
}

std::optional<PhysRange> best_place(const MemoryMap& free, const MemoryMap& guest, u64 size) {
    std::optional<PhysRange> best;
    usize fewest = 0;
    for_each_place(free, size, [&](PhysRange place) {
        const usize pieces = pieces_without(guest, place);
        if (!best || pieces <= fewest) {
            best = place;
            fewest = pieces;
        }
    });
    return best;
}

u64 largest_twice(const MemoryMap& free, u64 most) {
    const auto fits_twice = [&](u64 size) {
        u64 places = 0;
        for (const PhysRange& range : free) {
            const u64 begin = align_up(range.begin.value, block_size);
            const u64 end = align_down(range.end().value, block_size);
            places += begin < end ? (end - begin) / size : 0;
        }
        return places >= 2;
    };
    u64 fitting = 0;
    u64 blocks = most / block_size;
    while (fitting < blocks) { // if a size fits, every smaller one does
        const u64 middle = fitting + (blocks - fitting + 1) / 2;
        if (fits_twice(middle * block_size)) {
            fitting = middle;
        } else {
            blocks = middle - 1;
        }
    }
    return fitting * block_size;
}

} // namespace baton
