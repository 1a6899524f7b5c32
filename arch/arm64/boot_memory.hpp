// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/kexec/image.hpp"

#include <cstddef>
#include <span>

/// The part of the boot that shares out the machine's memory.
namespace baton::arm64 {

/// Translation granules that this CPU offers a guest.
Granules cpu_granules();

/// Decides where pool and slots lie, and says so; refuses to boot if there is no room.
/// @param dtb the firmware's, where it lies
void plan_boot_memory(std::span<const std::byte> dtb);

/// Out of the pool: Baton's tables, PerCpu and stacks of every CPU, the stage-2 tables. The boot
/// CPU is on the final EL2 map when it returns.
void lay_out_pool();

/// Copies the firmware's DTB into the pool, for its memory goes to the guest, and has the platform
/// refer to the copy.
std::span<const std::byte> keep_dtb(std::span<const std::byte> dtb);

} // namespace baton::arm64
