// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicr.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/gic/intid.hpp"
#include "hyp/address.hpp"

#include <atomic>

namespace baton::arm64::gic {

/// The LPI side of a Redistributor. The guest's tables are used by the hardware as they are; where
/// they lie is checked against the guest's memory when LPIs are enabled.
template <GicHardware Hardware>
class Lpis {
  public:
    using Frame = typename Hardware::template Mmio<Gicr32, Gicr64>;

    struct Tables {
        GuestRange config;  ///< GICR_PROPBASER's: a byte for each LPI
        GuestRange pending; ///< GICR_PENDBASER's: a bit for each INTID
    };

    /// @param id_bits of the guest's INTIDs; 0: it has no LPIs
    void attach(PhysAddr frame, u32 id_bits, u8 priority_mask) {
        frame_ = Frame{frame};
        id_bits_ = id_bits;
        priority_mask_ = priority_mask;
    }

    /// Off. Tables that were in use are shown to nobody; otherwise the registers are what they are
    /// in a cold machine, which the architecture does not say. False: LPIs stay on.
    bool bring_up() {
        written_ = enabled();
        if (!written_) {
            wanted_config_ = cold_config_ = frame_.read(Gicr64::PROPBASER);
            wanted_pending_ = cold_pending_ = frame_.read(Gicr64::PENDBASER);
        }
        return reset();
    }
    /// Off, on the CPU itself, and without the lock, which a lost CPU may hold: other CPUs may be
    /// writing here, so what they write is reset again when none runs any more. False: they stay
    /// on, and `tables` stay in use for good.
    bool stop() {
        const bool done = turn_off();
        if (done && written_.load(std::memory_order_relaxed)) {
            reset_tables();
        }
        return done;
    }
    /// As `bring_up` leaves it. False: as of `stop`.
    bool reset() {
        const Guard guard{lock_};
        if (!turn_off()) {
            return false;
        }
        if (written_.load(std::memory_order_relaxed)) {
            reset_tables();
            wanted_config_ = cold_config_;
            wanted_pending_ = cold_pending_;
            written_.store(lost_writer_, std::memory_order_relaxed);
        }
        return true;
    }
    /// Off, while other CPUs may be writing here; the tables' registers stay. False: as of `stop`.
    bool turn_off_at_once() {
        const Guard guard{lock_};
        return turn_off();
    }
    /// A CPU of the guest is lost, perhaps with the lock, and may yet write what it was about to.
    void break_lock() {
        lock_.reset();
        lost_writer_ = true;
        written_.store(true, std::memory_order_relaxed);
    }

    /// The guest has none from now on.
    void end() { id_bits_ = 0; }

    /// By the hardware, as any CPU may turn them on or off.
    bool enabled() const { return (frame_.read(Gicr32::CTLR) & gicr_ctlr::EnableLPIs) != 0; }
    /// They were to be turned off and are still on, or may be.
    bool are_stuck() const { return stuck_.load(std::memory_order_relaxed); }
    Tables tables() const {
        const u64 config = frame_.read(Gicr64::PROPBASER);
        return {.config = config_table(config),
                .pending = {{frame_.read(Gicr64::PENDBASER) & gicr_pendbaser::Physical_Address},
                            intids(config) / 8}};
    }

    /// As the guest has configured it, in the implemented bits.
    u8 priority(Intid lpi) const {
        const GuestRange table = config_table(config_.load(std::memory_order_relaxed));
        const u32 at = index(lpi) - index(first_lpi);
        return at < table.size ? Hardware::read_guest_byte(table.begin + at) & priority_mask_ : 0;
    }

    /// GICR_CTLR.DPG1NS: whether 1-of-N SPIs go elsewhere. Of the same register, so of one lock.
    void refuse_1_of_n(bool yes) {
        const Guard guard{lock_};
        change_control(gicr_ctlr::DPG1NS, yes);
    }

    // The guest's accesses. Without LPIs all is RAZ/WI.

    u32 read_control() const {
        return frame_.read(Gicr32::CTLR) &
               (gicr_ctlr::RWP | gicr_ctlr::UWP |
                (id_bits_ != 0 ? gicr_ctlr::EnableLPIs | gicr_ctlr::CES : 0));
    }
    /// LPIs go on or off; whether they can go off is the hardware's to say.
    void write_control(u32 value) {
        const Guard guard{lock_};
        const bool on = (value & gicr_ctlr::EnableLPIs) != 0;
        if (id_bits_ == 0 || on == enabled()) {
            return;
        }
        if (on) {
            const Tables in = tables();
            if (!Hardware::is_guest_memory(in.config) || !Hardware::is_guest_memory(in.pending)) {
                return Hardware::log_refusal("GICR_CTLR.EnableLPIs", in.config);
            }
            config_.store(frame_.read(Gicr64::PROPBASER), std::memory_order_relaxed);
        }
        change_control(gicr_ctlr::EnableLPIs, on);
    }
    u64 read_base(Gicr64 reg) const { return id_bits_ != 0 ? frame_.read(reg) : 0; }
    /// @param half 4 for the upper one, if `size` is 4
    void write_base(Gicr64 reg, u32 half, u32 size, u64 value) {
        const Guard guard{lock_};
        if (id_bits_ == 0 || enabled()) {
            return; // UNPREDICTABLE while they are on (12.11)
        }
        u64& wanted = reg == Gicr64::PROPBASER ? wanted_config_ : wanted_pending_;
        const u64 part = size == 8 ? ~u64{0} : u64{0xffff'ffff} << half * 8;
        wanted = (wanted & ~part) | (value << half * 8 & part);
        written_.store(true, std::memory_order_relaxed);
        u64 checked = wanted;
        GuestRange table{{wanted & gicr_pendbaser::Physical_Address}, (u64{1} << id_bits_) / 8};
        if (reg == Gicr64::PROPBASER) {
            const u64 bits = wanted & gicr_propbaser::IDbits;
            checked = (wanted & ~gicr_propbaser::IDbits) | (bits < id_bits_ ? bits : id_bits_ - 1);
            table = config_table(checked);
        }
        if (Hardware::is_guest_memory(table)) {
            frame_.write(reg, checked);
        } else if (size == 8) { // One half of two may make no sense.
            Hardware::log_refusal(reg == Gicr64::PROPBASER ? "GICR_PROPBASER" : "GICR_PENDBASER",
                                  table);
        }
    }

  private:
    using Lock = typename Hardware::Lock;
    using Guard = typename Lock::Guard;

    static u64 intids(u64 propbaser) {
        return u64{1} << ((propbaser & gicr_propbaser::IDbits) + 1);
    }
    /// Empty if there are too few INTIDs for LPIs.
    static GuestRange config_table(u64 propbaser) {
        const u64 count = intids(propbaser);
        return {{propbaser & gicr_propbaser::Physical_Address},
                count > index(first_lpi) ? count - index(first_lpi) : 0};
    }
    /// With the lock, but in `stop`.
    void change_control(u32 bit, bool set) {
        const u32 rest = frame_.read(Gicr32::CTLR) & ~bit;
        frame_.write(Gicr32::CTLR, rest | (set ? bit : 0));
    }
    /// What is pending has been written to the table, and no LPI is signalled any more, when RWP
    /// is clear. Where EnableLPIs can be set but once it reads as 1 then.
    bool turn_off() {
        if (!enabled()) {
            return !are_stuck();
        }
        change_control(gicr_ctlr::EnableLPIs, false);
        const bool done =
            Hardware::poll([this] { return (frame_.read(Gicr32::CTLR) & gicr_ctlr::RWP) == 0; });
        stuck_.store(!done || enabled(), std::memory_order_relaxed);
        return !are_stuck();
    }
    /// There are no LPIs that could use them.
    void reset_tables() {
        frame_.write(Gicr64::PROPBASER, cold_config_);
        frame_.write(Gicr64::PENDBASER, cold_pending_);
    }

    Frame frame_{};
    u32 id_bits_ = 0;
    u8 priority_mask_ = 0xff;
    /// Orders the writes of GICR_CTLR and of the tables' registers, whichever CPU makes them.
    Lock lock_;
    /// What GICR_PROPBASER was when LPIs were turned on: table and size in one word.
    std::atomic<u64> config_{0};
    std::atomic<bool> stuck_{false};
    /// The tables' registers, since the reset. Noted before it is done.
    std::atomic<bool> written_{false};
    bool lost_writer_ = false;
    u64 cold_config_ = 0, cold_pending_ = 0;
    /// What the guest wrote, which may come in halves.
    u64 wanted_config_ = 0, wanted_pending_ = 0;
};

} // namespace baton::arm64::gic
