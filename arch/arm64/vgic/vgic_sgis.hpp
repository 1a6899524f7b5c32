// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/vgic/vgic_core.hpp"

#include <atomic>
#include <bit>

namespace baton::arm64::gic {

/// A VM's SGIs, which exist in software alone: whoever sends one leaves it with its target and
/// kicks that.
template <GicHardware Hardware>
class VgicSgis : public VgicCore<Hardware> {
  public:
    using typename VgicCore<Hardware>::Cpu;

    /// The targets of a guest's SGI are found, marked and kicked with the guest's own target list,
    /// since its CPUs have the physical affinities. Group 0 SGIs can be made by all three
    /// registers, Group 1 SGIs by ICC_SGI1R_EL1 alone, as GICD_CTLR.DS is 1 for the guest.
    void send_sgis(Cpu& cpu, SgiRegister reg, SgiRequest request);

    /// In a gathering: those that the old kernel sent to CPUs which take no part.
    void clear_sgis() {
        if (!has_idle_sgis_.exchange(false, std::memory_order_relaxed)) {
            return;
        }
        for (Cpu* const member : members_) {
            member->redistributor.bank().clear_sgis();
        }
    }

  protected:
    using VgicCore<Hardware>::members_;
    using VgicCore<Hardware>::gic_;
    using VgicCore<Hardware>::banks;

    /// SGIs of `target` may have become deliverable.
    void present_sgis(Cpu& cpu, Cpu& target) {
        // Against an SGI that is being sent meanwhile: either its sender's kick finds what was
        // written here, or it is found pending here.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (target.redistributor.bank().deliverable() == 0) {
            return;
        }
        if (&cpu == &target) {
            cpu.interface.fill(banks(cpu));
        } else {
            this->kick(cpu, target);
        }
    }
    /// After an SGI was posted to `target`, by whoever posted it; after `target` has come to rest,
    /// by itself. Of the two atomics each of them writes one and then reads the other, all four
    /// accesses sequentially consistent: so one of them sees that a handover is to clear an SGI.
    void note_idle_sgis(Cpu& target) {
        if (target.rests && target.redistributor.bank().has_sgis() &&
            !has_idle_sgis_.load(std::memory_order_relaxed)) {
            has_idle_sgis_.store(true, std::memory_order_relaxed);
        }
    }
    /// A CPU that takes no part in a handover may have SGIs waiting for it.
    void expect_idle_sgis() { has_idle_sgis_.store(true, std::memory_order_relaxed); }

  private:
    /// False: `target` takes it in a group that the sender's register does not reach.
    bool post_sgi(Cpu& target, Intid sgi, bool any_group) {
        if (!target.redistributor.bank().send(sgi, any_group)) {
            return false;
        }
        note_idle_sgis(target);
        return true;
    }

    /// Gather sees what other CPUs stored here before they left the guest; for lost ones `fence`
    /// does it.
    std::atomic<bool> has_idle_sgis_{false};
};

template <GicHardware Hardware>
void VgicSgis<Hardware>::send_sgis(Cpu& cpu, SgiRegister reg, SgiRequest request) {
    const bool any_group = reg == SgiRegister::sgi1r;
    const Intid sgi = request.intid();
    if (request.is_to_all_others()) {
        bool reached = false;
        for (Cpu* const member : members_) {
            if (member != &cpu) {
                reached |= post_sgi(*member, sgi, any_group);
            }
        }
        if (reached) {
            this->kick_others(cpu);
        }
        return;
    }
    if (!gic_->distributor().has_range_selector()) {
        request = request.without_range();
    }
    const AffinityMap::Row* row = gic_->by_affinity().find_row(request.first_affinity());
    if (row == nullptr) {
        return;
    }
    bool self = false;
    u32 others = 0;
    for (u32 targets = request.targets(); targets != 0; targets &= targets - 1) {
        const auto target = static_cast<u32>(std::countr_zero(targets));
        const auto id = row->cpu(target);
        Cpu* const member = id ? this->member(*id) : nullptr; // or another VM's
        if (member == nullptr || !post_sgi(*member, sgi, any_group)) {
            continue;
        }
        if (member == &cpu) {
            self = true;
        } else {
            others |= u32{1} << target;
        }
    }
    if (others != 0) {
        cpu.interface.hardware().send_sgi(request.with(kick_sgi, others));
    }
    if (self) {
        cpu.interface.fill(banks(cpu));
    }
}

} // namespace baton::arm64::gic
