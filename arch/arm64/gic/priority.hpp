// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// How the guest's priorities and Baton's share the physical ones; 0 is the highest (IHI
/// 0069, 4.8). A guest's 256 are halved into 0x40..0xbf: below Baton's own whatever the guest
/// writes, and above the lowest one, which a CPU interface with few priority bits never signals.
namespace baton::arm64::gic {

inline constexpr u8 own_priority = 0x00;

constexpr u8 to_physical_priority(u8 guest) { return static_cast<u8>(0x40 + guest / 2); }
/// Of four, as a word of GICD_IPRIORITYR has them: no byte carries into the next.
constexpr u32 to_physical_priorities(u32 guest) { return 0x4040'4040 + (guest >> 1 & 0x7f7f'7f7f); }

/// Values of ICC_PMR_EL1: only interrupts of a higher priority (a smaller number) are signalled.
inline constexpr u8 mask_nothing = 0xff;
inline constexpr u8 mask_guest = to_physical_priority(0);
static_assert(own_priority < mask_guest);
static_assert(to_physical_priority(0xff) < mask_nothing);

/// The implemented bits of a virtual priority: the upper ones.
/// @param bits ICH_VTR_EL2.PRIbits + 1, 5 to 8
constexpr u8 implemented_priority(u32 bits) { return static_cast<u8>(0xff << (8 - bits)); }

} // namespace baton::arm64::gic
