// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <compare>
#include <optional>

namespace baton {

/// An address of one address space. Two spaces do not mix: a conversion is a named function.
template <class Space>
struct Address {
    u64 value = 0;

    constexpr auto operator<=>(const Address&) const = default;
    constexpr Address operator+(u64 bytes) const { return {value + bytes}; }
    constexpr Address operator-(u64 bytes) const { return {value - bytes}; }
    constexpr u64 operator-(Address other) const { return value - other.value; }
    constexpr bool is_aligned(u64 alignment) const { return baton::is_aligned(value, alignment); }
};

/// What is on the bus.
using PhysAddr = Address<struct PhysicalSpace>;
/// What a guest takes for physical (the Arm ARM's IPA).
using GuestAddr = Address<struct GuestSpace>;

/// Baton maps a VM's memory and devices where they are (IPA = PA), so that pass-through DMA is
/// right. Every crossing between the two spaces goes through these two functions.
constexpr PhysAddr to_phys(GuestAddr address) { return {address.value}; }
constexpr GuestAddr to_guest(PhysAddr address) { return {address.value}; }

/// [begin, begin + size). Never wraps: `make` refuses what would.
template <class A>
struct Range {
    A begin{};
    u64 size = 0;

    constexpr bool operator==(const Range&) const = default;

    static constexpr std::optional<Range> make(A begin, u64 size) {
        if (u64 end; __builtin_add_overflow(begin.value, size, &end)) {
            return std::nullopt;
        }
        return Range{begin, size};
    }
    static constexpr Range between(A begin, A end) { return {begin, end - begin}; }

    constexpr A end() const { return begin + size; }
    constexpr bool empty() const { return size == 0; }
    constexpr bool contains(A address) const { return address >= begin && address - begin < size; }
    constexpr bool contains(Range other) const {
        return other.begin >= begin && other.begin - begin <= size &&
               other.size <= size - (other.begin - begin);
    }
    constexpr bool overlaps(Range other) const {
        return !empty() && !other.empty() && begin < other.end() && other.begin < end();
    }
};

using PhysRange = Range<PhysAddr>;
using GuestRange = Range<GuestAddr>;

constexpr PhysRange to_phys(GuestRange range) { return {to_phys(range.begin), range.size}; }
constexpr GuestRange to_guest(PhysRange range) { return {to_guest(range.begin), range.size}; }

/// All pages that the range touches.
constexpr PhysRange whole_pages(PhysRange range) {
    return PhysRange::between({align_down(range.begin.value, page_size)},
                              {align_up(range.end().value, page_size)});
}

} // namespace baton
