// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicd.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/gic/interrupt_registers.hpp"
#include "arch/arm64/gic/intid.hpp"
#include "arch/arm64/gic/physical_bank.hpp"
#include "arch/arm64/vgic/bank_priorities.hpp"
#include "arch/arm64/vgic/held_interrupts.hpp"
#include "hyp/types.hpp"

#include <atomic>

namespace baton::arm64::gic {

/// 32 interrupts as the guest sees them: the SGIs and PPIs of one CPU, or 32 SPIs.
///
/// The physical registers keep whether a PPI or an SPI is pending or active. Kept here: groups
/// (physically all are Group 1), the guest's full priorities, and what it enabled (physically only
/// while GICD_CTLR forwards the group). SGIs are kept here altogether.
///
/// Any CPU may call any member but those for bring-up and reset. Reads take no lock.
template <GicHardware Hardware>
class InterruptBank {
  public:
    /// After the physical bank's bring-up: the guest's interrupts are idle there.
    /// @param guest the interrupts that are the guest's; the others are RAZ/WI for it
    /// @param control what the guest wrote to GICD_CTLR
    void init(PhysicalBank<Hardware>& physical, u32 guest, u8 priority_mask,
              const std::atomic<u32>& control) {
        physical_ = &physical;
        registers_ = physical.registers();
        number_ = physical.number();
        software_ = number_ == 0 ? sgi_bits & guest : 0;
        hardware_ = guest & ~software_;
        guest_ = guest;
        control_ = &control;
        group1_at_boot_ = physical.group1_at_boot() & guest;
        edges_at_boot_ = (physical.edges_at_boot() & ~software()) | software();
        priorities_.init(physical, guest, hardware_, priority_mask);
        reset_state();
    }

    /// The guest's interrupts as after a cold boot: disabled, idle, with the priority, the group
    /// and the configuration that they had: the architecture leaves those to the implementation.
    /// While no other CPU uses the bank. The frame's RWP is to be awaited between the two halves.
    void begin_reset() {
        enabled_.store(0, std::memory_order_relaxed);
        write_if_any(InterruptRegister::ICENABLER, hardware());
    }
    [[gnu::always_inline]] void finish_reset() {
        if (is_configured_) {
            reset_configuration();
        }
        clear_physical_state();
        reset_state();
    }
    /// The same while other CPUs may be writing to it.
    /// @param writes_done awaits the frame's RWP. False: not in time
    template <class Wait>
    bool reset(Wait writes_done) {
        const Guard guard{lock_};
        begin_reset();
        // A PPI is withdrawn from the CPU interface only when its disabling has taken effect.
        const bool done = writes_done();
        finish_reset();
        return done;
    }
    /// A CPU of the guest is lost, perhaps with the lock, and may yet write what it was about to:
    /// what the hardware has is not known any more.
    void break_lock() {
        lock_.reset();
        lost_writer_ = true;
        is_configured_ = true;
        priorities_.distrust_hardware();
    }

    u32 number() const { return number_; }

    // What the virtual interface asks and tells of single interrupts.

    u8 priority(Intid intid) const { return priorities_.byte(index(intid) % 32); }
    bool is_group1(Intid intid) const { return (group1() & bit_of(intid)) != 0; }
    bool is_forwarded(Intid intid) const { return (forwarded() & bit_of(intid)) != 0; }

    /// The interrupt was acknowledged: was it pending by itself (an edge, or set pending by
    /// software) and not for its line alone?
    bool take_latch(Intid intid) {
        const u32 bit = bit_of(intid);
        if ((latched_.load(std::memory_order_relaxed) & bit) != 0) {
            latched_.fetch_and(~bit, std::memory_order_relaxed);
            return true;
        }
        return (edge_.load(std::memory_order_relaxed) & bit) != 0;
    }
    /// Makes an acknowledged interrupt pending again. One that was so for its line alone needs no
    /// help: the line pends it, or has dropped and there is nothing to tell any more.
    void pend_again(Intid intid, bool latched) {
        const u32 bit = bit_of(intid);
        if ((software() & bit) != 0) {
            pending_.fetch_or(bit, std::memory_order_relaxed);
        } else if (latched) {
            pend_physical(bit);
        }
    }

    // SGIs, which software alone keeps.

    /// @return the SGI reached the CPU: `any_group`, or it is in Group 0
    bool send(Intid intid, bool any_group) {
        if (!any_group && is_group1(intid)) {
            return false;
        }
        pending_.fetch_or(bit_of(intid)); // As has_sgis, sequentially consistent: note_idle_sgis.
        return true;
    }
    bool has_sgis() const { return pending_.load() != 0; }
    /// Those that can be presented to the CPU.
    u32 deliverable() const {
        return pending_.load(std::memory_order_relaxed) & enabled() & forwarded();
    }
    void clear_sgis() { pending_.store(0, std::memory_order_relaxed); }
    bool take(Intid intid) {
        const u32 bit = bit_of(intid);
        return (pending_.fetch_and(~bit, std::memory_order_relaxed) & bit) != 0;
    }

    // The guest's accesses. `held` is empty for another CPU's bank: what sits in its list registers
    // cannot be seen from here and reads as active until that CPU has handled it.

    u32 read(InterruptRegisterAt at, HeldInterrupts held) const;
    u8 read_priority(u32 byte) const { return priorities_.byte(byte); }

    void set_group1(u32 bits);
    void enable(u32 bits);
    void disable(u32 bits);
    /// GICD_CTLR has changed: makes the physical enables follow.
    void forward() {
        const Guard guard{lock_};
        forward_locked();
    }
    void set_pending(u32 bits, HeldInterrupts held);
    void clear_pending(u32 bits);
    void set_active(u32 bits) { write_if_any(InterruptRegister::ISACTIVER, bits & hardware()); }
    void clear_active(u32 bits, HeldInterrupts held);
    /// @param byte 0 or 4: the lower or the upper 16 interrupts
    void set_config(u32 byte, u32 value);
    /// @param size 1 or 4 bytes
    void set_priorities(u32 byte, u32 size, u32 value);

  private:
    using Lock = typename Hardware::Lock;
    using Guard = typename Lock::Guard;

    u32 software() const { return software_; }
    u32 hardware() const { return hardware_; }
    u32 enabled() const { return enabled_.load(std::memory_order_relaxed); }
    u32 group1() const { return group1_.load(std::memory_order_relaxed); }
    /// Those whose group the Distributor forwards.
    u32 forwarded() const {
        const u32 control = control_->load(std::memory_order_relaxed);
        return ((control & gicd_ctlr::EnableGrp1) != 0 ? group1() : 0) |
               ((control & gicd_ctlr::EnableGrp0) != 0 ? ~group1() : 0);
    }
    void forward_locked() {
        const u32 physical = enabled() & hardware();
        write_if_any(InterruptRegister::ICENABLER, physical & ~forwarded());
        write_if_any(InterruptRegister::ISENABLER, physical & forwarded());
    }

    void pend_physical(u32 bits) {
        if (bits == 0) {
            return;
        }
        latched_.fetch_or(bits & ~edge_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        // Whoever acknowledges the interrupt is to see that it was latched.
        Hardware::publish();
        write(InterruptRegister::ISPENDR, bits);
    }
    void clear_physical_state() {
        const auto registers = registers_; // the compiler keeps no member over a write
        const u64 word = u64{number_} * 4;
        const u32 bits = hardware();
        registers.write(InterruptRegister::ICACTIVER, bits, word);
        registers.write(InterruptRegister::ICPENDR, bits, word);
    }
    /// What is kept here, as after a cold boot.
    void reset_state() {
        enabled_.store(0, std::memory_order_relaxed);
        group1_.store(group1_at_boot_, std::memory_order_relaxed);
        edge_.store(edges_at_boot_, std::memory_order_relaxed);
        latched_.store(0, std::memory_order_relaxed);
        clear_sgis();
        priorities_.reset();
    }
    // Not inlined: few banks need it, and all pay for the registers that it takes.
    [[gnu::noinline]] void reset_configuration() {
        physical_->restore_edges(hardware());
        is_configured_ = lost_writer_;
    }

    void write(InterruptRegister reg, u32 value) { registers_.write(reg, value, u64{number_} * 4); }
    void write_if_any(InterruptRegister reg, u32 value) {
        if (value != 0) {
            write(reg, value);
        }
    }

    PhysicalBank<Hardware>* physical_ = nullptr;
    typename PhysicalBank<Hardware>::Registers registers_{};
    const std::atomic<u32>* control_ = nullptr;
    u32 number_ = 0;
    u32 guest_ = 0;
    u32 software_ = 0, hardware_ = 0; ///< of `guest_`: SGIs, and those of the physical registers
    u32 edges_at_boot_ = 0;
    u32 group1_at_boot_ = 0;
    /// Orders changes of the guest's configuration with the physical writes that follow from them.
    Lock lock_;
    bool is_configured_ = false; ///< ICFGR was written, since the reset. Noted before it is done
    bool lost_writer_ = false;

    std::atomic<u32> enabled_{0};
    std::atomic<u32> group1_{0};
    std::atomic<u32> edge_{0};
    std::atomic<u32> latched_{0}; ///< level-sensitive ones that software set pending
    std::atomic<u32> pending_{0}; ///< SGIs
    BankPriorities<Hardware> priorities_;
};

} // namespace baton::arm64::gic

#include "arch/arm64/vgic/interrupt_bank_registers.hpp"
