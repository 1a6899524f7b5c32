// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/kexec/image_store.hpp"
#include "hyp/types.hpp"

#include <cstddef>
#include <span>

/// The part of the boot that makes the VMs.
namespace baton::arm64 {

/// Decides who gets what of the machine; a mistake in the boot description ends the boot with a
/// sentence that names its node. Again for the copy of the DTB, for what it says lies there.
/// @param dtb that the platform was read from
void divide_machine(std::span<const std::byte> dtb);

/// Bytes of the pool that `lay_out_vms` takes, whole pages.
u64 vms_pool_size();
/// VMs, vCPUs and address spaces. Each CPU knows its vCPU from here on.
void lay_out_vms();

/// The VMs are there before the other CPUs are: those park in them. The host VM runs on this CPU
/// from now on, all others are off.
void start_vms();

/// The images of each VM go into its slots.
/// @param firmware_dtb the kept one
/// @return what the host VM's first CPU enters
const StagedImage& stage_images(std::span<const std::byte> firmware_dtb);

/// All VMs but the host VM start, each on its own CPUs.
void start_other_vms();

} // namespace baton::arm64
