// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"

#include <span>
#include <vector>

namespace baton::test {

/// What a loader left in memory, for arch::loaded_bytes and its neighbours. Without a test's doing
/// there is nothing.
struct LoadedMemory {
    PhysRange own{};
    std::vector<std::byte> header{};

    /// Bytes on the heap at their exact size, so that the address sanitizer sees a read past the
    /// end.
    void put(PhysAddr address, std::vector<std::byte> bytes) {
        bytes.shrink_to_fit();
        pieces_.push_back({address, std::move(bytes)});
    }

    std::span<const std::byte> at(PhysRange range) const {
        for (const Piece& piece : pieces_) {
            if (PhysRange{piece.address, piece.bytes.size()}.contains(range)) {
                return std::span{piece.bytes}.subspan(range.begin - piece.address, range.size);
            }
        }
        return {};
    }

    void clear() { *this = {}; }

    static LoadedMemory& here() {
        static LoadedMemory memory;
        return memory;
    }

  private:
    struct Piece {
        PhysAddr address;
        std::vector<std::byte> bytes;
    };
    std::vector<Piece> pieces_{};
};

} // namespace baton::test
