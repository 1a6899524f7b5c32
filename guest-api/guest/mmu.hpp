// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"

/// The guest's own translation: an identity map of 2 MiB and 1 GiB blocks, all of it writable.
/// Everything below 512 GiB is Device to begin with; memory above that has to be mapped.
namespace baton::guest {

/// The index in MAIR_EL1, which entry.S sets.
enum class MemoryType : u64 { device = 0, normal = 1 };

/// Rounds outwards to 2 MiB. Normal memory can be executed. What was mapped before must not be in
/// use by another CPU.
void map(PhysRange range, MemoryType type);

/// Makes the 512 GiB from `address` on refer to a table at `table`, wherever that is.
void map_by_table_at(u64 address, PhysAddr table);

/// The tables for what platform() describes; the MMU is still off.
void build_translation();

} // namespace baton::guest
