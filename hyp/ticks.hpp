// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <compare>

namespace baton {

/// Ticks of the machine's clock, of which there are arch::frequency() a second: a span of time, or
/// a moment as the span since the clock began.
struct Ticks {
    u64 count = 0;

    constexpr auto operator<=>(const Ticks&) const = default;
    constexpr Ticks operator+(Ticks other) const { return {count + other.count}; }
    constexpr Ticks operator-(Ticks other) const { return {count - other.count}; }
    constexpr Ticks& operator+=(Ticks other) { return *this = *this + other; }
    constexpr Ticks operator*(u64 factor) const { return {count * factor}; }
    constexpr Ticks operator/(u64 divisor) const { return {count / divisor}; }
    /// How many times the other goes into it.
    constexpr u64 operator/(Ticks other) const { return count / other.count; }
    constexpr Ticks operator%(Ticks other) const { return {count % other.count}; }
};
constexpr Ticks operator*(u64 factor, Ticks ticks) { return ticks * factor; }

} // namespace baton
