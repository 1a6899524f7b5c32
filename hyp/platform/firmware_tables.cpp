// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/firmware_tables.hpp"

#include <cstring>

namespace baton {

namespace {

constexpr usize alignment = 8;

usize room_for(Bytes bytes) { return align_up(bytes.size(), alignment); }

/// Takes room for each off the front.
Bytes copied(Bytes bytes, std::span<std::byte>& room) {
    const auto copy = room.first(bytes.size());
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    room = room.subspan(room_for(bytes));
    return copy;
}

} // namespace

usize FirmwareTables::kept_size() const {
    usize size = room_for(firmware.memory_map.bytes()) + room_for(firmware.configuration.bytes());
    for (const efi::AcpiTable& table : acpi) {
        size += room_for(table.bytes);
    }
    return size;
}

void FirmwareTables::keep(std::span<std::byte> room) {
    const efi::MemoryMapView& map = firmware.memory_map;
    firmware.memory_map =
        *efi::MemoryMapView::open(copied(map.bytes(), room), map.descriptor_size());
    firmware.configuration = efi::ConfigurationTable{copied(firmware.configuration.bytes(), room)};
    for (efi::AcpiTable& table : acpi) {
        table.bytes = copied(table.bytes, room);
    }
}

} // namespace baton
