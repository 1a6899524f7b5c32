// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/parse_efi.hpp"
#include "hyp/platform/parse/parse.hpp"

#include <algorithm>

namespace baton::efi {

namespace {

/// More than firmware ever had; it is kept in Baton's own memory.
constexpr u64 largest_map = 1 * MiB;

/// Is it other than ordinary memory of a use that is told?
bool is_opaque(const MemoryDescriptor& descriptor) {
    switch (descriptor.type) {
    case memory_type::loader_code:
    case memory_type::loader_data:
    case memory_type::boot_services_code:
    case memory_type::boot_services_data:
    case memory_type::runtime_services_code:
    case memory_type::runtime_services_data:
    case memory_type::conventional:
    case memory_type::acpi_reclaim:
    case memory_type::acpi_nvs:
    case memory_type::persistent:
        return !descriptor.has(memory_attribute::write_back);
    default:
        return true;
    }
}

/// The kernel's, but not Baton's: ACPI's tables are for every kernel, and what is in persistent
/// memory is the user's.
bool is_for_kernels(const MemoryDescriptor& descriptor) {
    return descriptor.type == memory_type::acpi_reclaim ||
           descriptor.type == memory_type::persistent;
}

/// Firmware says of flash that it can be written combined, which makes it no memory.
bool is_device(const MemoryDescriptor& descriptor) {
    return descriptor.type == memory_type::mmio || descriptor.type == memory_type::mmio_port_space;
}

bool touch(PhysRange a, PhysRange b) { return a.begin <= b.end() && b.begin <= a.end(); }

Result<> add_region(const MemoryDescriptor& descriptor, PhysRange range, Platform& platform) {
    if (!platform.ram.add(range)) {
        return fail(platform, Error::too_many,
                    "the EFI memory map has more than 256 ranges of RAM");
    }
    return is_usable(descriptor) && !is_for_kernels(descriptor)
               ? Result<>{}
               : reserve_pages(range, is_opaque(descriptor), platform);
}

} // namespace

Result<> reserve_pages(PhysRange range, bool opaque, Platform& platform) {
    const PhysRange pages = whole_pages(range);
    for (ReservedRange& other : platform.reserved) {
        if (other.opaque == opaque && !other.no_map && touch(other.range, pages)) {
            other.range = PhysRange::between(std::min(other.range.begin, pages.begin),
                                             std::max(other.range.end(), pages.end()));
            return {};
        }
    }
    return platform.reserved.push({.range = pages, .opaque = opaque})
               ? Result<>{}
               : fail(platform, Error::too_many, "more than 512 reserved memory ranges");
}

Result<MemoryMapView> parse_memory_map(const Handoff& handoff, PhysicalMemory memory, PhysAddr end,
                                       Platform& platform) {
    const PhysRange all = handoff.memory_map;
    if (all.size > largest_map || all.end() > end) {
        return fail(platform, Error::bad_dtb,
                    "linux,uefi-mmap-start and -size name no EFI memory map");
    }
    const auto bytes = memory.read(all);
    if (!bytes) {
        return fail(platform, Error::unsupported, "the EFI memory map cannot be read");
    }
    const auto map = MemoryMapView::open(*bytes, handoff.descriptor_size);
    if (!map) {
        return fail(platform, Error::bad_dtb, "linux,uefi-mmap-desc-size is no descriptor's size");
    }
    Result<> result;
    for_each_region(*map, [&](const MemoryDescriptor& descriptor, PhysRange range) {
        if (!result || !is_memory(descriptor) || is_device(descriptor) || range.begin >= end) {
            return;
        }
        const PhysRange reached = PhysRange::between(range.begin, std::min(range.end(), end));
        result = add_region(descriptor, reached, platform);
    });
    if (result && platform.ram.empty()) {
        result = fail(platform, Error::bad_dtb, "the EFI memory map has no memory");
    }
    if (result) {
        result = reserve_pages(all, false, platform);
    }
    return result ? Result<MemoryMapView>{*map} : std::unexpected(result.error());
}

} // namespace baton::efi
