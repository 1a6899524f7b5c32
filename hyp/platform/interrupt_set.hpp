// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>

namespace baton {

/// Interrupts by their numbers at the machine's interrupt controller.
struct InterruptSet {
    static constexpr u32 end = 1024; ///< one more than the highest number

    std::array<u32, end / 32> words{}; ///< number n is bit n % 32 of word n / 32

    constexpr bool operator==(const InterruptSet&) const = default;
    constexpr bool has(u32 number) const {
        return number < end && (words[number / 32] >> number % 32 & 1) != 0;
    }
    /// Numbers beyond the end are passed over.
    constexpr void add(u32 number) {
        if (number < end) {
            words[number / 32] |= 1U << number % 32;
        }
    }
    constexpr void remove(u32 number) {
        if (number < end) {
            words[number / 32] &= ~(1U << number % 32);
        }
    }
};

} // namespace baton
