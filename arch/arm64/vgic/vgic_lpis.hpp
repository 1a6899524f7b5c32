// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/vgic/vgic_sgis.hpp"

#include <atomic>

namespace baton::arm64::gic {

/// A VM's LPIs as a whole: its ITSs, those of its CPUs, and those that wait for a CPU which is off.
template <GicHardware Hardware>
class VgicLpis : public VgicSgis<Hardware> {
  public:
    using typename VgicCore<Hardware>::Cpu;

    /// The guest's ITSs: 0 where it has none, or no LPIs any more.
    u32 its_count() const { return lpi_id_bits_ != 0 ? its_count_ : 0; }

    /// For the guest's CPU_OFF, when the CPU's interface is off. The Redistributor keeps its LPIs,
    /// which kernels count on; those that it has signalled move to another CPU, for the guest may
    /// have told the ITS to send them there.
    void move_lpis(Cpu& cpu);

    // A handover.

    /// On the CPU itself, when its interface is off, and before the memory is another kernel's: the
    /// Redistributor writes to its tables until then. False: it goes on doing so.
    bool disable_lpis(Cpu& cpu) { return note_stuck_lpis(cpu, cpu.redistributor.lpis().stop()); }
    /// Those of CPUs that take no part. False: they stay on somewhere.
    bool disable_lpis_of_others();
    /// When all have drained, on the boot CPU: if LPIs stay on anywhere, no guest gets any from now
    /// on, and f(CpuId, Lpis::Tables) is called for each CPU whose tables stay in use.
    template <class F>
    void retire_stuck_lpis(F f);

  protected:
    using VgicCore<Hardware>::members_;
    using VgicCore<Hardware>::gic_;
    using VgicCore<Hardware>::distributor_;
    using VgicCore<Hardware>::banks;

    void init_lpis(bool has_its) {
        its_count_ = has_its ? gic_->its_count() : 0;
        lpi_id_bits_ = its_count_ != 0 ? gic_->distributor().lpi_id_bits() : 0;
        distributor_.offer_lpis(lpi_id_bits_ != 0);
    }
    u32 lpi_id_bits() const { return lpi_id_bits_; }

    /// The guest's write to GICR_CTLR.
    void write_lpi_control(Cpu& cpu, Cpu& target, u32 value);
    /// The guest turns the Distributor off: so a kernel begins that another one's kexec started.
    /// That other one left its LPIs on (Linux does), with tables in memory that may be the new
    /// kernel's by now. A real GIC would go on using them until the new kernel comes to them. So
    /// what is on goes off; what is only programmed stays, as on a real GIC, and all does while any
    /// other CPU is on: a kexec begins with one, and a kernel that runs may turn its Distributor
    /// off and on with LPIs in use.
    void stop_lpis_of_last_kernel(Cpu& cpu);

    /// While no CPU of the guest writes to them, or with one that does.
    bool reset_lpis(Cpu& cpu) { return note_stuck_lpis(cpu, cpu.redistributor.lpis().reset()); }
    bool reset_every_its() {
        bool done = true;
        for (u32 i = 0; i < its_count_; i++) {
            done = gic_->its(i).reset() && done;
        }
        return done;
    }
    void break_its_locks() {
        for (u32 i = 0; i < its_count_; i++) {
            gic_->its(i).break_lock();
        }
    }
    /// A CPU that takes no part in a handover may have its LPIs on.
    void expect_idle_lpis() { has_idle_lpis_.store(true, std::memory_order_relaxed); }

  private:
    Cpu* other_that_is_on(const Cpu& cpu) {
        for (Cpu* const member : members_) {
            if (member != &cpu && member->interface.is_on()) {
                return member;
            }
        }
        return nullptr;
    }
    bool note_stuck_lpis(Cpu& cpu, bool off) {
        if (!off) {
            has_stuck_lpis_.store(true, std::memory_order_relaxed);
        }
        cpu.interface.clear_waiting_lpis(); // None is acknowledged any more.
        return off;
    }

    u32 its_count_ = 0;
    u32 lpi_id_bits_ = 0; ///< of the guest's INTIDs; 0: it has no LPIs
    /// As VgicSgis::has_idle_sgis_.
    std::atomic<bool> has_idle_lpis_{false};
    std::atomic<bool> has_stuck_lpis_{false};
};

template <GicHardware Hardware>
void VgicLpis<Hardware>::write_lpi_control(Cpu& cpu, Cpu& target, u32 value) {
    auto& lpis = target.redistributor.lpis();
    if (&cpu != &target) {
        expect_idle_lpis(); // It may never have been started.
    }
    lpis.write_control(value);
    if (&cpu == &target && lpi_id_bits_ != 0 && !lpis.enabled()) {
        cpu.interface.discard_lpis(banks(cpu));
    }
}

template <GicHardware Hardware>
void VgicLpis<Hardware>::move_lpis(Cpu& cpu) {
    if (cpu.redistributor.lpis().enabled()) {
        expect_idle_lpis();
    }
    while (const auto lpi = cpu.interface.first_waiting_lpi()) {
        Cpu* const other = other_that_is_on(cpu);
        if (other == nullptr) {
            return; // They wait for this one.
        }
        other->interface.post_lpi(*lpi);
        // If it has gone off meanwhile it may have looked for the last time before this.
        if (other->interface.is_on() || !other->interface.take_lpi(*lpi)) {
            cpu.interface.take_lpi(*lpi);
            this->kick(cpu, *other);
        }
    }
}

template <GicHardware Hardware>
void VgicLpis<Hardware>::stop_lpis_of_last_kernel(Cpu& cpu) {
    if (lpi_id_bits_ == 0 || other_that_is_on(cpu) != nullptr) {
        return;
    }
    for (u32 i = 0; i < its_count_; i++) {
        gic_->its(i).turn_off();
    }
    for (Cpu* const member : members_) {
        auto& lpis = member->redistributor.lpis();
        if (lpis.enabled()) {
            (void)note_stuck_lpis(*member, lpis.turn_off_at_once());
        }
    }
}

template <GicHardware Hardware>
bool VgicLpis<Hardware>::disable_lpis_of_others() {
    if (!has_idle_lpis_.exchange(false, std::memory_order_relaxed)) {
        return true;
    }
    bool done = true;
    for (Cpu* const member : members_) {
        done = reset_lpis(*member) && done;
    }
    return done;
}

template <GicHardware Hardware>
template <class F>
void VgicLpis<Hardware>::retire_stuck_lpis(F f) {
    if (!has_stuck_lpis_.load(std::memory_order_relaxed)) {
        return;
    }
    lpi_id_bits_ = 0;
    distributor_.offer_lpis(false);
    for (Cpu* const member : members_) {
        auto& redistributor = member->redistributor;
        redistributor.end_lpis();
        if (redistributor.lpis().are_stuck()) {
            f(member->id, redistributor.lpis().tables());
        }
    }
}

} // namespace baton::arm64::gic
