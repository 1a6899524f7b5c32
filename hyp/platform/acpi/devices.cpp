// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/acpi/parse_acpi.hpp"
#include "hyp/platform/acpi/table_set.hpp"
#include "hyp/platform/parse/parse.hpp"

#include <algorithm>
#include <cstring>

namespace baton::acpi {

namespace {

/// DBG2's subtypes of serial ports.
enum class Interface : u8 { pl011 = 0x03, sbsa_2_x = 0x0d, sbsa = 0x0e };

constexpr u64 uart_frame_size = page_size;

std::optional<UartKind> uart_kind(u8 interface) {
    switch (static_cast<Interface>(interface)) {
    case Interface::pl011:
        return UartKind::pl011;
    case Interface::sbsa_2_x:
    case Interface::sbsa:
        return UartKind::sbsa;
    }
    return std::nullopt;
}

/// All but the first bit say that it has a GSIV.
constexpr u8 pc_interrupt_only = 1 << 0;

/// The bus's space, or nothing if it overlaps what is somebody else's.
std::optional<PciHost> host_of(const McfgEntry& entry, PhysAddr end, const Platform& platform) {
    constexpr u64 bus_size = 1 * MiB;
    if (entry.first_bus > entry.last_bus) {
        return std::nullopt;
    }
    const u64 buses = u64{entry.last_bus} - entry.first_bus + 1;
    u64 begin = 0;
    if (__builtin_add_overflow(entry.base, entry.first_bus * bus_size, &begin)) {
        return std::nullopt;
    }
    const auto ecam = PhysRange::make({begin}, buses * bus_size);
    if (!ecam || !is_aligned(begin, bus_size) || ecam->end() > end ||
        platform.ram.overlaps(*ecam)) {
        return std::nullopt;
    }
    for (const PciHost& other : platform.pci_hosts) {
        if (other.ecam.overlaps(*ecam)) {
            return std::nullopt;
        }
    }
    return PciHost{
        .ecam = *ecam, .first_bus = entry.first_bus, .last_bus = entry.last_bus, .windows = {}};
}

} // namespace

void parse_console(PhysAddr end, Platform& platform) {
    const auto table = find_table(platform, "SPCR");
    if (platform.uart || !table) {
        return; // earlycon= goes before it
    }
    // Older ones end before the clock, which is not needed.
    Spcr spcr{};
    std::memcpy(&spcr, table->data(), std::min(table->size(), sizeof(spcr)));
    const auto kind = uart_kind(spcr.interface);
    const auto frame = PhysRange::make({spcr.registers.address}, uart_frame_size);
    if (!kind || spcr.registers.space != GenericAddress::Space::memory) {
        note(platform, "SPCR names a UART that Baton has no driver for");
        return;
    }
    if (spcr.registers.address == 0) {
        return; // SPCR: the console is switched off
    }
    if (!frame || !is_aligned(frame->begin.value, page_size) || frame->end() > end ||
        platform.ram.overlaps(*frame)) {
        note(platform, "SPCR names a UART where none can be");
        return;
    }
    platform.uart = UartInfo{.kind = *kind, .frame = *frame};
    if ((spcr.interrupt_type & ~pc_interrupt_only) != 0) {
        platform.uart->interrupt = InterruptId{spcr.interrupt};
    }
}

/// Their windows are in AML: Baton reaches functions by their configuration space alone.
void parse_pci_hosts(PhysAddr end, Platform& platform) {
    const auto table = find_table(platform, "MCFG");
    if (!table) {
        note(platform, "there is no MCFG: Baton cannot stop the DMA of PCI devices");
        return;
    }
    for (usize offset = sizeof(Mcfg); const auto entry = read_at<McfgEntry>(*table, offset);
         offset += sizeof(McfgEntry)) {
        const auto host = host_of(*entry, end, platform);
        if (!host) {
            note(platform, "a PCI host bridge in MCFG is where none can be");
        } else if (!platform.pci_hosts.push(*host)) {
            note(platform, "more than 16 PCI host bridges: Baton cannot stop DMA below the others");
            return;
        }
    }
}

} // namespace baton::acpi
