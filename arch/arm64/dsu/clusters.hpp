// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/dsu/unit.hpp"
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"

#include <optional>
#include <span>

namespace baton {
class Vm;
}

namespace baton::arm64 {

/// The DSUs of the machine: those that the DTB has `arm,dsu-pmu` nodes for, or, with
/// `baton.dsu=model`, one for every four CPUs that Baton makes up.
///
/// HCR_EL2.TIDCP is set for all IMPLEMENTATION DEFINED registers, and so the guest's accesses to
/// these come to EL2 too, which makes them for it. ACTLR_EL2.CLUSTERPMUEN, which would allow them
/// to EL1, has no say then and stays as it is.
class Clusters {
  public:
    // At boot, on the boot CPU, in this order.

    /// How many there will be.
    void plan(const Platform& platform, bool wants_model);
    u64 memory_size() const { return count_ * sizeof(dsu::Unit); }
    /// @param memory of memory_size
    void lay_out(PhysRange memory);
    /// Of a cluster whose cores are of several VMs nobody gets the counters.
    ClusterSeat seat(const Platform& platform, CpuId cpu) const;
    /// What the guest's DTB tells of models. The GIC is up.
    std::span<const CounterUnit> describe(const Platform& platform);

    bool empty() const { return units_.empty(); }

    // Of the CPU that calls: dsu::Share. It has a unit, and to leave it a share.

    void enter() const;
    void leave() const;
    void look_after() const;
    /// The guest's access to a register. Nothing, false: it has no such register.
    std::optional<u64> read(SysregEncoding encoding) const;
    bool write(SysregEncoding encoding, u64 value) const;

    /// The boot CPU of a handover of the VM, when all others have drained or are lost.
    void take_away(const Vm& vm) const;

  private:
    u32 number_of(const Platform& platform, CpuId cpu) const;
    bool has_one_owner(const Platform& platform, u32 number) const;
    bool has_survivor(const dsu::Unit& unit) const;

    static constexpr u32 cpus_per_model = 4;
    bool models_ = false;
    u32 count_ = 0;
    std::span<dsu::Unit> units_;
    StaticVector<CounterUnit, Platform::max_clusters> nodes_;
};

} // namespace baton::arm64
