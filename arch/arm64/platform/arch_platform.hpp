// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt_walk.hpp"
#include "hyp/platform/platform.hpp"

namespace baton::arm64 {

struct GicInfo {
    PhysRange distributor;
    StaticVector<PhysRange, 64> redistributors;
    /// All that is in their regions is a Redistributor, whatever GICR_TYPER.Last says.
    bool redistributors_are_listed = false;
    u64 redistributor_stride = 0; ///< bytes; 0: as GICR_TYPER.VLPIS says
    InterruptId maintenance_interrupt{};
    StaticVector<PhysRange, 64> its;
};

struct TimerInfo {
    std::optional<InterruptId> secure;
    InterruptId physical{};
    InterruptId virt{};
    InterruptId hyp{};
    std::optional<InterruptId> hyp_virt;
};

struct PsciInfo {
    enum class Conduit { smc, hvc };
    Conduit conduit = Conduit::smc;
    u32 major = 0; ///< by the DTB's `compatible`; PSCI_VERSION may tell more
    u32 minor = 0;
};

} // namespace baton::arm64

namespace baton {

/// What of the machine's description is arm64's.
struct ArchPlatform {
    arm64::GicInfo gic;
    arm64::TimerInfo timer;
    std::optional<InterruptId> pmu_interrupt; ///< only if it is a PPI
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

/// The at-th interrupt of a node. Nothing if it has no such, if it is not the GIC's,
/// or if it is not private to each CPU.
std::optional<InterruptId> private_interrupt(const InterruptController& controller, FdtNode node,
                                             u32 at);

bool is_psci(FdtNode node); ///< of version 0.2 or later
Result<> parse_psci(FdtNode node, Platform& platform);
/// The same in a tree of which anything may be wrong: is there one that is called by SMC?
bool has_psci_by_smc(const Fdt& fdt);

Result<> parse_its(const FdtWalk& walk, Platform& platform);
Result<> parse_timer(FdtNode node, Platform& platform);

/// Puts the CPUs of a DSU's PMU into a cluster of their own.
void parse_dsu(FdtNode node, Platform& platform);

} // namespace baton::arm64
