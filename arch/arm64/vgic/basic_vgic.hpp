// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gic.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/gic/registers.hpp"
#include "arch/arm64/vgic/redistributor.hpp"
#include "arch/arm64/vgic/virtual_distributor.hpp"
#include "arch/arm64/vgic/virtual_interface.hpp"
#include "hyp/static_vector.hpp"

#include <array>
#include <atomic>
#include <optional>

namespace baton::arm64::gic {

template <GicHardware Hardware>
class BasicVgic;

/// What the GIC keeps for a CPU and the vCPU pinned to it. Lives as long as Baton; other CPUs write
/// to it when they send an SGI or touch the CPU's Redistributor.
template <GicHardware Hardware>
class BasicVgicCpu {
  public:
    constexpr BasicVgicCpu() = default;
    explicit constexpr BasicVgicCpu(typename Hardware::CpuInterface hardware)
        : interface_{hardware} {}
    BasicVgicCpu(const BasicVgicCpu&) = delete;
    BasicVgicCpu& operator=(const BasicVgicCpu&) = delete;

  private:
    friend BasicVgic<Hardware>;

    CpuId id_{};
    Affinity affinity_{};
    PhysRange frames_{};
    Redistributor<Hardware> redistributor_;
    VirtualInterface<Hardware> interface_;
    /// The guest has turned a group off: what it left in the list registers is to be taken back.
    std::atomic<bool> groups_changed_{false};
    /// In no guest, and its own interrupts are reset: a handover has nothing to ask of it.
    std::atomic<bool> rests_{true};
};

/// The virtual GIC of a VM, which has SPIs and CPUs of the machine, and perhaps the ITSs. The
/// guest's frames are at the addresses of the physical ones and its CPUs have the physical
/// affinities.
template <GicHardware Hardware>
class BasicVgic {
  public:
    using Cpu = BasicVgicCpu<Hardware>;

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
    void init(Gic<Hardware>& gic, const SpiSet& spis, bool has_its);
    /// For every CPU of the VM, by rising VcpuId, on the boot CPU, before any other one comes up.
    /// @param frames as Gic::attach told
    void attach(CpuId id, Mpidr mpidr, PhysRange frames, Cpu& cpu);
    /// On the CPU itself: its Redistributor and interface, reset and on. From now on it takes kicks
    /// and Baton's timer, and nothing else before `turn_on`.
    /// Errors: unsupported (no system registers; LPIs that stay on), timed_out.
    Result<> init_cpu(Cpu& cpu);

    // While a guest runs. `cpu` is the calling CPU's.

    /// After an exit by interrupt: takes in what is pending. The guest's go into list registers.
    OwnInterrupts handle_interrupts(Cpu& cpu);
    /// After `OwnInterrupts::timer`, when the timer has been silenced or set anew.
    void timer_done(Cpu& cpu) { cpu.interface_.hardware().deactivate(timer_); }
    /// After `OwnInterrupts::spi`, when its device is silent.
    void own_spi_done(Cpu& cpu, Intid spi) { cpu.interface_.hardware().deactivate(spi); }
    /// After a kick: SGIs that other CPUs have left go into list registers.
    void flush(Cpu& cpu);
    /// Is there anything that may wake the guest from a standby state?
    bool has_pending_interrupt(Cpu& cpu) {
        return cpu.interface_.has_pending() || cpu.redistributor_.bank().deliverable() != 0;
    }

    /// The guest's access to a frame. Any size and alignment may be passed; what the architecture
    /// does not provide reads as zero and is not written.
    /// @return nothing, false: the address is in no frame
    std::optional<u64> mmio_read(Cpu& cpu, GuestAddr address, u32 size);
    bool mmio_write(Cpu& cpu, GuestAddr address, u32 size, u64 value);
    // The same by device, for a map of what the VM has where.

    /// @param offset in Gic::distributor's range
    u64 read_distributor(Cpu& cpu, u32 offset, u32 size);
    void write_distributor(Cpu& cpu, u32 offset, u32 size, u64 value);
    /// @param address in one of Platform's regions of Redistributors
    u64 read_redistributor(Cpu& cpu, GuestAddr address, u32 size);
    void write_redistributor(Cpu& cpu, GuestAddr address, u32 size, u64 value);
    /// The guest's ITSs: 0 where it has none, or no LPIs any more.
    u32 its_count() const { return lpi_id_bits_ != 0 ? its_count_ : 0; }
    /// @param n below `its_count`
    /// @param offset in the range of Gic::its(n)
    u64 read_its(u32 n, u64 offset, u32 size);
    void write_its(u32 n, u64 offset, u32 size, u64 value);

    /// The guest's write to a system register that HCR_EL2.IMO and FMO or ICH_HCR_EL2.TDIR trap.
    /// @return false: the register is none of the GIC's
    bool write_trapped_sysreg(Cpu& cpu, SysregEncoding encoding, u64 value);
    void send_sgis(Cpu& cpu, SgiRegister reg, SgiRequest request);
    /// An SPI of the VM's that a device which Baton models makes pending. From any CPU.
    void pend(Intid spi);
    /// It is pending no more, unless a list register has it already.
    void unpend(Intid spi);

    const SpiSet& spis() const { return distributor_.spis(); }

    /// Kicks every other CPU of the VM, and no other VM's.
    void kick_others(Cpu& self);

    // The life of a CPU; each on that CPU.

    /// From off to a vCPU's entry state: virtual interface on and empty, interrupts come in.
    void turn_on(Cpu& cpu) {
        cpu.rests_ = false;
        cpu.redistributor_.take_part_in_1_of_n(true);
        cpu.interface_.turn_on();
        cpu.interface_.fill(banks(cpu)); // SGIs wait for a CPU that was off.
    }
    /// For the guest's CPU_OFF. What is pending in list registers goes back to the GIC, from where
    /// the guest may have routed it elsewhere; then only Baton's own interrupts wake this CPU.
    void turn_off(Cpu& cpu) {
        release_interrupts(cpu);
        close_interface(cpu);
        hand_over_lpis(cpu);
        refuse_1_of_n(cpu);
    }
    void release_interrupts(Cpu& cpu) { cpu.interface_.release_all(banks(cpu)); }
    /// Only with empty list registers.
    void close_interface(Cpu& cpu) { cpu.interface_.turn_off(); }
    /// After both. The Redistributor keeps its LPIs, which kernels count on; those that it has let
    /// go of go to another CPU, for the guest may have told the ITS to send them there.
    void hand_over_lpis(Cpu& cpu);
    void refuse_1_of_n(Cpu& cpu) { cpu.redistributor_.take_part_in_1_of_n(false); }

    // A handover: `drain`, `gather` and `take_down` are what it does; the parts of each follow it.

    /// Every CPU for itself: list registers emptied, physical interrupts in them deactivated,
    /// virtual interface off, only Baton's own interrupts come in.
    void drain(Cpu& cpu) {
        drop_interrupts(cpu);
        close_interface(cpu);
        (void)disable_lpis(cpu);
    }
    void drop_interrupts(Cpu& cpu) { cpu.interface_.drop_all(); }
    /// After both, and before the memory is another kernel's: the Redistributor writes to its
    /// tables until then. False: it goes on doing so.
    bool disable_lpis(Cpu& cpu) { return note_stuck_lpis(cpu, cpu.redistributor_.lpis().stop()); }

    /// The boot CPU for all, when every other CPU has drained or is lost. O(SPIs), and O(CPUs) only
    /// if some that take no part have LPIs or SGIs. False: the Distributor still has a write
    /// pending.
    bool gather(Cpu& boot) {
        forget_sgis();
        bool done = reset_its() && reset_spis();
        done = disable_lpis_of_others() && done;
        route_spis(boot);
        return done;
    }
    /// Before the others: opens the locks that a lost CPU may hold, and every ITS off, at rest and
    /// without tables. False: one does not come to rest.
    bool reset_its();
    /// When all have drained, on the boot CPU: if LPIs stay on anywhere, no guest gets any from now
    /// on, and f(CpuId, Lpis::Tables) is called for each CPU whose tables stay in use.
    template <class F>
    void give_up_stuck_lpis(F f);
    /// Those of CPUs that take no part. False: they stay on somewhere.
    bool disable_lpis_of_others();
    /// Those that the old kernel sent to CPUs which take no part.
    void forget_sgis();
    /// All disabled, deactivated, not pending, with default priority and configuration.
    bool reset_spis() { return distributor_.reset(); }
    /// All to the boot CPU.
    void route_spis(Cpu& boot) { distributor_.route_all(boot.affinity_); }

    /// Every CPU for itself, after the gathering: the guest's SGIs and PPIs disabled, deactivated,
    /// not pending, with default priority and configuration, no 1-of-N SPIs. False: the
    /// Redistributor still has a write pending.
    bool take_down(Cpu& cpu) {
        refuse_1_of_n(cpu);
        const bool off = reset_lpis(cpu); // of one that parked while the others drained
        return reset_own_interrupts(cpu) && off;
    }
    bool reset_own_interrupts(Cpu& cpu) {
        cpu.groups_changed_.store(false, std::memory_order_relaxed);
        const bool done = cpu.redistributor_.reset();
        cpu.rests_ = true;
        note_idle_sgis(cpu);
        return done;
    }

    /// The boot CPU for a CPU that is lost: no 1-of-N SPI is sent there, and its PPIs are off.
    void fence(Cpu& lost) {
        has_lost_cpu_ = true;
        has_idle_lpis_.store(true, std::memory_order_relaxed);
        has_idle_sgis_.store(true, std::memory_order_relaxed);
        lost.redistributor_.break_locks();
        lost.redistributor_.take_part_in_1_of_n(false);
        lost.redistributor_.bank().begin_reset();
    }

    // A host kexec: Baton leaves.

    /// On the CPU itself, after `take_down`: its part of the GIC as it was, but that nothing is
    /// enabled. It takes no kick any more.
    void give_back_cpu(Cpu& cpu) {
        cpu.interface_.hardware().give_back();
        cpu.redistributor_.give_back();
    }
    /// On the CPU itself, after all else of the GIC.
    void sleep_again(Cpu& cpu) { cpu.redistributor_.sleep_again(); }

  private:
    using Bank = InterruptBank<Hardware>;

    /// Where a CPU's interrupts are while they are in no list register.
    struct Banks {
        BasicVgic& vgic;
        Cpu& cpu;

        Bank& operator()(Intid intid) const {
            return is_private(intid) ? cpu.redistributor_.bank()
                                     : vgic.distributor_.bank(bank_of(intid));
        }
        /// It is the guest's, and has an active state.
        bool has(Intid intid) const {
            return is_private(intid) ? is_sgi(intid) || (vgic.hidden_ & bit_of(intid)) == 0
                                     : is_spi(intid) && contains(vgic.distributor_.spis(), intid);
        }
        u8 lpi_priority(Intid intid) const { return cpu.redistributor_.lpis().priority(intid); }
        /// All are in Group 1.
        bool forwards_lpis() const {
            return (vgic.distributor_.control().load(std::memory_order_relaxed) &
                    gicd_ctlr::EnableGrp1) != 0;
        }
    };
    Banks banks(Cpu& cpu) { return {*this, cpu}; }

    /// Whose frame an address is in; `cpu` is null in those of a CPU that Baton does not use.
    struct RedistributorAccess {
        Cpu* cpu;
        u64 typer;
        u32 offset;
    };
    std::optional<RedistributorAccess> find_redistributor(Cpu& cpu, PhysAddr address);
    std::optional<u32> find_its(PhysAddr address) const;

    u64 redistributor_read(Cpu& cpu, RedistributorAccess at, u32 size);
    void redistributor_write(Cpu& cpu, RedistributorAccess at, u32 size, u64 value);
    u32 bank_read(Cpu& cpu, Bank& bank, bool own, InterruptRegisterAt at, u32 size);
    void bank_write(Cpu& cpu, Bank& bank, bool own, InterruptRegisterAt at, u32 size, u32 value);
    void control_write(Cpu& cpu, u32 value);
    /// The guest turns the Distributor off: so a kernel begins that another one's kexec started.
    /// That other one left its LPIs on (Linux does), with tables in memory that may be the new
    /// kernel's by now. A real GIC would go on using them until the new kernel comes to them. So
    /// what is on goes off; what is only programmed stays, as on a real GIC, and all does while any
    /// other CPU is on: a kexec begins with one, and a kernel that runs may turn its Distributor
    /// off and on with LPIs in use.
    void abandon_lpis(Cpu& cpu);
    void lpi_control_write(Cpu& cpu, Cpu& target, u32 value);
    /// While no CPU of the guest writes to them, or with one that does.
    bool reset_lpis(Cpu& cpu) { return note_stuck_lpis(cpu, cpu.redistributor_.lpis().reset()); }
    /// Those that a lost CPU may hold, if there is one.
    void break_locks();
    bool note_stuck_lpis(Cpu& cpu, bool off) {
        if (!off) {
            has_stuck_lpis_.store(true, std::memory_order_relaxed);
        }
        cpu.interface_.forget_waiting_lpis(); // None is acknowledged any more.
        return off;
    }
    /// SGIs of `target` may have become deliverable.
    void present_sgis(Cpu& cpu, Cpu& target);
    /// False: `target` takes it in a group that the sender's register does not reach.
    bool leave_sgi(Cpu& target, Intid sgi, bool any_group);
    /// After an SGI was left for `target`, by whoever left it; after `target` has come to rest, by
    /// itself. Of the two atomics each of them writes one and then reads the other, all four
    /// accesses sequentially consistent: so one of them sees that a handover is to forget an SGI.
    void note_idle_sgis(Cpu& target) {
        if (target.rests_ && target.redistributor_.bank().has_sgis() &&
            !has_idle_sgis_.load(std::memory_order_relaxed)) {
            has_idle_sgis_.store(true, std::memory_order_relaxed);
        }
    }

    /// The CPU of an affinity, if it is the VM's.
    Cpu* find_cpu(Affinity affinity) {
        const auto id = gic_->by_affinity().find(affinity);
        return id ? cpus_[index(*id)] : nullptr;
    }
    bool has_all_cpus() const { return members_.size() == gic_->cpu_count(); }

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
    u32 its_count_ = 0;
    u32 lpi_id_bits_ = 0; ///< of the guest's INTIDs; 0: it has no LPIs
    /// A CPU that takes no part in a handover may have its LPIs on, or SGIs waiting for it. Gather
    /// sees what other CPUs stored here before they left the guest; for lost ones `fence` does it.
    std::atomic<bool> has_idle_lpis_{false};
    std::atomic<bool> has_idle_sgis_{false};
    std::atomic<bool> has_stuck_lpis_{false};
    Intid timer_{};             ///< as Gic's
    Intid maintenance_{};       ///< as Gic's
    u32 hidden_ = 0;            ///< as Gic's
    bool has_lost_cpu_ = false; ///< since the last gather: locks may be held for good
};

} // namespace baton::arm64::gic

#include "arch/arm64/vgic/basic_vgic_bring_up.hpp"
#include "arch/arm64/vgic/basic_vgic_interrupts.hpp"
#include "arch/arm64/vgic/basic_vgic_lpis.hpp"
#include "arch/arm64/vgic/basic_vgic_mmio.hpp"
