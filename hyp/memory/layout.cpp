// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/memory/layout.hpp"

#include <algorithm>
#include <optional>

namespace baton {

namespace {

constexpr u64 default_share = 4;
constexpr u64 largest_default = 512 * MiB;

/// To the page or block that every touched byte lies in. Ranges that end at the top of the 64-bit
/// space are cut there: no RAM is near.
PhysRange round_out(PhysRange range, u64 alignment) {
    const u64 begin = align_down(range.begin.value, alignment);
    const u64 top = align_down(~u64{0}, alignment);
    const u64 end = range.end().value > top ? top : align_up(range.end().value, alignment);
    return PhysRange::between({begin}, {std::max(begin, end)});
}

struct Pieces {
    PhysRange pool;
    std::array<PhysRange, 2> slots;
};

/// Slots as high as possible; they are equal, so that taking from the top wastes nothing that
/// another order would save.
std::optional<Pieces> place_slots(MemoryMap free, PhysRange pool, u64 slot_size) {
    Pieces pieces{.pool = pool, .slots = {}};
    if (!free.subtract(pool)) {
        return std::nullopt;
    }
    for (PhysRange& slot : pieces.slots) {
        const auto place = free.find_highest(slot_size, block_size);
        if (!place || !free.subtract(*place)) {
            return std::nullopt;
        }
        slot = *place;
    }
    return pieces;
}

/// Tries the pool at the top of each free range, highest first: only where the rest has room for
/// the slots does it stay.
std::optional<Pieces> place(const MemoryMap& free, u64 pool_size, u64 slot_size) {
    for (usize i = free.size(); i-- > 0;) {
        const auto pool = MemoryMap::highest_in(free[i], pool_size, block_size);
        if (!pool) {
            continue;
        }
        if (auto pieces = place_slots(free, *pool, slot_size)) {
            return pieces;
        }
    }
    return std::nullopt;
}

/// The largest multiple of 2 MiB up to `most` that fits twice beside the pool, 0 if none does. If a
/// size fits, every smaller one does.
u64 largest_slot(const MemoryMap& free, u64 pool_size, u64 most) {
    u64 fitting = 0;
    u64 blocks = most / block_size;
    while (fitting < blocks) {
        const u64 middle = fitting + (blocks - fitting + 1) / 2;
        if (place(free, pool_size, middle * block_size)) {
            fitting = middle;
        } else {
            blocks = middle - 1;
        }
    }
    return fitting * block_size;
}

/// RAM that nobody uses while the layout is made. False: too many pieces.
bool collect_free(const MemoryRequest& request, MemoryMap& free) {
    bool fits = true;
    for (const PhysRange& range : request.ram) {
        fits = fits && free.add(range);
    }
    fits = fits && free.subtract(round_out(request.image, block_size));
    fits = fits && free.subtract(round_out(request.dtb, page_size));
    for (const PhysRange& module : request.modules) {
        fits = fits && free.subtract(round_out(module, page_size));
    }
    for (const ReservedRange& reserved : request.reserved) {
        fits = fits && free.subtract(round_out(reserved.range, page_size));
    }
    return fits;
}

u64 default_slot_size(std::span<const PhysRange> ram) {
    u64 total = 0;
    for (const PhysRange& range : ram) {
        total += range.size;
    }
    return std::min(align_down(total / default_share, block_size), largest_default);
}

} // namespace

std::expected<MemoryLayout, MemoryShortage> plan_memory(const MemoryRequest& request) {
    constexpr u64 sane = u64{1} << 52; // rounding up must not wrap
    const bool is_default = request.slot_size == 0;
    const u64 least = align_up(std::min(request.least_slot_size, sane), block_size);
    const u64 pool_size = align_up(std::min(request.pool_size, sane), block_size);
    const u64 wanted = is_default ? std::max({default_slot_size(request.ram), least, block_size})
                                  : align_down(std::min(request.slot_size, sane), block_size);
    MemoryShortage shortage{.error = Error::no_room,
                            .what = "",
                            .wanted_slot_size = wanted,
                            .least_slot_size = least,
                            .pool_size = pool_size,
                            .largest_slot_size = 0};
    MemoryMap free;
    if (!collect_free(request, free)) {
        shortage.error = Error::too_many;
        shortage.what = "RAM, reserved ranges and boot modules make too many pieces";
        return std::unexpected(shortage);
    }

    const u64 largest = largest_slot(free, pool_size, free.total() / 2);
    shortage.largest_slot_size = largest;
    const u64 slot_size = is_default ? std::min(wanted, largest) : wanted;
    if (largest == 0) {
        shortage.what = "no room in RAM for Baton's pool and two slots";
        return std::unexpected(shortage);
    }
    if (slot_size < std::max(least, block_size)) {
        shortage.what = "slots of this size are too small for the boot images";
        return std::unexpected(shortage);
    }
    const auto pieces = place(free, pool_size, slot_size);
    if (!pieces) {
        shortage.what = "no room in RAM for two slots of the size asked for";
        return std::unexpected(shortage);
    }
    return MemoryLayout{.image = round_out(request.image, block_size),
                        .pool = pieces->pool,
                        .slots = pieces->slots};
}

Result<MemoryMap> guest_memory(const MemoryLayout& layout, u32 running,
                               std::span<const PhysRange> ram,
                               std::span<const ReservedRange> reserved,
                               std::span<const PhysRange> kept) {
    MemoryMap map;
    bool fits = true;
    for (const PhysRange& range : ram) {
        fits = fits && map.add(range);
    }
    for (const PhysRange& range : {layout.image, layout.pool, layout.slots[1 - running]}) {
        fits = fits && map.subtract(range);
    }
    for (const PhysRange& range : kept) {
        fits = fits && map.subtract(round_out(range, page_size));
    }
    for (const ReservedRange& range : reserved) {
        fits = fits && (!range.no_map || map.subtract(round_out(range.range, page_size)));
    }
    if (!fits) {
        return std::unexpected(Error::too_many);
    }
    return map;
}

} // namespace baton
