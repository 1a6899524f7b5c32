// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>

namespace baton::arm64 {

/// X0 to X17: all that a call and its answer may be in (SMCCC 1.2, Arm DEN0028 2.7).
using SmcccRegisters = std::array<u64, 18>;

/// Which bits of its arguments a function takes: of a 32-bit one (bit 30 clear) only the low halves
/// count (DEN0028 2.6).
constexpr u64 argument_mask(u32 function) {
    constexpr u32 is_64_bit = u32{1} << 30;
    return (function & is_64_bit) != 0 ? ~u64{0} : ~u64{0} >> 32;
}

} // namespace baton::arm64
