// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/platform/efi/memory_map.hpp"

#include <algorithm>
#include <span>

namespace baton::efi {

/// A memory map in the making: ascending, without overlap, at every moment. Its pieces lie in the
/// room that it is given.
class MapEditor {
  public:
    explicit MapEditor(std::span<MemoryDescriptor> room) : room_{room} {}

    std::span<MemoryDescriptor> pieces() { return room_.first(size_); }

    /// The range becomes one piece, whatever was there. False, and the range may be missing: no
    /// room.
    [[nodiscard]] bool add(PhysRange range, MemoryType type, u64 attribute);

    /// Calls change(descriptor) for all that lies in the range: nothing beyond it changes, and
    /// nothing comes to be where nothing was. `change` may set type and attribute. False: no room.
    template <class Change>
    [[nodiscard]] bool change(PhysRange range, Change change) {
        if (!split(range.begin) || !split(range.end())) {
            return false;
        }
        for (MemoryDescriptor& piece : inside(range)) {
            change(piece);
        }
        return true;
    }

    /// Neighbours that say the same become one, but for those of runtime services: what refers to
    /// them (the memory attributes table) may count on their edges.
    void merge();

  private:
    static PhysAddr begin_of(const MemoryDescriptor& piece) { return {piece.physical_start}; }
    static PhysAddr end_of(const MemoryDescriptor& piece) {
        return begin_of(piece) + piece.pages * page_size;
    }
    /// The first piece that ends beyond the address.
    usize find(PhysAddr address) const;
    /// No piece has the address inside from here on.
    bool split(PhysAddr address);
    /// Makes the pieces [first, last) so many, of whose contents nothing is known. False: no room.
    bool resize(usize first, usize last, usize count);
    /// Those between two addresses at which the map is split.
    std::span<MemoryDescriptor> inside(PhysRange range);

    std::span<MemoryDescriptor> room_;
    usize size_ = 0;
};

} // namespace baton::efi
