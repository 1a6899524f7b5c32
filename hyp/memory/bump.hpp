// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"

#include <optional>

namespace baton {

/// Hands out pieces of one range at boot and never takes any back: the only allocator there is.
class BumpAllocator {
  public:
    constexpr BumpAllocator() = default;
    explicit constexpr BumpAllocator(PhysRange memory) : left_{memory} {}

    /// @param alignment a power of two
    constexpr std::optional<PhysRange> take(u64 size, u64 alignment) {
        const u64 padding = align_up(left_.begin.value, alignment) - left_.begin.value;
        if (padding > left_.size || size > left_.size - padding) {
            return std::nullopt;
        }
        const PhysRange piece{left_.begin + padding, size};
        left_ = PhysRange::between(piece.end(), left_.end());
        return piece;
    }

  private:
    PhysRange left_{};
};

} // namespace baton
