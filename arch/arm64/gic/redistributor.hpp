// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicr.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/gic/physical_bank.hpp"
#include "hyp/address.hpp"
#include "hyp/result.hpp"

namespace baton::arm64::gic {

/// One CPU's Redistributor: its SGIs and PPIs, and its power state. It stays awake as long as Baton
/// has the CPU. All but `attach` on the CPU itself, in this order.
template <GicHardware Hardware>
class Redistributor {
  public:
    using Frame = typename Hardware::template Mmio<Gicr32, Gicr64>;
    using Bank = PhysicalBank<Hardware>;

    void attach(PhysAddr frame) {
        frame_ = Frame{frame};
        bank_.init(frame + gicr_sgi_base, 0);
    }
    /// False: it does not wake.
    [[nodiscard]] bool wake_up() {
        control_at_entry_ = frame_.read(Gicr32::CTLR);
        waker_at_entry_ = frame_.read(Gicr32::WAKER);
        return wake();
    }
    /// Everything disabled and idle but Baton's own interrupts.
    /// @param enabled those of Baton's own that are in use
    /// @return false: a write stays pending
    [[nodiscard]] bool reset_interrupts(u32 enabled) {
        bank_.begin_bring_up();
        if (!writes_done()) {
            return false;
        }
        priority_bits_ = bank_.probe_priority_bits();
        bank_.finish_bring_up(enabled);
        return true;
    }

    /// As `wake_up` found it, with no interrupt enabled, when its CPU interface signals nothing any
    /// more.
    void restore() {
        bank_.restore();
        (void)writes_done();
        frame_.write(Gicr32::CTLR, control_at_entry_ & ~gicr_ctlr::EnableLPIs);
    }
    /// If `wake_up` found it so. From here on the CPU interface is not touched (11.1).
    void sleep_again() {
        if ((waker_at_entry_ & gicr_waker::ProcessorSleep) != 0) {
            frame_.write(Gicr32::WAKER, frame_.read(Gicr32::WAKER) | gicr_waker::ProcessorSleep);
            (void)Hardware::poll(
                [this] { return (frame_.read(Gicr32::WAKER) & gicr_waker::ChildrenAsleep) != 0; });
        }
    }

    const Frame& frame() const { return frame_; }
    Bank& bank() { return bank_; }
    /// The implemented bits of a physical priority.
    u8 priority_bits() const { return priority_bits_; }
    u32 waker_at_entry() const { return waker_at_entry_ & asleep; }
    bool writes_done() {
        return Hardware::poll([this] { return (frame_.read(Gicr32::CTLR) & gicr_ctlr::RWP) == 0; });
    }

    /// GICR_WAKER of one that sleeps.
    static constexpr u32 asleep = gicr_waker::ProcessorSleep | gicr_waker::ChildrenAsleep;

  private:
    /// GICR_WAKER is the firmware's in a system with two security states: then it reads as zero,
    /// which is awake. ProcessorSleep may change only while ChildrenAsleep says the same (12.11).
    bool wake() {
        const u32 waker = frame_.read(Gicr32::WAKER);
        if ((waker & asleep) == 0) {
            return true;
        }
        frame_.write(Gicr32::WAKER, waker & ~gicr_waker::ProcessorSleep);
        return Hardware::poll(
            [this] { return (frame_.read(Gicr32::WAKER) & gicr_waker::ChildrenAsleep) == 0; });
    }

    Frame frame_{};
    u32 control_at_entry_ = 0;
    u32 waker_at_entry_ = 0;
    Bank bank_;
    u8 priority_bits_ = 0xff;
};

} // namespace baton::arm64::gic
