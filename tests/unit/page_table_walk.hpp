// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/mmu/stage1_format.hpp"
#include "arch/arm64/mmu/stage2_format.hpp"

#include <optional>

namespace baton::test {

/// A table walk as the Arm ARM's pseudocode does it (D8.2), from the register values alone: it
/// shares no code with what it checks.
struct Walk {
    u64 root;
    unsigned input_bits;
    unsigned start_level;

    struct Leaf {
        u64 output;
        /// All of the descriptor that is neither type nor address.
        u64 attributes;
        unsigned level;
        bool operator==(const Leaf&) const = default;
    };

    static Walk of(const arm64::Stage2Format& format, PhysAddr root) {
        const u64 vtcr = format.vtcr_el2().value;
        const auto sl0 = static_cast<unsigned>((vtcr >> 6) & 0b11);
        return {root.value, 64 - static_cast<unsigned>(vtcr & 0x3f), 2 - sl0};
    }
    static Walk of(const arm64::Stage1Format& format, PhysAddr root) {
        const unsigned bits = 64 - static_cast<unsigned>(format.tcr_el2().value & 0x3f);
        return {root.value, bits, bits > 39 ? 0U : 1U};
    }

    std::optional<Leaf> operator()(u64 address) const {
        if (address >> input_bits != 0) {
            return std::nullopt;
        }
        u64 table = root;
        for (unsigned level = start_level; level <= 3; level++) {
            const unsigned low = 39 - 9 * level;
            const unsigned top = level == start_level ? input_bits : low + 9;
            const u64 index = (address & ((u64{1} << top) - 1)) >> low;
            const u64 descriptor = reinterpret_cast<const u64*>(table)[index];
            const u64 field = descriptor & 0x0000'ffff'ffff'f000;
            const bool bit1 = (descriptor & 2) != 0;
            if ((descriptor & 1) == 0) {
                return std::nullopt;
            }
            if (level < 3 && bit1) {
                table = field;
                continue;
            }
            if (level == 3 ? !bit1 : level == 0) {
                return std::nullopt; // reserved
            }
            const u64 below = (u64{1} << low) - 1;
            return Leaf{(field & ~below) | (address & below), descriptor & ~field & ~u64{3}, level};
        }
        return std::nullopt;
    }
};

} // namespace baton::test
