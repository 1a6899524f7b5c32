// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/platform/dtb/fdt.hpp"

#include <optional>

/// What an EFI stub tells the kernel that it has made ready: properties of /chosen, as Linux reads
/// them (drivers/firmware/efi/fdtparams.c).
namespace baton::efi {

struct Handoff {
    PhysAddr system_table;
    PhysRange memory_map;
    u32 descriptor_size = 0; ///< bytes from one descriptor to the next
    u32 descriptor_version = 0;
    std::optional<u32> secure_boot{}; ///< Linux's enum efi_secureboot_mode: 2 is off, 3 on
};

/// Nothing if one of the properties is missing but the last, is of another size than 4 or 8 bytes,
/// or what they name wraps or is empty.
std::optional<Handoff> read_handoff(const Fdt& fdt);

/// Is there nothing in the tree but /chosen, and /hypervisor, so that ACPI's tables describe the
/// machine? As Linux decides (dt_scan_depth1_nodes in arch/arm64/kernel/acpi.c).
bool describes_no_machine(const Fdt& fdt);

} // namespace baton::efi
