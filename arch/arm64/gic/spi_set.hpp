// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/intid.hpp"

#include <array>

namespace baton::arm64::gic {

/// SPIs: bit n % 32 of word n / 32 is INTID n. Word 0 is empty.
using SpiSet = std::array<u32, bank_count>;

constexpr bool contains(const SpiSet& set, Intid intid) {
    return (set[bank_of(intid)] & bit_of(intid)) != 0;
}

} // namespace baton::arm64::gic
