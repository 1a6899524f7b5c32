// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/memory/range_set.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"
#include "hyp/types.hpp"

#include <array>
#include <expected>
#include <span>

/// Where Baton, its pool and the two slots lie, and what that leaves for the guest.
namespace baton {

/// RAM with everything cut out that somebody may have put into it.
using MemoryMap = RangeSet<128>;

struct MemoryRequest {
    std::span<const PhysRange> ram;
    std::span<const ReservedRange> reserved;
    PhysRange image;                    ///< Baton itself: text, data, bss, stacks
    PhysRange dtb;                      ///< the firmware's, until Baton has copied it
    std::span<const PhysRange> modules; ///< the loader's, until their images are in slots
    u64 pool_size = 0;                  ///< bytes, rounded up to 2 MiB
    u64 slot_size = 0;                  ///< bytes as asked for; 0: RAM/4, at most 512 MiB
    u64 least_slot_size = 0;            ///< bytes that the largest boot image needs
};

/// All multiples of 2 MiB in begin and size, disjoint, in RAM (`image`: but for the rounding).
struct MemoryLayout {
    /// Baton's image rounded out to 2 MiB. The guest loses at most 4 MiB by the rounding, and
    /// stage 2 keeps whole blocks around Baton rather than two more tables a root.
    PhysRange image;
    PhysRange pool;
    std::array<PhysRange, 2> slots;
};

/// Why there is no layout.
struct MemoryShortage {
    Error error;           ///< no_room; too_many: more pieces than MemoryMap holds
    const char* what;      ///< in words
    u64 wanted_slot_size;  ///< bytes, after rounding
    u64 least_slot_size;   ///< bytes that the images need, after rounding
    u64 pool_size;         ///< bytes, after rounding
    u64 largest_slot_size; ///< bytes; what would fit twice beside the pool, 0 if nothing does
};

/// Places pool and slots, from the top of RAM down. Without an explicit slot_size the slots shrink
/// until they fit, but not below least_slot_size; an explicit one is met or refused.
std::expected<MemoryLayout, MemoryShortage> plan_memory(const MemoryRequest& request);

/// What the kernel in slot `running` (0 or 1) may use, for its DTB and its stage-2 root: RAM
/// without Baton, the other slot, `kept` and what is reserved with no-map. In whole pages: kept and
/// reserved ranges count to the last page that they touch.
/// @param kept boot modules that stay for later handovers
/// Errors: too_many.
Result<MemoryMap> guest_memory(const MemoryLayout& layout, u32 running,
                               std::span<const PhysRange> ram,
                               std::span<const ReservedRange> reserved,
                               std::span<const PhysRange> kept);

} // namespace baton
