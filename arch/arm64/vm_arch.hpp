// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/mmu/stage2.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/static_vector.hpp"

#include <array>
#include <optional>
#include <span>

namespace baton {

/// The architecture's part of a VM. Set up at boot; afterwards its address spaces and its virtual
/// GIC change, by their own rules.
struct VmArch {
    /// A root that a lost CPU still has loaded is never used again: a spare takes its place, as
    /// often as there is one.
    static constexpr usize lost_cpu_budget = 4;

    std::array<std::optional<arm64::Stage2>, 2> roots; ///< by slot
    StaticVector<PhysRange, lost_cpu_budget> spare_roots;

    std::span<const PhysRange> devices; ///< what its roots map beside its memory
    std::span<const PciHost> pci_hosts;
    StaticVector<PhysRange, 64> virtio_mmio; ///< those of its frames that have a device
    /// Where LPIs could not be turned off: a configuration and a pending table for each CPU.
    StaticVector<PhysRange, 2 * max_cpus> stuck_tables;
};

} // namespace baton
