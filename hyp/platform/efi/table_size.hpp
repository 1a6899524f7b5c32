// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/efi/memory_map.hpp"
#include "hyp/platform/efi/system_table.hpp"
#include "hyp/platform/physical_memory.hpp"
#include "hyp/platform/platform.hpp"

namespace baton::efi {

/// What is no RAM is not looked at.
using RamReader = MemoryIn<decltype(Platform::ram)>;

/// Bytes of a table's head, and of `count` entries of `each` behind it; of these at most 1 MiB.
/// @param each from 1 to that
u64 with_entries(usize head, u64 count, u64 each);

/// Bytes of what a configuration table leads to: as many as its head says, but never beyond a sane
/// number, nor, where there is no head, beyond the region of the map that it lies in. What is not
/// known, or damaged, has all up to that region's end, at most 1 MiB: the rest of a region is
/// mostly another's, and can be a good part of the machine's RAM.
/// @return at least 1
u64 table_size(const RamReader& memory, const MemoryMapView& map, const ConfigurationEntry& entry);

} // namespace baton::efi
