// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse/parse.hpp"

#include <algorithm>

namespace baton {

namespace {

using Outcome = std::expected<void, Mistake>;

Outcome mistake(Error error, const char* words) { return std::unexpected(Mistake{error, words}); }

bool is_pci_bridge(FdtNode node) { return node.string("device_type") == "pci"; }

/// Binding pci-bus-common and IEEE Std 1275's PCI binding, 2.2.1.1: each entry is three cells of
/// PCI address, of which the first tells the space, then the CPU address and the size.
Outcome read_windows(const FdtWalk& walk, PciHost& host) {
    CellReader reader{walk.node().get("ranges").value_or(Bytes{})};
    while (!reader.at_end()) {
        const auto space = reader.take(1);
        const auto pci_base = reader.take(2);
        const auto cpu_base = reader.take(walk.cells().address);
        const auto size = reader.take(2);
        if (!space || !pci_base || !cpu_base || !size) {
            return mistake(Error::bad_dtb, "a PCI host bridge with a broken ranges");
        }
        const auto on_bus = PhysRange::make({*cpu_base}, *size);
        const auto cpu = on_bus ? walk.to_cpu(*on_bus) : std::nullopt;
        const u64 space_code = *space >> 24 & 3;
        if (!cpu || cpu->empty() || space_code == 0) {
            continue;
        }
        const auto kind = static_cast<PciWindow::Kind>(space_code - 1);
        const bool prefetchable = (*space >> 30 & 1) != 0;
        if (!host.windows.push({kind, prefetchable, *cpu, *pci_base})) {
            return mistake(Error::too_many, "more than 12 windows of a PCI host bridge");
        }
    }
    return {};
}

Outcome read_ecam(FdtNode node, PhysRange ecam, PciHost& host) {
    constexpr u64 bus_size = 1 * MiB;
    CellReader bus_range{node.get("bus-range").value_or(Bytes{})};
    const u64 first = bus_range.take(1).value_or(0);
    const u64 last = bus_range.take(1).value_or(255);
    const u64 buses = std::min(last - first + 1, ecam.size / bus_size);
    if (first > last || last > 255 || buses == 0) {
        return mistake(Error::bad_dtb, "a PCI host bridge without buses");
    }
    host.ecam = {ecam.begin, buses * bus_size};
    host.first_bus = static_cast<u8>(first);
    host.last_bus = static_cast<u8>(first + buses - 1);
    return {};
}

} // namespace

bool is_pci_host(const FdtWalk& walk) {
    return is_pci_bridge(walk.node()) && !is_pci_bridge(walk.parent());
}

Outcome read_pci_host(const FdtWalk& walk, PciHost& host) {
    if (auto result = read_windows(walk, host); !result) {
        return result;
    }
    const FdtNode node = walk.node();
    const auto ecam = walk.reg(0);
    return ecam && node.is_compatible("pci-host-ecam-generic") ? read_ecam(node, *ecam, host)
                                                               : Outcome{};
}

Result<> parse_pci_host(const FdtWalk& walk, Platform& platform) {
    PciHost host;
    if (const auto read = read_pci_host(walk, host); !read) {
        return fail(platform, read.error().error, read.error().words);
    }
    for (const PciWindow& window : host.windows) {
        if (auto result = add_device(window.cpu, platform); !result) {
            return result;
        }
    }
    if (host.ecam.empty()) {
        note(platform, "a PCI host bridge is not generic ECAM: Baton cannot stop DMA below it");
    } else if (!platform.pci_hosts.push(host)) {
        return fail(platform, Error::too_many, "more than 16 PCI host bridges");
    }
    return {};
}

} // namespace baton
