// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/platform/acpi/tables.hpp"
#include "hyp/platform/efi/memory_map.hpp"
#include "hyp/platform/efi/system_table.hpp"

#include <span>

/// What UEFI firmware says of the machine, kept as it was at boot: no guest can write to it, so the
/// tenth kernel is told what the first was.
namespace baton::efi {

/// One of ACPI's tables, where the firmware put it and what is in it.
struct AcpiTable {
    PhysAddr address;
    Bytes bytes; ///< the whole table, at least a header
};

/// The spans point into Baton's own memory.
struct Firmware {
    SystemTable system_table{};
    ConfigurationTable configuration{};
    MemoryMapView memory_map{};
    /// Linux's enum efi_secureboot_mode; 0: nobody told.
    u32 secure_boot = 0;

    acpi::TableHeader xsdt{};                 ///< or the RSDT's: for the names in it
    std::span<const AcpiTable> acpi_tables{}; ///< as it lists them
    PhysRange esrt{};                         ///< guid::esrt
};

} // namespace baton::efi
