// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/efi/handoff.hpp"
#include "hyp/platform/physical_memory.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"

/// The parts of a machine's description that the EFI memory map and system table are. Each sets
/// Platform::fault when it fails.
namespace baton::efi {

/// Fills Platform::ram and Platform::reserved by the rules of Linux (reserve_regions in
/// drivers/firmware/efi/efi-init.c): all that can be cached is memory, but no device is; what of it
/// is not usable, and the tables that nobody reclaims, is reserved; so is the map itself.
/// @param end nothing from here on is looked at: the CPU does not reach it
/// Errors: unsupported (it cannot be read), bad_dtb (it is no map), too_many.
Result<MemoryMapView> parse_memory_map(const Handoff& handoff, PhysicalMemory memory, PhysAddr end,
                                       Platform& platform);

/// Reads the system table and its configuration table into `tables`, whose handoff and memory
/// map are set, and reserves what their entries lead to.
/// Errors: as above.
Result<> parse_system_table(PhysicalMemory memory, Platform& platform, FirmwareTables& tables);

/// Adds to Platform::reserved, in whole pages; to a range that it overlaps or touches, if there is
/// one of the same kind.
/// Errors: too_many.
Result<> reserve_pages(PhysRange range, bool opaque, Platform& platform);

} // namespace baton::efi
