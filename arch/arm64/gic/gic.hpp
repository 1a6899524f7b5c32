// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/affinity_map.hpp"
#include "arch/arm64/gic/distributor.hpp"
#include "arch/arm64/gic/frame_map.hpp"
#include "arch/arm64/gic/gicr.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/gic/its.hpp"
#include "arch/arm64/gic/sgi_request.hpp"
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/platform.hpp"

namespace baton::arm64::gic {

/// The machine's GIC: the Distributor, where each CPU's Redistributor is, the ITSs, and the
/// interrupts that are Baton's own. VMs share it by what each of them was given.
template <GicHardware Hardware>
class Gic {
  public:
    // Bring-up, in this order.

    /// Once, on the boot CPU: Distributor off, reset and on, all SPIs disabled and routed to
    /// `boot_mpidr`; every ITS off; finds every CPU's Redistributor.
    /// Errors: unsupported (no GICv3; interrupts of Baton's own that are no PPIs), too_many
    /// (Redistributors), timed_out (the hardware does not take a write).
    Result<> init(const Platform& platform, Mpidr boot_mpidr);
    /// For every CPU of the platform, on the boot CPU, before any other one comes up. Whose
    /// Redistributor's frames are where.
    /// Errors: unsupported (it has no Redistributor), too_many.
    Result<PhysRange> attach(CpuId id, Mpidr mpidr);
    /// An SPI that no VM gets: level-sensitive, above all of a guest's, and enabled. Before any VM
    /// is given its SPIs. From now on Vgic::handle_interrupts tells of it on that CPU.
    /// @return false: there is no such SPI
    bool own_spi(Intid intid, Mpidr mpidr);

    /// All SPIs but Baton's own.
    SpiSet spis() const;
    bool is_own_spi(Intid intid) const { return contains(own_spis_, intid); }
    /// Makes it pending, as a device would. For those of a VM: Vgic::pend.
    void pend(Intid spi) {
        distributor_.bank(bank_of(spi)).write(InterruptRegister::ISPENDR, bit_of(spi));
    }
    /// A host kexec, the last CPU, before its own part.
    void restore_distributor() { distributor_.restore(); }

    Distributor<Hardware>& distributor() { return distributor_; }
    FrameMap& frames() { return frames_; }
    const AffinityMap& by_affinity() const { return by_affinity_; }
    u32 its_count() const { return its_count_; }
    Its<Hardware>& its(u32 n) { return its_[n]; }
    u32 cpu_count() const { return cpu_count_; }

    Intid timer() const { return timer_; }
    Intid maintenance() const { return maintenance_; }
    u32 own() const { return own_; }       ///< Baton's own, of bank 0
    u32 hidden() const { return hidden_; } ///< from guests: Baton's own, and the other EL2 timer's

  private:
    Distributor<Hardware> distributor_;
    AffinityMap by_affinity_;
    FrameMap frames_;
    std::array<Its<Hardware>, decltype(GicInfo::its)::capacity> its_{};
    u32 its_count_ = 0;
    u32 cpu_count_ = 0;
    SpiSet own_spis_{};
    Intid maintenance_{};
    Intid timer_{};
    u32 own_ = 0;
    u32 hidden_ = 0;
};

} // namespace baton::arm64::gic

#include "arch/arm64/gic/gic_bring_up.hpp"
