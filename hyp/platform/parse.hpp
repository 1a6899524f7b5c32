// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/fdt.hpp"
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

/// A cpu node that Baton may start: an enabled child of /cpus that describes a CPU. The n-th of
/// these is CpuId n.
bool is_cpu(FdtNode node);
bool is_usable_cpu(FdtNode node);

/// The interrupt controller that INTIDs count by.
struct GicNode {
    FdtNode node;
    u32 interrupt_cells = 3;
};

/// Where a GIC interrupt begins in the INTID space, by the first cell of its specifier (Linux's
/// binding arm,gic-v3).
enum class InterruptClass : u32 { spi = 0, ppi = 1, extended_spi = 2, extended_ppi = 3 };

/// The INTID of the at-th interrupt of a node. Nothing if it has no such, if it is not the GIC's,
/// or if it is not private to each CPU.
std::optional<u32> private_interrupt(const GicNode& gic, FdtNode node, u32 at);

} // namespace baton
