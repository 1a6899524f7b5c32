// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gic.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/vgic/vgic_cpu.hpp"
#include "arch/arm64/vgic/virtual_distributor.hpp"
#include "hyp/static_vector.hpp"

#include <array>

namespace baton::arm64::gic {

/// What a VM has of the machine's GIC, under all that the virtual one does with it: SPIs, CPUs, and
/// where a CPU's interrupts are kept.
template <GicHardware Hardware>
class VgicCore {
  public:
    using Cpu = VgicCpu<Hardware>;

    const SpiSet& spis() const { return distributor_.spis(); }

    /// An SPI of the VM's that a device which Baton models makes pending. From any CPU.
    void pend(Intid spi) {
        if (contains(spis(), spi)) {
            distributor_.bank(bank_of(spi)).set_pending(bit_of(spi), {});
        }
    }
    /// It is pending no more, unless a list register has it already.
    void unpend(Intid spi) {
        if (contains(spis(), spi)) {
            distributor_.bank(bank_of(spi)).clear_pending(bit_of(spi));
        }
    }

    /// Kicks every other CPU of the VM, and no other VM's.
    void kick_others(Cpu& self) {
        auto& hardware = self.interface.hardware();
        if (has_all_cpus()) {
            return hardware.send_sgi(SgiRequest::to_all_others(kick_sgi));
        }
        const u32 own_target = AffinityMap::target_of(self.affinity);
        for (const Row& row : rows_) {
            const bool is_own = row.first_affinity == AffinityMap::first_of(self.affinity);
            const u32 targets = row.targets & ~(u32{is_own} << own_target);
            if (targets != 0) {
                hardware.send_sgi(
                    SgiRequest::to(kick_sgi, row.first_affinity).with(kick_sgi, targets));
            }
        }
    }

  protected:
    using Bank = InterruptBank<Hardware>;

    /// Where a CPU's interrupts are while they are in no list register.
    struct Banks {
        VgicCore& vgic;
        Cpu& cpu;

        Bank& operator()(Intid intid) const {
            return is_private(intid) ? cpu.redistributor.bank()
                                     : vgic.distributor_.bank(bank_of(intid));
        }
        /// It is the guest's, and has an active state.
        bool has(Intid intid) const {
            return is_private(intid) ? is_sgi(intid) || (vgic.hidden_ & bit_of(intid)) == 0
                                     : is_spi(intid) && contains(vgic.spis(), intid);
        }
        u8 lpi_priority(Intid intid) const { return cpu.redistributor.lpis().priority(intid); }
        /// All are in Group 1.
        bool forwards_lpis() const {
            return (vgic.distributor_.control().load(std::memory_order_relaxed) &
                    gicd_ctlr::EnableGrp1) != 0;
        }
    };
    Banks banks(Cpu& cpu) { return {*this, cpu}; }

    void init(Gic<Hardware>& gic, const SpiSet& spis) {
        gic_ = &gic;
        timer_ = gic.timer();
        maintenance_ = gic.maintenance();
        hidden_ = gic.hidden();
        const u8 priorities = typename Hardware::CpuInterface{}.implemented_virtual_priority();
        distributor_.init(gic.distributor(), spis, priorities);
    }
    void add(Cpu& cpu) {
        if (members_.empty()) {
            distributor_.route_first(cpu.affinity);
        }
        cpus_[index(cpu.id)] = &cpu;
        (void)members_.push(&cpu); // as many as the machine has
        const u32 target = u32{1} << AffinityMap::target_of(cpu.affinity);
        const Affinity first = AffinityMap::first_of(cpu.affinity);
        for (Row& row : rows_) {
            if (row.first_affinity == first) {
                row.targets |= target;
                return;
            }
        }
        (void)rows_.push({first, target}); // no more than CPUs
    }

    /// The VM's CPU with this id, if it is the VM's.
    Cpu* member(CpuId id) const { return cpus_[index(id)]; }
    /// The one of an affinity.
    Cpu* member(Affinity affinity) const {
        const auto id = gic_->by_affinity().find(affinity);
        return id ? member(*id) : nullptr;
    }
    bool has_all_cpus() const { return members_.size() == gic_->cpu_count(); }
    void kick(Cpu& self, const Cpu& other) {
        self.interface.hardware().send_sgi(SgiRequest::to(kick_sgi, other.affinity));
    }

    /// CPUs of the VM that one write of ICC_SGI1R_EL1 reaches.
    struct Row {
        Affinity first_affinity; ///< AffinityMap::first_of
        u32 targets;
    };

    Gic<Hardware>* gic_ = nullptr;
    VirtualDistributor<Hardware> distributor_;
    StaticVector<Cpu*, max_cpus> members_; ///< the VM's, by VcpuId
    std::array<Cpu*, max_cpus> cpus_{};    ///< the same by CpuId; null: not the VM's
    StaticVector<Row, max_cpus> rows_;
    Intid timer_{};       ///< as Gic's
    Intid maintenance_{}; ///< as Gic's
    u32 hidden_ = 0;      ///< as Gic's
};

} // namespace baton::arm64::gic
