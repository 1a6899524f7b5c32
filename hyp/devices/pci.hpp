// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/devices/device_memory.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/static_vector.hpp"

#include <array>
#include <optional>

/// Conventional PCI configuration space through ECAM (PCI Express Base Specification, 7.2, 7.5).
namespace baton::pci {

/// Offsets in a function's configuration space.
enum class Config : u64 {
    vendor = 0x00,
    command = 0x04,
    status = 0x06,
    header_type = 0x0e,
    bar0 = 0x10,
    secondary_bus = 0x19, ///< of a bridge
    capabilities = 0x34,
};

constexpr u16 no_vendor = 0xffff;
constexpr u16 command_memory = 1 << 1;
constexpr u16 command_bus_master = 1 << 2;
constexpr u16 status_capabilities = 1 << 4;
constexpr u8 header_multi_function = 1 << 7;
constexpr u8 header_bridge = 1;
constexpr u8 capability_vendor_specific = 0x09;

/// One function, by where its configuration space is.
struct Function {
    PhysAddr config;
    u8 header;

    constexpr PhysAddr at(Config offset) const { return config + static_cast<u64>(offset); }
    constexpr bool is_bridge() const { return (header & 0x7f) == header_bridge; }
};

/// Calls `visit(Function)` for every function of the host bridge, through the bridges as their
/// buses are numbered now. The numbers are whoever wrote them last's: each bus is visited once and
/// no bus beyond the host bridge's own, so the walk ends whatever they say.
template <DeviceMemory Memory, class Visit>
void for_each_function(Memory& memory, const PciHost& host, Visit visit) {
    constexpr u64 devices = 32;
    constexpr u64 functions = 8;
    std::array<bool, 256> known{};
    StaticVector<u8, 256> buses;
    const auto add = [&](u8 bus) {
        if (bus >= host.first_bus && bus <= host.last_bus && !known[bus]) {
            known[bus] = true;
            (void)buses.push(bus); // `known` lets no more than 256 in
        }
    };
    const auto look = [&](u64 bus, u64 slot) -> std::optional<Function> {
        const PhysAddr config = host.ecam.begin + ((bus - host.first_bus) << 20 | slot << 12);
        if (!host.ecam.contains(PhysRange{config, page_size}) ||
            memory.read16(config + static_cast<u64>(Config::vendor)) == no_vendor) {
            return std::nullopt;
        }
        const u8 header = memory.read8(config + static_cast<u64>(Config::header_type));
        const Function found{config, header};
        if (found.is_bridge()) {
            add(memory.read8(found.at(Config::secondary_bus)));
        }
        visit(found);
        return found;
    };

    add(host.first_bus);
    for (usize i = 0; i < buses.size(); i++) {
        for (u64 device = 0; device < devices; device++) {
            const auto first = look(buses[i], device * functions);
            if (!first || (first->header & header_multi_function) == 0) {
                continue;
            }
            for (u64 other = 1; other < functions; other++) {
                look(buses[i], device * functions + other);
            }
        }
    }
}

/// Calls `visit(PhysAddr)` for each capability with this id; a list that never ends is left after
/// as many as fit.
template <DeviceMemory Memory, class Visit>
void for_each_capability(Memory& memory, const Function& function, u8 id, Visit visit) {
    if ((memory.read16(function.at(Config::status)) & status_capabilities) == 0) {
        return;
    }
    constexpr u8 first_offset = 0x40;
    constexpr usize most = (256 - first_offset) / 4;
    u8 offset = memory.read8(function.at(Config::capabilities)) & 0xfc;
    for (usize i = 0; i < most && offset >= first_offset; i++) {
        const PhysAddr capability = function.config + offset;
        if (memory.read8(capability) == id) {
            visit(capability);
        }
        offset = memory.read8(capability + 1) & 0xfc;
    }
}

/// Where the CPU reaches what the host bridge's functions see as memory at `address`. Nothing if no
/// window holds all `size` bytes.
constexpr std::optional<PhysAddr> to_cpu(const PciHost& host, u64 address, u64 size) {
    for (const PciWindow& window : host.windows) {
        const u64 offset = address - window.pci_base;
        if (window.kind != PciWindow::Kind::io && address >= window.pci_base &&
            offset <= window.cpu.size && size <= window.cpu.size - offset) {
            return window.cpu.begin + offset;
        }
    }
    return std::nullopt;
}

/// The address in a memory BAR, as the function sees it. Nothing for an I/O BAR, one without an
/// address, or while the function does not answer to its BARs.
template <DeviceMemory Memory>
std::optional<u64> bar_address(Memory& memory, const Function& function, u8 bar) {
    constexpr u8 bars = 6;
    constexpr u32 io = 1;
    constexpr u32 type = 0b110;
    constexpr u32 type_64 = 0b100;
    if ((memory.read16(function.at(Config::command)) & command_memory) == 0 || bar >= bars) {
        return std::nullopt;
    }
    const PhysAddr low_half = function.at(Config::bar0) + u64{4} * bar;
    const u32 low = memory.read32(low_half);
    if ((low & io) != 0 || ((low & type) == type_64 && bar + 1 == bars)) {
        return std::nullopt;
    }
    const u64 high = (low & type) == type_64 ? memory.read32(low_half + 4) : 0;
    const u64 address = high << 32 | (low & ~u32{0xf});
    return address == 0 ? std::nullopt : std::optional{address};
}

/// The function, and what lies behind a bridge, starts no more reads and writes of memory. The
/// read back comes after all that it wrote before: a completion does not pass posted writes.
/// False: the bit stayed.
template <DeviceMemory Memory>
bool disable_bus_master(Memory& memory, const Function& function) {
    const PhysAddr command = function.at(Config::command);
    const u16 old = memory.read16(command);
    if ((old & command_bus_master) == 0) {
        return true;
    }
    memory.write16(command, old & static_cast<u16>(~command_bus_master));
    return (memory.read16(command) & command_bus_master) == 0;
}

} // namespace baton::pci
