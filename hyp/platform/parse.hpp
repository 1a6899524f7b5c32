// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/fdt.hpp"
#include "hyp/platform/fdt_walk.hpp"
#include "hyp/platform/platform.hpp"

#include <optional>

/// The parts of parse_platform. Each fills its share of Platform, and sets Platform::fault when it
/// fails.
namespace baton {

[[nodiscard]] inline std::unexpected<Error> fail(Platform& platform, Error error,
                                                 const char* fault) {
    platform.fault = fault;
    return std::unexpected(error);
}

/// Later notes than those that fit are dropped.
inline void note(Platform& platform, const char* text) { (void)platform.notes.push(text); }

Result<> parse_cpus(const Fdt& fdt, Platform& platform);
Result<> parse_memory(const Fdt& fdt, Platform& platform);
Result<> parse_chosen(const Fdt& fdt, Platform& platform);
Result<> parse_devices(const Fdt& fdt, Platform& platform);

/// Does this child of /cpus describe a CPU? The n-th enabled one is CpuId n.
bool is_cpu(FdtNode node);

/// The interrupt controller that INTIDs count by.
struct GicNode {
    FdtNode node;
    u32 interrupt_cells = 3;
};

/// Fills Platform::gic but for the ITSs, which are nodes of their own.
Result<> find_gic(const Fdt& fdt, GicNode& gic, Platform& platform);
Result<> parse_its(const FdtWalk& walk, Platform& platform);

/// The INTID of the at-th interrupt of a node. Nothing if it has no such, if it is not the GIC's,
/// or if it is not private to each CPU.
std::optional<u32> private_interrupt(const GicNode& gic, FdtNode node, u32 at);

Result<> parse_timer(const GicNode& gic, FdtNode node, Platform& platform);

/// Puts the CPUs of a DSU's PMU into a cluster of their own.
void parse_dsu(FdtNode node, Platform& platform);

bool is_pci_bridge(FdtNode node);
Result<> parse_pci_host(const FdtWalk& walk, Platform& platform);

inline constexpr const char* too_many_devices = "more than 512 separate device ranges";
/// Adds the pages that a range touches to Platform::devices.
Result<> add_device(PhysRange range, Platform& platform);

} // namespace baton
