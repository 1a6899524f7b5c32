// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/kexec/image.hpp"

#include <cstddef>
#include <optional>
#include <span>

/// The part of the boot that shares out the machine's memory.
namespace baton::arm64 {

/// Whole pages out of the pool, for good; a pool that is too small ends the boot.
/// @param size bytes
PhysRange take_pages(u64 size);

/// Translation granules that this CPU offers a guest.
Granules cpu_granules();

/// Where Baton's image would lie better than where it is; nothing, if there is no such place or the
/// platform, already read, cannot be planned for. Says nothing.
/// @param dtb the firmware's, where it lies
std::optional<PhysRange> plan_move(std::span<const std::byte> dtb);

/// Decides where pool and slots lie, and says so; refuses to boot if there is no room.
/// @param dtb as for plan_move
/// @param loaded where the loader put Baton, which has gone to its place since
void plan_boot_memory(std::span<const std::byte> dtb, PhysAddr loaded);

/// Out of the pool: Baton's tables, PerCpu and stacks of every CPU, the stage-2 tables. The boot
/// CPU is on the final EL2 map when it returns.
void lay_out_pool();

/// Copies the firmware's DTB into the pool, for its memory goes to the guest, and what each kernel
/// is given of ACPI's tables; the platform refers to the copies from now on.
std::span<const std::byte> keep_description(std::span<const std::byte> dtb);

} // namespace baton::arm64
