// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/physical_memory.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"

#include <cstddef>
#include <span>

namespace baton {

/// Reads the machine's description, as Linux chooses between the two that there may be: from a DTB
/// that has more in it than /chosen and /hypervisor, or else from ACPI's tables, to which /chosen
/// leads by way of the EFI system table.
/// @param dtb what the loader passed
/// @param memory asked for ACPI's tables alone
/// @param end of the physical addresses that the CPU has
/// @param platform freshly made but for `arch`, that is set
/// Any bytes are safe to pass, in the DTB and in what its numbers lead to.
/// Errors, told in words by platform.fault: those of parse_platform and of parse_acpi_platform.
Result<> read_machine(std::span<const std::byte> dtb, PhysicalMemory memory, PhysAddr end,
                      Platform& platform);

/// The second of these. String views point into the DTB, `platform.tables` to what `memory` gave.
/// Errors: bad_dtb (something is damaged), too_many, unsupported.
Result<> parse_acpi_platform(const Fdt& fdt, PhysicalMemory memory, PhysAddr end,
                             Platform& platform);

namespace acpi {

/// The console, from SPCR: all that comes after it can be told of.
void parse_console(PhysAddr end, Platform& platform);

/// PCI host bridges, from MCFG.
void parse_pci_hosts(PhysAddr end, Platform& platform);

} // namespace acpi

} // namespace baton
