// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>

namespace baton {

/// Interrupts by their numbers at the machine's interrupt controller.
struct InterruptSet {
    static constexpr InterruptId end{1024}; ///< one above the highest

    std::array<u32, index(end) / 32> words{}; ///< number n is bit n % 32 of word n / 32

    constexpr bool operator==(const InterruptSet&) const = default;
    constexpr bool has(InterruptId interrupt) const {
        return interrupt < end && (words[word(interrupt)] & bit(interrupt)) != 0;
    }
    /// Numbers beyond the end are passed over.
    constexpr void add(InterruptId interrupt) {
        if (interrupt < end) {
            words[word(interrupt)] |= bit(interrupt);
        }
    }
    constexpr void remove(InterruptId interrupt) {
        if (interrupt < end) {
            words[word(interrupt)] &= ~bit(interrupt);
        }
    }

  private:
    static constexpr u32 word(InterruptId interrupt) { return index(interrupt) / 32; }
    static constexpr u32 bit(InterruptId interrupt) { return 1U << index(interrupt) % 32; }
};

} // namespace baton
