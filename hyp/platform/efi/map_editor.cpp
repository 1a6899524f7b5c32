// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/map_editor.hpp"

#include <cstring>

namespace baton::efi {

usize MapEditor::find(PhysAddr address) const {
    const auto pieces = room_.first(size_);
    return static_cast<usize>(std::ranges::upper_bound(pieces, address, {}, end_of) -
                              pieces.begin());
}

bool MapEditor::resize(usize first, usize last, usize count) {
    const usize behind = size_ - last;
    if (count > room_.size() - first || behind > room_.size() - first - count) {
        return false;
    }
    std::memmove(room_.data() + first + count, room_.data() + last,
                 behind * sizeof(MemoryDescriptor));
    size_ = first + count + behind;
    return true;
}

bool MapEditor::split(PhysAddr address) {
    const usize at = find(address);
    if (at == size_ || begin_of(room_[at]) >= address) {
        return true;
    }
    const MemoryDescriptor whole = room_[at];
    if (!resize(at, at + 1, 2)) {
        return false;
    }
    const u64 pages = (address - begin_of(whole)) / page_size;
    room_[at] = room_[at + 1] = whole;
    room_[at].pages = pages;
    room_[at + 1].physical_start = address.value;
    room_[at + 1].pages -= pages;
    return true;
}

std::span<MemoryDescriptor> MapEditor::inside(PhysRange range) {
    const usize first = find(range.begin);
    usize last = first;
    while (last < size_ && begin_of(room_[last]) < range.end()) {
        last++;
    }
    return room_.subspan(first, last - first);
}

bool MapEditor::add(PhysRange range, MemoryType type, u64 attribute) {
    if (!split(range.begin) || !split(range.end())) {
        return false;
    }
    const usize first = find(range.begin);
    if (!resize(first, first + inside(range).size(), 1)) {
        return false;
    }
    room_[first] = {.type = type,
                    .padding = 0,
                    .physical_start = range.begin.value,
                    .virtual_start = 0,
                    .pages = range.size / page_size,
                    .attribute = attribute};
    return true;
}

void MapEditor::merge() {
    usize kept = 0;
    for (usize at = 1; at < size_; at++) {
        MemoryDescriptor& last = room_[kept];
        const MemoryDescriptor& next = room_[at];
        if (end_of(last) == begin_of(next) && last.type == next.type &&
            last.attribute == next.attribute && !last.has(memory_attribute::runtime)) {
            last.pages += next.pages;
        } else {
            room_[++kept] = next;
        }
    }
    size_ = std::min(size_, kept + 1);
}

} // namespace baton::efi
