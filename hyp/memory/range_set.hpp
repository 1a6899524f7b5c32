// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/types.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace baton {

/// Physical memory as a set: ascending, disjoint, never empty ranges, of which no two touch.
/// `add` and `subtract` return false, and change nothing, when the result needs more than
/// `capacity` ranges.
template <usize capacity_>
class RangeSet {
  public:
    static constexpr usize capacity = capacity_;

    [[nodiscard]] constexpr bool add(PhysRange range) {
        if (range.empty()) {
            return true;
        }
        // [first, last) are the ranges that `range` overlaps or touches: one takes their place.
        usize first = 0;
        while (first < size_ && items_[first].end() < range.begin) {
            first++;
        }
        usize last = first;
        PhysAddr begin = range.begin;
        PhysAddr end = range.end();
        while (last < size_ && items_[last].begin <= range.end()) {
            begin = std::min(begin, items_[last].begin);
            end = std::max(end, items_[last].end());
            last++;
        }
        return replace(first, last, PhysRange::between(begin, end), {});
    }

    [[nodiscard]] constexpr bool subtract(PhysRange range) {
        if (range.empty()) {
            return true;
        }
        usize first = 0;
        while (first < size_ && items_[first].end() <= range.begin) {
            first++;
        }
        usize last = first;
        PhysRange below{};
        PhysRange above{};
        while (last < size_ && items_[last].begin < range.end()) {
            if (items_[last].begin < range.begin) {
                below = PhysRange::between(items_[last].begin, range.begin);
            }
            if (range.end() < items_[last].end()) {
                above = PhysRange::between(range.end(), items_[last].end());
            }
            last++;
        }
        return replace(first, last, below, above);
    }

    constexpr void clear() { size_ = 0; }
    constexpr usize size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }
    constexpr const PhysRange& operator[](usize at) const { return items_[at]; }
    constexpr const PhysRange* begin() const { return items_.data(); }
    constexpr const PhysRange* end() const { return items_.data() + size_; }

    /// Bytes in all ranges together.
    constexpr u64 total() const {
        u64 sum = 0;
        for (const PhysRange& range : *this) {
            sum += range.size;
        }
        return sum;
    }
    constexpr bool contains(PhysRange other) const {
        return std::any_of(begin(), end(), [&](const PhysRange& r) { return r.contains(other); });
    }
    constexpr bool overlaps(PhysRange other) const {
        return std::any_of(begin(), end(), [&](const PhysRange& r) { return r.overlaps(other); });
    }

    /// The highest piece of `size` bytes whose begin is a multiple of `alignment`, a power of two.
    constexpr std::optional<PhysRange> find_highest(u64 size, u64 alignment) const {
        for (usize i = size_; i-- > 0;) {
            if (auto piece = highest_in(items_[i], size, alignment)) {
                return piece;
            }
        }
        return std::nullopt;
    }
    /// The lowest such piece.
    constexpr std::optional<PhysRange> find_lowest(u64 size, u64 alignment) const {
        for (const PhysRange& range : *this) {
            const u64 padding = (alignment - range.begin.value % alignment) % alignment;
            if (padding <= range.size && size <= range.size - padding) {
                return PhysRange{range.begin + padding, size};
            }
        }
        return std::nullopt;
    }

    static constexpr std::optional<PhysRange> highest_in(PhysRange range, u64 size, u64 alignment) {
        if (size > range.size) {
            return std::nullopt;
        }
        const PhysAddr begin{align_down(range.end().value - size, alignment)};
        if (begin < range.begin) {
            return std::nullopt;
        }
        return PhysRange{begin, size};
    }

  private:
    /// Puts `low` and `high`, as far as they are not empty, in the place of items [first, last).
    constexpr bool replace(usize first, usize last, PhysRange low, PhysRange high) {
        const usize added = usize{!low.empty()} + usize{!high.empty()};
        const usize left = size_ - (last - first);
        if (left + added > capacity) {
            return false;
        }
        if (added > last - first) {
            std::copy_backward(items_.data() + last, items_.data() + size_,
                               items_.data() + left + added);
        } else {
            std::copy(items_.data() + last, items_.data() + size_, items_.data() + first + added);
        }
        if (!low.empty()) {
            items_[first++] = low;
        }
        if (!high.empty()) {
            items_[first] = high;
        }
        size_ = left + added;
        return true;
    }

    std::array<PhysRange, capacity> items_{};
    usize size_ = 0;
};

} // namespace baton
