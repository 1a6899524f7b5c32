// SPDX-License-Identifier: BSD-2-Clause

/// libFuzzer: any bytes may lie where the firmware's tables are. The input is what
/// tools/lib/acpi_tables.py makes, followed by nothing: the EFI memory map and system table around
/// it are sound but for the last 256 bytes, which are theirs, if there are so many.
#include "hyp/memory/layout.hpp"
#include "tests/unit/platform/acpi_machine.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>

using namespace baton;
using baton::test::AcpiMachine;

namespace {

/// Changes what the configuration table, the system table and the map hold.
void blend(AcpiMachine& machine, Bytes noise) {
    usize at = 0;
    for (const u64 block :
         {AcpiMachine::configuration_at, AcpiMachine::system_table_at, AcpiMachine::map_at}) {
        for (std::byte& byte : machine.blocks()[block]) {
            if (at < noise.size()) {
                byte ^= noise[at++];
            }
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, usize size) {
    constexpr usize head = 16;
    constexpr usize noise = 256;
    if (size < head + sizeof(acpi::Rsdp)) {
        return 0;
    }
    const Bytes all{reinterpret_cast<const std::byte*>(data), size};
    constexpr u64 base = 0x7c00'0000;
    const u64 offset = (*read_at<u64>(all, 8) - base) % (size - head - sizeof(acpi::Rsdp) + 1);
    AcpiMachine::Buffer tables{all.begin() + head, all.end()};
    // The sums of the root pointer alone must be right.
    const auto pointer = std::span{tables}.subspan(offset, sizeof(acpi::Rsdp));
    acpi::set_checksum(pointer.first(acpi::rsdp_size_1_0), offsetof(acpi::Rsdp, checksum));
    acpi::set_checksum(pointer, offsetof(acpi::Rsdp, extended_checksum));
    AcpiMachine machine{base, base + offset, std::move(tables)};
    blend(machine, size > 2 * noise ? all.last(noise) : Bytes{});

    auto platform = std::make_unique<arm64::FullPlatform>();
    if (!machine.parse(*platform)) {
        if (*platform->fault == 0) {
            std::abort();
        }
        return 0;
    }
    if (platform->cpus.empty() || platform->ram.overlaps(platform->arch->gic.distributor) ||
        platform->devices.overlaps(platform->arch->gic.distributor)) {
        std::abort();
    }
    const auto scratch = std::make_unique<LayoutScratch>();
    const auto layout =
        plan_memory({.ram = {platform->ram.begin(), platform->ram.end()},
                     .reserved = {platform->reserved.begin(), platform->reserved.end()},
                     .image = {platform->ram[0].begin, page_size},
                     .dtb = {platform->ram[0].begin, page_size},
                     .modules = {},
                     .pool_size = 4 * MiB,
                     .least_slot_size = 8 * MiB},
                    *scratch);
    if (layout) {
        for (const ReservedRange& reserved : platform->reserved) {
            for (const PhysRange& slot : (*layout)->slots) {
                if (slot.overlaps(reserved.range) || (*layout)->pool.overlaps(reserved.range)) {
                    std::abort();
                }
            }
        }
    }
    return 0;
}
