// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/bytes.hpp"
#include "hyp/types.hpp"

#include <optional>
#include <span>

/// The firmware's map of memory as it was when boot services ended: UEFI Specification 2.10, 7.2.3
/// (GetMemoryMap). Descriptors come in any order and are as long as the map says, for they may
/// grow.
namespace baton::efi {

/// Not an enum: values of an OEM's and an operating system's own are beyond 0x70000000.
using MemoryType = u32;

namespace memory_type {
inline constexpr MemoryType reserved = 0;
inline constexpr MemoryType loader_code = 1;
inline constexpr MemoryType loader_data = 2;
inline constexpr MemoryType boot_services_code = 3;
inline constexpr MemoryType boot_services_data = 4;
inline constexpr MemoryType runtime_services_code = 5;
inline constexpr MemoryType runtime_services_data = 6;
inline constexpr MemoryType conventional = 7;
inline constexpr MemoryType unusable = 8;
inline constexpr MemoryType acpi_reclaim = 9;
inline constexpr MemoryType acpi_nvs = 10;
inline constexpr MemoryType mmio = 11;
inline constexpr MemoryType mmio_port_space = 12;
inline constexpr MemoryType pal_code = 13;
inline constexpr MemoryType persistent = 14;
inline constexpr MemoryType unaccepted = 15;
} // namespace memory_type

/// What the memory is capable of, and what it is for.
namespace memory_attribute {
inline constexpr u64 uncacheable = u64{1} << 0;
inline constexpr u64 write_combining = u64{1} << 1;
inline constexpr u64 write_through = u64{1} << 2;
inline constexpr u64 write_back = u64{1} << 3;
inline constexpr u64 specific_purpose = u64{1} << 18;
inline constexpr u64 runtime = u64{1} << 63;
} // namespace memory_attribute

inline constexpr u32 memory_descriptor_version = 1;

/// EFI_MEMORY_DESCRIPTOR.
struct MemoryDescriptor {
    MemoryType type;
    u32 padding;
    u64 physical_start;
    u64 virtual_start;
    u64 pages; ///< of 4 KiB, whatever the granule
    u64 attribute;

    bool has(u64 attributes) const { return (attribute & attributes) != 0; }
    /// Nothing if it is empty, not whole pages, or wraps.
    std::optional<PhysRange> range() const;
};
static_assert(sizeof(MemoryDescriptor) == 40);

/// Is it memory at all, by Linux's is_memory (drivers/firmware/efi/efi-init.c)?
bool is_memory(const MemoryDescriptor& descriptor);
/// May a kernel do with it what it wants, by Linux's is_usable_memory? ACPI's tables that can be
/// reclaimed are among it; nobody does that.
bool is_usable(const MemoryDescriptor& descriptor);

/// The map's bytes, of any origin.
class MemoryMapView {
  public:
    MemoryMapView() = default;

    /// @param bytes of the whole map
    /// @param descriptor_size bytes from one descriptor to the next
    /// Nothing if these are less than a descriptor, no multiple of 8, or more than a page, and for
    /// a map without a descriptor. A rest that is no whole descriptor is left out.
    static std::optional<MemoryMapView> open(Bytes bytes, u32 descriptor_size);

    usize size() const { return bytes_.size() / descriptor_size_; }
    /// @param at below size()
    MemoryDescriptor operator[](usize at) const;
    u32 descriptor_size() const { return descriptor_size_; }
    Bytes bytes() const { return bytes_; }

  private:
    MemoryMapView(Bytes bytes, u32 descriptor_size)
        : bytes_{bytes}, descriptor_size_{descriptor_size} {}

    Bytes bytes_{};
    u32 descriptor_size_ = sizeof(MemoryDescriptor);
};

/// Calls visit(descriptor, range) for each descriptor that says a range.
template <class Visitor>
void for_each_region(const MemoryMapView& map, Visitor visit) {
    for (usize i = 0; i < map.size(); i++) {
        const MemoryDescriptor descriptor = map[i];
        if (const auto range = descriptor.range()) {
            visit(descriptor, *range);
        }
    }
}

/// Where what has this address for the firmware is: after SetVirtualAddressMap, which kernels call
/// once for all that come after them, the firmware's own pointers are the addresses that the map
/// gives its runtime regions. As Linux's efi_to_phys.
PhysAddr to_physical(const MemoryMapView& map, u64 address);

} // namespace baton::efi
