// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/entry_state.hpp"
#include "hyp/types.hpp"

/// Baton has two lives. In the first, where the loader put it, it only looks for a place where it
/// is in no guest's way, and tells nobody. Then it copies itself there and begins anew, with .data
/// as it was loaded, so that nothing of the first life is left; also where it stays.
namespace baton::arm64 {

/// What boot_main gets in the place of an address, in the first life.
inline constexpr u64 first_life = ~u64{0};

/// Ends the first life, before any device or firmware has been touched. The boot CPU is on the
/// first map, which gets room for the copy.
/// @param dtb as the loader passed it
/// @param controls in which the CPU came to Baton: those of the second life, too
[[noreturn]] void begin_second_life(const void* dtb, const El2Controls& controls);

} // namespace baton::arm64
