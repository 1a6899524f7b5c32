// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/boot_services_end.hpp"

namespace baton::arm64::efi {
namespace {

/// The map grows by what is allocated and freed meanwhile.
constexpr usize more_descriptors = 64;
/// Each time that the firmware changes the map while it ends its own affairs.
constexpr u32 most_tries = 16;

void map_where_they_are(const MemoryMap& map) {
    for (usize at = 0; at + sizeof(MemoryDescriptor) <= map.bytes.size();
         at += map.descriptor_size) {
        auto* const descriptor = reinterpret_cast<MemoryDescriptor*>(map.bytes.data() + at);
        descriptor->virtual_start =
            (descriptor->attribute & attribute_runtime) != 0 ? descriptor->physical_start : 0;
    }
}

} // namespace

Attempt<std::span<std::byte>> make_room_for_map(Loader& loader) {
    usize size = 0;
    usize key = 0;
    usize descriptor_size = 0;
    u32 version = 0;
    const Status status =
        loader.boot().get_memory_map(&size, nullptr, &key, &descriptor_size, &version);
    if (status != buffer_too_small || descriptor_size < sizeof(MemoryDescriptor)) {
        return refuse(load_error, "the firmware gives no map of memory");
    }
    const auto memory =
        loader.pages(memory_type::acpi_reclaim, size + more_descriptors * descriptor_size);
    if (!memory) {
        return refuse(out_of_resources, "there is no memory for the firmware's map of it");
    }
    return *memory;
}

Attempt<MemoryMap> end_boot_services(const Loader& loader, std::span<std::byte> room) {
    for (u32 tries = 0; tries < most_tries; tries++) {
        usize size = room.size();
        usize key = 0;
        MemoryMap map;
        const Status status = loader.boot().get_memory_map(
            &size, room.data(), &key, &map.descriptor_size, &map.descriptor_version);
        if (failed(status) || map.descriptor_size < sizeof(MemoryDescriptor)) {
            return refuse(failed(status) ? status : load_error,
                          "the firmware's map of memory grew beyond the room for it");
        }
        if (!failed(loader.boot().exit_boot_services(loader.image(), key))) {
            map.bytes = room.first(size);
            map_where_they_are(map);
            return map;
        }
    }
    return refuse(load_error, "the firmware does not end its boot services");
}

} // namespace baton::arm64::efi
