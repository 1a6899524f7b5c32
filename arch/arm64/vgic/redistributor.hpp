// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicd.hpp"
#include "arch/arm64/gic/gicr.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/vgic/interrupt_bank.hpp"
#include "arch/arm64/vgic/lpis.hpp"
#include "hyp/address.hpp"
#include "hyp/result.hpp"

namespace baton::arm64::gic {

/// One CPU's Redistributor: its SGIs, PPIs, LPIs and power state. The guest sees GICR_WAKER as
/// software keeps it: the physical one stays awake as long as Baton owns the CPU.
template <GicHardware Hardware>
class Redistributor {
  public:
    using Bank = InterruptBank<Hardware>;
    using Frame = typename Hardware::template Mmio<Gicr32, Gicr64>;

    /// @param own Baton's own SGI and PPIs, hidden from the guest
    /// @param lpi_id_bits 0: the guest has no LPIs
    void attach(PhysAddr frame, u32 own, u8 priority_mask, const std::atomic<u32>& control,
                u32 lpi_id_bits = 0) {
        frame_ = Frame{frame};
        // The kick's number is the guest's all the same: its SGIs have no physical counterpart.
        guest_ = ~own | sgi_bits;
        priority_mask_ = priority_mask;
        control_ = &control;
        physical_bank_.init(frame + gicr_sgi_base, 0);
        bank_.init(physical_bank_, guest_, priority_mask, control); // others may look at it
        offers_lpis_ = lpi_id_bits != 0;
        lpis_.attach(frame, lpi_id_bits, priority_mask);
    }

    /// On the CPU itself: awake, everything reset, Baton's own interrupts enabled.
    /// @param enabled those of `own` that are in use
    /// Errors: unsupported (LPIs are on and cannot be turned off: their tables may lie anywhere in
    /// memory), timed_out (it does not wake, or a write stays pending).
    Result<> bring_up(u32 enabled) {
        control_at_entry_ = frame_.read(Gicr32::CTLR);
        waker_at_entry_ = frame_.read(Gicr32::WAKER);
        if (!wake()) {
            return std::unexpected(Error::timed_out);
        }
        if (!lpis_.bring_up()) {
            return std::unexpected(Error::unsupported);
        }
        physical_bank_.begin_bring_up();
        if (!writes_done()) {
            return std::unexpected(Error::timed_out);
        }
        priority_bits_ = physical_bank_.probe_priority_bits();
        physical_bank_.finish_bring_up(enabled);
        bank_.init(physical_bank_, guest_, priority_mask_, *control_);
        forget_waker();
        return {};
    }

    /// The guest's SGIs and PPIs as after a cold boot; Baton's own stay. Once no CPU of the old
    /// kernel can send it SGIs. False: the hardware has not taken a write in time.
    bool reset() {
        const bool done = bank_.reset([this] { return writes_done(); });
        forget_waker();
        return done;
    }
    /// A CPU of the guest is lost, perhaps with a lock.
    void break_locks() {
        bank_.break_lock();
        lpis_.break_lock();
    }

    /// As `bring_up` found it, with no interrupt enabled. On the CPU itself, when its interface
    /// signals nothing any more.
    void give_back() {
        physical_bank_.give_back();
        (void)writes_done();
        frame_.write(Gicr32::CTLR, control_at_entry_ & ~gicr_ctlr::EnableLPIs);
    }

    /// If `bring_up` found it so. From here on the CPU interface is not touched (11.1).
    void sleep_again() {
        if ((waker_at_entry_ & gicr_waker::ProcessorSleep) != 0) {
            frame_.write(Gicr32::WAKER, frame_.read(Gicr32::WAKER) | gicr_waker::ProcessorSleep);
            (void)Hardware::poll(
                [this] { return (frame_.read(Gicr32::WAKER) & gicr_waker::ChildrenAsleep) != 0; });
        }
    }

    /// Whether 1-of-N SPIs may be sent to this CPU. Without effect where GICR_TYPER.DPGS is 0.
    void take_part_in_1_of_n(bool yes) { lpis_.refuse_1_of_n(!yes); }

    Bank& bank() { return bank_; }
    Lpis<Hardware>& lpis() { return lpis_; }
    /// The guest has none from now on.
    void withdraw_lpis() {
        offers_lpis_ = false;
        lpis_.withdraw();
    }
    /// The implemented bits of a physical priority.
    u8 priority_bits() const { return priority_bits_; }

    /// Registers of RD_base. Others, and those that are not there, are RAZ.
    u32 read32(u32 offset) const {
        switch (Gicr32{offset}) {
        case Gicr32::CTLR:
            return lpis_.read_control();
        case Gicr32::IIDR:
            return frame_.read(Gicr32::IIDR);
        case Gicr32::WAKER:
            return waker_.load(std::memory_order_relaxed);
        case Gicr32::TYPER_HIGH:
            return static_cast<u32>(typer() >> 32);
        case Gicr32::PIDR2:
            return (frame_.read(Gicr32::PIDR2) & ~gic_pidr2::ArchRev) | gic_pidr2::ArchRev_GICv3;
        default:
            break;
        }
        if (offset == static_cast<u32>(Gicr64::TYPER)) {
            return static_cast<u32>(typer());
        }
        if (is_base(offset)) {
            return static_cast<u32>(lpis_.read_base(Gicr64{offset & ~7U}) >> offset % 8 * 8);
        }
        return offset >= static_cast<u32>(Gicr32::PIDR4) ? frame_.read(Gicr32{offset}) : 0;
    }
    u64 read64(u32 offset) const {
        return is_base(offset)                             ? lpis_.read_base(Gicr64{offset})
               : offset == static_cast<u32>(Gicr64::TYPER) ? typer()
                                                           : 0;
    }
    /// GICR_CTLR is `lpis`'s.
    void write32(u32 offset, u32 value) {
        if (Gicr32{offset} == Gicr32::WAKER) {
            const bool asleep = (value & gicr_waker::ProcessorSleep) != 0;
            waker_.store(asleep ? asleep_ : 0, std::memory_order_relaxed);
        } else if (is_base(offset)) {
            lpis_.write_base(Gicr64{offset & ~7U}, offset % 8, 4, value);
        }
    }
    void write64(u32 offset, u64 value) {
        if (is_base(offset)) {
            lpis_.write_base(Gicr64{offset}, 0, 8, value);
        }
    }

    /// What the guest may know of GICR_TYPER. VLPIS says that four frames follow each other instead
    /// of two, so it stays though the guest has no virtual LPIs.
    static constexpr u64 visible_typer(u64 typer, bool lpis) {
        return typer & (gicr_typer::VLPIS | gicr_typer::Last | gicr_typer::Processor_Number |
                        gicr_typer::Affinity_Value | (lpis ? gicr_typer::PLPIS : 0));
    }

  private:
    static constexpr u32 asleep_ = gicr_waker::ProcessorSleep | gicr_waker::ChildrenAsleep;

    u64 typer() const { return visible_typer(frame_.read(Gicr64::TYPER), offers_lpis_); }
    static constexpr bool is_base(u32 offset) {
        return offset >= static_cast<u32>(Gicr64::PROPBASER) &&
               offset < static_cast<u32>(Gicr64::PENDBASER) + 8;
    }

    bool writes_done() {
        return Hardware::poll([this] { return (frame_.read(Gicr32::CTLR) & gicr_ctlr::RWP) == 0; });
    }
    /// GICR_WAKER is the firmware's in a system with two security states: then it reads as zero,
    /// which is awake. ProcessorSleep may change only while ChildrenAsleep says the same (12.11).
    bool wake() {
        const u32 waker = frame_.read(Gicr32::WAKER);
        if ((waker & asleep_) == 0) {
            return true;
        }
        frame_.write(Gicr32::WAKER, waker & ~gicr_waker::ProcessorSleep);
        return Hardware::poll(
            [this] { return (frame_.read(Gicr32::WAKER) & gicr_waker::ChildrenAsleep) == 0; });
    }
    void forget_waker() { waker_.store(waker_at_entry_ & asleep_, std::memory_order_relaxed); }

    Frame frame_{};
    u32 control_at_entry_ = 0;
    u32 waker_at_entry_ = 0;
    u32 guest_ = 0;
    u8 priority_mask_ = 0;
    const std::atomic<u32>* control_ = nullptr;
    PhysicalBank<Hardware> physical_bank_;
    Bank bank_;
    Lpis<Hardware> lpis_;
    bool offers_lpis_ = false;
    u8 priority_bits_ = 0xff;
    std::atomic<u32> waker_{asleep_};
};

} // namespace baton::arm64::gic
