// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/affinity.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/vgic/virtual_interface.hpp"
#include "arch/arm64/vgic/virtual_redistributor.hpp"
#include "hyp/address.hpp"

#include <atomic>

namespace baton::arm64::gic {

/// What the GIC keeps for a CPU and the vCPU pinned to it; its members are the virtual GIC's. Lives
/// as long as Baton; other CPUs write to it when they send an SGI or touch the CPU's Redistributor.
template <GicHardware Hardware>
struct VgicCpu {
    constexpr VgicCpu() = default;
    explicit constexpr VgicCpu(typename Hardware::CpuInterface hardware) : interface{hardware} {}
    VgicCpu(const VgicCpu&) = delete;
    VgicCpu& operator=(const VgicCpu&) = delete;

    CpuId id{};
    Affinity affinity{};
    PhysRange frames{};
    VirtualRedistributor<Hardware> redistributor;
    VirtualInterface<Hardware> interface;
    /// The guest has turned a group off: what it left in the list registers is to be withdrawn.
    std::atomic<bool> groups_changed{false};
    /// In no guest, and its own interrupts are reset: a handover has nothing to ask of it.
    std::atomic<bool> rests{true};
};

} // namespace baton::arm64::gic
