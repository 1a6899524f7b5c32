// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/fdt_walk.hpp"
#include "hyp/platform/platform.hpp"

namespace baton::arm64 {

struct GicInfo {
    PhysRange distributor;
    StaticVector<PhysRange, 64> redistributors;
    /// All that is in their regions is a Redistributor, whatever GICR_TYPER.Last says.
    bool redistributors_are_listed = false;
    u64 redistributor_stride = 0; ///< bytes; 0: as GICR_TYPER.VLPIS says
    u32 maintenance_interrupt = 0;
    StaticVector<PhysRange, 64> its;
};

struct TimerInfo {
    std::optional<u32> secure;
    u32 physical = 0;
    u32 virt = 0;
    u32 hyp = 0;
    std::optional<u32> hyp_virt;
};

struct PsciInfo {
    enum class Conduit { smc, hvc };
    Conduit conduit = Conduit::smc;
    u32 major = 0; ///< by the DTB's `compatible`; PSCI_VERSION may tell more
    u32 minor = 0;
};

} // namespace baton::arm64

namespace baton {

/// What of the machine's description is arm64's. Interrupts are INTIDs.
struct ArchPlatform {
    arm64::GicInfo gic;
    arm64::TimerInfo timer;
    std::optional<u32> pmu_interrupt; ///< only if it is a PPI
    arm64::PsciInfo psci;
};

} // namespace baton

namespace baton::arm64 {

/// A Platform with its part of the architecture's.
struct FullPlatform : Platform {
    FullPlatform() { arch = &part; }
    FullPlatform(const FullPlatform&) = delete;
    FullPlatform& operator=(const FullPlatform&) = delete;

    ArchPlatform part;
};

/// The INTID of the at-th interrupt of a node. Nothing if it has no such, if it is not the GIC's,
/// or if it is not private to each CPU.
std::optional<u32> private_interrupt(const InterruptController& gic, FdtNode node, u32 at);

Result<> parse_its(const FdtWalk& walk, Platform& platform);
Result<> parse_timer(FdtNode node, Platform& platform);

/// Puts the CPUs of a DSU's PMU into a cluster of their own.
void parse_dsu(FdtNode node, Platform& platform);

} // namespace baton::arm64
