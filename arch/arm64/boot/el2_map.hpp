// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/mmu/stage1_format.hpp"
#include "hyp/address.hpp"
#include "hyp/result.hpp"

#include <span>

/// Baton's own address space: two maps, one after the other.
namespace baton::arm64 {

/// Adds to the first map, which holds just the image and the DTB: the console, what has to be
/// looked at before memory is shared out. Baton's own image stays as it is mapped, wherever the
/// range lies. False: no room. With the MMU off (entered at EL1) there is nothing to do.
bool map_early(PhysRange range, HypMemory memory);

/// Is Baton on it, or another? Not where it was entered at EL1, or on a CPU that it cannot use.
bool early_map_is_on();

/// The second: all that Baton needs while it runs. Image, RAM, the devices that it drives; guard
/// pages under every stack. The boot CPU goes onto it; secondaries
/// find it in their PerCpu.
/// @param unmapped whole pages to leave out
/// Errors: no_room, unsupported, bad_range.
Result<void> build_el2_map(PhysRange tables, std::span<const PhysRange> unmapped);

} // namespace baton::arm64
