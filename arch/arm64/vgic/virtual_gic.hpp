// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/registers.hpp"
#include "arch/arm64/vgic/vgic_frames.hpp"

namespace baton::arm64::gic {

/// The virtual GIC of a VM, which has SPIs and CPUs of the machine, and perhaps the ITSs. The
/// guest's frames are at the addresses of the physical ones and its CPUs have the physical
/// affinities. Here are the interrupts that come, and the lives of a CPU and of a kernel; below it,
/// each on top of the next: the frames, LPIs, SGIs, and what all of them stand on.
template <GicHardware Hardware>
class VirtualGic : public VgicFrames<Hardware> {
  public:
    using typename VgicCore<Hardware>::Cpu;

    /// Which of Baton's own interrupts came.
    struct OwnInterrupts {
        bool kick = false;
        bool timer = false; ///< EL2 physical timer: stays active until `timer_done`
        Intid spi{};        ///< of Gic::own_spi, or 0, an SGI: stays active until `own_spi_done`
    };

    // Bring-up, in this order, after Gic's.

    /// Once, on the boot CPU.
    /// @param spis the VM's and nobody else's: a part of Gic::spis
    /// @param has_its the ITSs are the VM's, and with them it has LPIs
    void init(Gic<Hardware>& gic, const SpiSet& spis, bool has_its) {
        VgicCore<Hardware>::init(gic, spis);
        this->init_lpis(has_its);
    }
    /// For every CPU of the VM, by rising VcpuId, on the boot CPU, before any other one comes up.
    /// @param frames as Gic::attach returned them
    void attach(CpuId id, Mpidr mpidr, PhysRange frames, Cpu& cpu);
    /// On the CPU itself: its Redistributor and interface, reset and on. From now on it takes kicks
    /// and Baton's timer, and nothing else before `turn_on`.
    /// Errors: unsupported (no system registers; LPIs that stay on), timed_out.
    Result<> init_cpu(Cpu& cpu);

    // While a guest runs. `cpu` is the calling CPU's.

    /// After an exit by interrupt: takes in what is pending. The guest's go into list registers.
    OwnInterrupts handle_interrupts(Cpu& cpu);
    /// After `OwnInterrupts::timer`, when the timer has been silenced or set anew.
    void timer_done(Cpu& cpu) { cpu.interface.hardware().deactivate(timer_); }
    /// After `OwnInterrupts::spi`, when its device is silent.
    void own_spi_done(Cpu& cpu, Intid spi) { cpu.interface.hardware().deactivate(spi); }
    /// Is there anything that may wake the guest from a standby state?
    bool has_pending_interrupt(Cpu& cpu) {
        return cpu.interface.has_pending() || cpu.redistributor.bank().deliverable() != 0;
    }
    /// The guest's write to a system register that HCR_EL2.IMO and FMO or ICH_HCR_EL2.TDIR trap.
    /// @return false: the register is none of the GIC's
    bool write_trapped_sysreg(Cpu& cpu, SysregEncoding encoding, u64 value);

    // The life of a CPU; each on that CPU.

    /// From off to a vCPU's entry state: virtual interface on and empty, interrupts come in.
    void turn_on(Cpu& cpu) {
        cpu.rests = false;
        cpu.redistributor.take_part_in_1_of_n(true);
        cpu.interface.turn_on();
        cpu.interface.fill(banks(cpu)); // SGIs wait for a CPU that was off.
    }
    /// For the guest's CPU_OFF. What is pending in list registers goes back to the GIC, from where
    /// the guest may have routed it elsewhere; then only Baton's own interrupts wake this CPU.
    void turn_off(Cpu& cpu) {
        withdraw_interrupts(cpu);
        close_interface(cpu);
        this->move_lpis(cpu);
        refuse_1_of_n(cpu);
    }
    void withdraw_interrupts(Cpu& cpu) { cpu.interface.withdraw_all(banks(cpu)); }
    /// Only with empty list registers.
    void close_interface(Cpu& cpu) { cpu.interface.turn_off(); }
    void refuse_1_of_n(Cpu& cpu) { cpu.redistributor.take_part_in_1_of_n(false); }

    // A handover: `drain`, `gather` and `take_down` are what it does; the parts of each follow it.

    /// Every CPU for itself: list registers emptied, physical interrupts in them deactivated,
    /// virtual interface off, only Baton's own interrupts come in.
    void drain(Cpu& cpu) {
        discard_interrupts(cpu);
        close_interface(cpu);
        (void)this->disable_lpis(cpu);
    }
    void discard_interrupts(Cpu& cpu) { cpu.interface.discard_all(); }

    /// The boot CPU for all, when every other CPU has drained or is lost. O(SPIs), and O(CPUs) only
    /// if some that take no part have LPIs or SGIs. False: the Distributor still has a write
    /// pending.
    bool gather(Cpu& boot) {
        this->clear_sgis();
        bool done = reset_its() && reset_spis();
        done = this->disable_lpis_of_others() && done;
        route_spis(boot);
        return done;
    }
    /// Before the others: opens the locks that a lost CPU may hold, and every ITS off, at rest and
    /// without tables. False: one does not come to rest.
    bool reset_its() {
        break_locks();
        return this->reset_every_its();
    }
    /// All disabled, deactivated, not pending, with default priority and configuration.
    bool reset_spis() { return distributor_.reset(); }
    /// All to the boot CPU.
    void route_spis(Cpu& boot) { distributor_.route_all(boot.affinity); }

    /// Every CPU for itself, after the gathering: the guest's SGIs and PPIs disabled, deactivated,
    /// not pending, with default priority and configuration, no 1-of-N SPIs. False: the
    /// Redistributor still has a write pending.
    bool take_down(Cpu& cpu) {
        refuse_1_of_n(cpu);
        const bool off = this->reset_lpis(cpu); // of one that parked while the others drained
        return reset_own_interrupts(cpu) && off;
    }
    bool reset_own_interrupts(Cpu& cpu) {
        cpu.groups_changed.store(false, std::memory_order_relaxed);
        const bool done = cpu.redistributor.reset();
        cpu.rests = true;
        this->note_idle_sgis(cpu);
        return done;
    }

    /// The boot CPU for a CPU that is lost: no 1-of-N SPI is sent there, and its PPIs are off.
    void fence(Cpu& lost) {
        has_lost_cpu_ = true;
        this->expect_idle_lpis();
        this->expect_idle_sgis();
        lost.redistributor.break_locks();
        lost.redistributor.take_part_in_1_of_n(false);
        lost.redistributor.bank().begin_reset();
    }

    // A host kexec.

    /// On the CPU itself, after `take_down`: its part of the GIC as it was, but that nothing is
    /// enabled. It takes no kick any more.
    void restore_cpu(Cpu& cpu) {
        cpu.interface.hardware().close();
        cpu.redistributor.physical().restore();
    }
    /// On the CPU itself, after all else of the GIC.
    void sleep_again(Cpu& cpu) { cpu.redistributor.physical().sleep_again(); }

  protected:
    using VgicCore<Hardware>::members_;
    using VgicCore<Hardware>::gic_;
    using VgicCore<Hardware>::distributor_;
    using VgicCore<Hardware>::timer_;
    using VgicCore<Hardware>::hidden_;
    using VgicCore<Hardware>::maintenance_;
    using VgicCore<Hardware>::banks;

  private:
    /// Those that a lost CPU may hold, if there is one.
    void break_locks() {
        if (!has_lost_cpu_) {
            return;
        }
        has_lost_cpu_ = false;
        distributor_.break_locks();
        this->break_its_locks();
        for (Cpu* const member : members_) {
            member->redistributor.break_locks();
        }
    }

    bool has_lost_cpu_ = false; ///< since the last gather: locks may be held for good
};

template <GicHardware Hardware>
void VirtualGic<Hardware>::attach(CpuId id, Mpidr mpidr, PhysRange frames, Cpu& cpu) {
    cpu.id = id;
    cpu.affinity = affinity_of(mpidr);
    cpu.frames = frames;
    cpu.redistributor.attach(frames.begin, gic_->hidden(),
                             cpu.interface.hardware().implemented_virtual_priority(),
                             distributor_.control(), this->lpi_id_bits());
    this->add(cpu);
}

template <GicHardware Hardware>
Result<> VirtualGic<Hardware>::init_cpu(Cpu& cpu) {
    // The Redistributor is awake before its CPU interface is turned on (IHI 0069, 11.1).
    if (const auto done = cpu.redistributor.bring_up(gic_->own()); !done) {
        return done;
    }
    cpu.redistributor.take_part_in_1_of_n(false);
    if (const auto done =
            cpu.interface.hardware().bring_up(!gic_->distributor().has_one_security_state());
        !done) {
        return done;
    }
    cpu.interface.bring_up(cpu.redistributor.physical().priority_bits());
    return {};
}

} // namespace baton::arm64::gic

#include "arch/arm64/vgic/virtual_gic_interrupts.hpp"
