// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicd.hpp"
#include "arch/arm64/gic/redistributor.hpp"
#include "arch/arm64/vgic/interrupt_bank.hpp"
#include "arch/arm64/vgic/lpis.hpp"

namespace baton::arm64::gic {

/// A CPU's Redistributor as its VM sees it: the CPU's SGIs, PPIs and LPIs, and GICR_WAKER as
/// software keeps it, for the physical one stays awake.
template <GicHardware Hardware>
class VirtualRedistributor {
  public:
    using Bank = InterruptBank<Hardware>;

    /// @param own Baton's own SGI and PPIs, hidden from the guest
    /// @param lpi_id_bits 0: the guest has no LPIs
    void attach(PhysAddr frame, u32 own, u8 priority_mask, const std::atomic<u32>& control,
                u32 lpi_id_bits = 0) {
        physical_.attach(frame);
        // The kick's number is the guest's all the same: its SGIs have no physical counterpart.
        guest_ = ~own | sgi_bits;
        priority_mask_ = priority_mask;
        control_ = &control;
        bank_.init(physical_.bank(), guest_, priority_mask, control); // others may look at it
        offers_lpis_ = lpi_id_bits != 0;
        lpis_.attach(frame, lpi_id_bits, priority_mask);
    }

    /// On the CPU itself: awake, everything reset, Baton's own interrupts enabled.
    /// @param enabled those of `own` that are in use
    /// Errors: unsupported (LPIs are on and cannot be turned off: their tables may lie anywhere in
    /// memory), timed_out (it does not wake, or a write stays pending).
    Result<> bring_up(u32 enabled) {
        if (!physical_.wake_up()) {
            return std::unexpected(Error::timed_out);
        }
        if (!lpis_.bring_up()) {
            return std::unexpected(Error::unsupported);
        }
        if (!physical_.reset_interrupts(enabled)) {
            return std::unexpected(Error::timed_out);
        }
        bank_.init(physical_.bank(), guest_, priority_mask_, *control_);
        reset_waker();
        return {};
    }

    /// The guest's SGIs and PPIs as after a cold boot; Baton's own stay. Once no CPU of the old
    /// kernel can send it SGIs. False: the hardware has not taken a write in time.
    bool reset() {
        const bool done = bank_.reset([this] { return physical_.writes_done(); });
        reset_waker();
        return done;
    }
    /// A CPU of the guest is lost, perhaps with a lock.
    void break_locks() {
        bank_.break_lock();
        lpis_.break_lock();
    }

    /// Whether 1-of-N SPIs may be sent to this CPU. Without effect where GICR_TYPER.DPGS is 0.
    void take_part_in_1_of_n(bool yes) { lpis_.refuse_1_of_n(!yes); }

    Redistributor<Hardware>& physical() { return physical_; }
    Bank& bank() { return bank_; }
    Lpis<Hardware>& lpis() { return lpis_; }
    /// The guest has none from now on.
    void end_lpis() {
        offers_lpis_ = false;
        lpis_.end();
    }

    // Accesses to RD_base, aligned to their sizes. What is not there is RAZ/WI. GICR_CTLR's write
    // is `lpis`'s.

    u64 read(u32 offset, u32 size) const {
        return size == 4 ? read32(offset) : size == 8 ? read64(offset) : 0;
    }
    void write(u32 offset, u32 size, u64 value) {
        if (size == 4 && Gicr32{offset} == Gicr32::WAKER) {
            const bool sleeps = (value & gicr_waker::ProcessorSleep) != 0;
            waker_.store(sleeps ? Redistributor<Hardware>::asleep : 0, std::memory_order_relaxed);
        } else if ((size == 4 || size == 8) && is_base(offset)) {
            lpis_.write_base(Gicr64{offset & ~7U}, offset % 8, size, value);
        }
    }
    /// Of another VM's CPU, or one that Baton does not use: what kernels need to walk past it.
    static u64 read_foreign(u64 typer, bool lpis, u32 offset, u32 size) {
        if (size == 4 && Gicr32{offset} == Gicr32::PIDR2) {
            return gic_pidr2::ArchRev_GICv3;
        }
        const u32 shift = offset == static_cast<u32>(Gicr32::TYPER_HIGH) ? 32 : 0;
        return offset - shift / 8 == static_cast<u32>(Gicr64::TYPER) && size >= 4
                   ? visible_typer(typer, lpis) >> shift
                   : 0;
    }

  private:
    /// What the guest may know of GICR_TYPER. VLPIS says that four frames follow each other instead
    /// of two, so it stays though the guest has no virtual LPIs.
    static constexpr u64 visible_typer(u64 typer, bool lpis) {
        return typer & (gicr_typer::VLPIS | gicr_typer::Last | gicr_typer::Processor_Number |
                        gicr_typer::Affinity_Value | (lpis ? gicr_typer::PLPIS : 0));
    }
    u64 typer() const { return visible_typer(frame().read(Gicr64::TYPER), offers_lpis_); }
    const auto& frame() const { return physical_.frame(); }
    static constexpr bool is_base(u32 offset) {
        return offset >= static_cast<u32>(Gicr64::PROPBASER) &&
               offset < static_cast<u32>(Gicr64::PENDBASER) + 8;
    }

    u32 read32(u32 offset) const {
        switch (Gicr32{offset}) {
        case Gicr32::CTLR:
            return lpis_.read_control();
        case Gicr32::IIDR:
            return frame().read(Gicr32::IIDR);
        case Gicr32::WAKER:
            return waker_.load(std::memory_order_relaxed);
        case Gicr32::TYPER_HIGH:
            return static_cast<u32>(typer() >> 32);
        case Gicr32::PIDR2:
            return (frame().read(Gicr32::PIDR2) & ~gic_pidr2::ArchRev) | gic_pidr2::ArchRev_GICv3;
        default:
            break;
        }
        if (offset == static_cast<u32>(Gicr64::TYPER)) {
            return static_cast<u32>(typer());
        }
        if (is_base(offset)) {
            return static_cast<u32>(lpis_.read_base(Gicr64{offset & ~7U}) >> offset % 8 * 8);
        }
        return offset >= static_cast<u32>(Gicr32::PIDR4) ? frame().read(Gicr32{offset}) : 0;
    }
    u64 read64(u32 offset) const {
        return is_base(offset)                             ? lpis_.read_base(Gicr64{offset})
               : offset == static_cast<u32>(Gicr64::TYPER) ? typer()
                                                           : 0;
    }
    void reset_waker() { waker_.store(physical_.waker_at_entry(), std::memory_order_relaxed); }

    Redistributor<Hardware> physical_;
    u32 guest_ = 0;
    u8 priority_mask_ = 0;
    const std::atomic<u32>* control_ = nullptr;
    Bank bank_;
    Lpis<Hardware> lpis_;
    bool offers_lpis_ = false;
    std::atomic<u32> waker_{Redistributor<Hardware>::asleep};
};

} // namespace baton::arm64::gic
