// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/memory_map.hpp"

namespace baton::efi {

std::optional<PhysRange> MemoryDescriptor::range() const {
    u64 size = 0;
    if (pages == 0 || !is_aligned(physical_start, page_size) ||
        __builtin_mul_overflow(pages, page_size, &size)) {
        return std::nullopt;
    }
    return PhysRange::make({physical_start}, size);
}

bool is_memory(const MemoryDescriptor& descriptor) {
    return descriptor.has(memory_attribute::write_back | memory_attribute::write_through |
                          memory_attribute::write_combining);
}

bool is_usable(const MemoryDescriptor& descriptor) {
    switch (descriptor.type) {
    case memory_type::loader_code:
    case memory_type::loader_data:
    case memory_type::boot_services_code:
    case memory_type::boot_services_data:
    case memory_type::conventional:
    case memory_type::acpi_reclaim:
    case memory_type::persistent:
        return descriptor.has(memory_attribute::write_back) &&
               !descriptor.has(memory_attribute::specific_purpose);
    default:
        return false;
    }
}

std::optional<MemoryMapView> MemoryMapView::open(Bytes bytes, u32 descriptor_size) {
    if (descriptor_size < sizeof(MemoryDescriptor) || descriptor_size > page_size ||
        !is_aligned(descriptor_size, 8) || bytes.size() < descriptor_size) {
        return std::nullopt;
    }
    return MemoryMapView{bytes.first(bytes.size() - bytes.size() % descriptor_size),
                         descriptor_size};
}

MemoryDescriptor MemoryMapView::operator[](usize at) const {
    return *read_at<MemoryDescriptor>(bytes_, at * descriptor_size_);
}

PhysAddr to_physical(const MemoryMapView& map, u64 address) {
    PhysAddr physical{address};
    for_each_region(map, [&](const MemoryDescriptor& descriptor, PhysRange range) {
        const u64 offset = address - descriptor.virtual_start;
        if (descriptor.has(memory_attribute::runtime) && descriptor.virtual_start != 0 &&
            address >= descriptor.virtual_start && offset < range.size) {
            physical = range.begin + offset;
        }
    });
    return physical;
}

} // namespace baton::efi
