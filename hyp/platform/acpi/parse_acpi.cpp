// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/acpi/parse_acpi.hpp"

#include "hyp/platform/acpi/arch_tables.hpp"
#include "hyp/platform/acpi/table_set.hpp"
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/bundle/bundle.hpp"
#include "hyp/platform/efi/parse_efi.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton {

namespace {

Result<> parse_tables(const Fdt& fdt, PhysicalMemory memory, PhysAddr end, Platform& platform) {
    FirmwareTables& tables = *platform.tables;
    const auto map = efi::parse_memory_map(tables.handoff, memory, end, platform);
    if (!map) {
        return std::unexpected(map.error());
    }
    tables.firmware.memory_map = *map;
    if (auto read = parse_bundle(fdt, platform); !read) {
        return read;
    }
    if (auto read = efi::parse_system_table(memory, platform, tables); !read) {
        return read;
    }
    if (auto read = acpi::read_tables(memory, platform); !read) {
        return read;
    }
    acpi::parse_console(end, platform);
    if (auto parsed = arch::parse_tables(platform); !parsed) {
        return parsed;
    }
    acpi::parse_pci_hosts(end, platform);
    return {};
}

/// All the address space that is neither RAM nor the architecture's. Devices that are told of in
/// AML alone are among it; Baton cannot see these, and so cannot end the DMA of those that are not
/// on PCI.
Result<> give_rest_to_devices(PhysAddr end, Platform& platform) {
    bool fits = platform.devices.add(PhysRange::between({0}, end));
    for (const PhysRange& range : platform.ram) {
        fits = fits && platform.devices.subtract(range);
    }
    return fits ? arch::finish_parsing(platform)
                : fail(platform, Error::too_many, too_many_devices);
}

} // namespace

Result<> parse_acpi_platform(const Fdt& fdt, PhysicalMemory memory, PhysAddr end,
                             Platform& platform) {
    if (auto parsed = parse_chosen(fdt, platform); !parsed) {
        return parsed;
    }
    const auto handoff = efi::read_handoff(fdt);
    if (!handoff) {
        return fail(platform, Error::bad_dtb,
                    "the DTB has no /cpus, and no linux,uefi- properties that lead to ACPI tables");
    }
    FirmwareTables& tables = platform.tables.emplace();
    tables.handoff = *handoff;
    tables.firmware.secure_boot = handoff->secure_boot.value_or(0);
    const auto parsed = parse_tables(fdt, memory, end, platform);
    return parsed ? give_rest_to_devices(end, platform) : parsed;
}

Result<> read_machine(std::span<const std::byte> dtb, PhysicalMemory memory, PhysAddr end,
                      Platform& platform) {
    const auto fdt = Fdt::open(dtb);
    return fdt && efi::describes_no_machine(*fdt) ? parse_acpi_platform(*fdt, memory, end, platform)
                                                  : parse_platform(dtb, platform);
}

} // namespace baton
