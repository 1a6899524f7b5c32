// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/platform/efi/memory_map.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"

#include <span>

namespace baton::efi {

/// How the memory of a kernel differs from what the firmware's map says. Ranges may be bytes: they
/// count with all pages that they touch.
struct GuestMapRequest {
    bool has_all = false;                ///< all memory of the machine is the kernel's
    std::span<const PhysRange> memory{}; ///< without has_all; ascending, disjoint
    std::span<const PhysRange> reserved{};
    std::span<const ReservedRange> kept{}; ///< what stays as it is for all kernels
    PhysRange esrt{};                      ///< the ESRT, among it
    PhysRange view{};                      ///< what this map lies in
};

/// Never more descriptors than that come of it.
usize most_descriptors(const MemoryMapView& firmware, const GuestMapRequest& request);

/// Writes the kernel's map, ascending and without overlap, and returns the number of descriptors.
/// Errors: no_room.
///
/// Memory that the firmware lets go of is the kernel's as far as it is in `memory`, and is called
/// conventional; but what is kept there is ACPI's, which every kernel leaves alone, and an ESRT is
/// where the firmware has it, for Linux takes none that is not. What there is beside `memory` is
/// reserved. All else is as the firmware says; where two of its descriptors overlap, the one holds
/// that leaves less to the kernel. Runtime services are mapped where they are
/// (SetVirtualAddressMap is never called).
Result<usize> write_guest_map(const MemoryMapView& firmware, const GuestMapRequest& request,
                              std::span<MemoryDescriptor> room);

} // namespace baton::efi
