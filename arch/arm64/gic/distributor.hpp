// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicd.hpp"
#include "arch/arm64/gic/interrupt_bank.hpp"
#include "arch/arm64/gic/sgi_request.hpp"
#include "hyp/address.hpp"
#include "hyp/result.hpp"

#include <algorithm>
#include <bit>

namespace baton::arm64::gic {

/// The Distributor: all SPIs are the guest's. It is always on; what the guest writes to GICD_CTLR
/// is kept here and decides which physical enables are set. The guest sees one security state with
/// affinity routing, and neither message-based nor extended SPIs.
template <class Machine>
class Distributor {
  public:
    using Bank = InterruptBank<Machine>;

    /// Off, every SPI reset and routed to this CPU, on. On one CPU, before any other CPU's
    /// bring-up.
    /// @param boot_cpu its packed affinity
    /// @param priority_mask the implemented bits of a virtual priority
    /// Errors: unsupported (no GICv3), timed_out (a write stays pending in the hardware).
    Result<> bring_up(PhysRange frame, u32 boot_cpu, u8 priority_mask) {
        range_ = frame;
        frame_ = Frame{frame.begin};
        const u32 revision = frame_.read(Gicd32::PIDR2) & gic_pidr2::ArchRev;
        if (frame.size < gicd_size || revision < gic_pidr2::ArchRev_GICv3) {
            return std::unexpected(Error::unsupported);
        }
        typer_ = frame_.read(Gicd32::TYPER);
        spi_end_ = std::min(((typer_ & gicd_typer::ITLinesNumber) + 1) * 32, first_special_intid);

        control_at_entry_ = frame_.read(Gicd32::CTLR);
        // ARE may change only while both groups are off (12.9.4).
        const u32 off = frame_.read(Gicd32::CTLR) & ~all_groups;
        frame_.write(Gicd32::CTLR, off);
        if (!writes_done()) {
            return std::unexpected(Error::timed_out);
        }
        frame_.write(Gicd32::CTLR, off | gicd_ctlr::ARE);
        for (u32 n = 1; n < used_banks(); n++) {
            bank(n).init(typename Bank::Registers{frame.begin}, n, spis_of_bank(n), priority_mask,
                         control_);
            bank(n).begin_bring_up();
        }
        if (!writes_done()) {
            return std::unexpected(Error::timed_out);
        }
        for (u32 n = 1; n < used_banks(); n++) {
            bank(n).finish_bring_up(0);
        }
        for (u32 n = 1; n < used_banks(); n++) {
            route(n, spis_of_bank(n), boot_cpu);
        }
        home_ = boot_cpu;
        control_.store(0, std::memory_order_relaxed);
        frame_.write(Gicd32::CTLR, off | gicd_ctlr::ARE | gicd_ctlr::EnableGrp1);
        return writes_done() ? Result<>{} : std::unexpected(Error::timed_out);
    }

    /// Every SPI disabled, idle, with default configuration. While no other CPU uses the
    /// Distributor. False: the hardware has not taken a write in time.
    bool reset() {
        control_.store(0, std::memory_order_relaxed);
        for (u32 n = 1; n < used_banks(); n++) {
            bank(n).begin_reset();
        }
        // Disabled interrupts are withdrawn from CPU interfaces only now: none is acknowledged
        // between the clearing of its state and the next kernel.
        const bool done = writes_done();
        for (u32 n = 1; n < used_banks(); n++) {
            bank(n).finish_reset();
        }
        return done;
    }
    /// A CPU of the guest is lost, perhaps with a lock.
    void break_locks() {
        routes_lock_.reset();
        for (u32 n = 1; n < used_banks(); n++) {
            bank(n).break_lock();
            away_[n - 1] = spis_of_bank(n);
        }
    }
    /// Every SPI to `cpu`, also those that the next kernel never routes: what GICD_IROUTER is in a
    /// cold machine the architecture does not say, and it may name a CPU that is lost. After
    /// `reset`.
    void route_all(u32 cpu) {
        for (u32 n = 1; n < used_banks(); n++) {
            const u32 moved = away_[n - 1].exchange(0, std::memory_order_relaxed);
            route(n, cpu == home_ ? moved : spis_of_bank(n), cpu);
        }
        home_ = cpu;
    }

    /// As `bring_up` found it, with no interrupt enabled, all routed to where they are. When no
    /// CPU uses it any more but this one.
    void give_back() {
        frame_.write(Gicd32::CTLR, frame_.read(Gicd32::CTLR) & ~all_groups);
        (void)writes_done();
        for (u32 n = 1; n < used_banks(); n++) {
            bank(n).give_back();
        }
        (void)writes_done();
        // ARE stays: it must not go from 1 to 0 (12.9.4).
        frame_.write(Gicd32::CTLR, control_at_entry_ | gicd_ctlr::ARE);
    }

    PhysRange range() const { return range_; }
    u32 used_banks() const { return bank_of(spi_end_ + 31); }
    /// @param n 1 to used_banks() - 1
    Bank& bank(u32 n) { return banks_[n - 1]; }
    /// GICD_CTLR.DS; false as well to Non-secure software in a system with two.
    bool has_one_security_state() const { return (frame_.read(Gicd32::CTLR) & gicd_ctlr::DS) != 0; }
    bool has_range_selector() const { return (typer_ & gicd_typer::RSS) != 0; }

    /// For a guest with LPIs, of INTIDs. 0: the GIC has none.
    u32 lpi_id_bits() const {
        const u32 bits = ((typer_ & gicd_typer::IDbits) >> id_bits_low) + 1;
        return (typer_ & gicd_typer::LPIS) != 0 ? std::min(bits, most_id_bits) : 0;
    }
    void offer_lpis(bool offered) { offers_lpis_ = offered; }

    const std::atomic<u32>& control() const { return control_; }
    /// The guest's GICD_CTLR. SPIs follow at once; the caller looks after the CPUs' own interrupts.
    /// @return the groups that were forwarded before
    u32 set_control(u32 value) {
        const u32 groups = value & all_groups;
        const u32 old = control_.exchange(groups, std::memory_order_relaxed);
        if (old != groups) {
            for (u32 n = 1; n < used_banks(); n++) {
                bank(n).forward();
            }
        }
        return old;
    }

    /// Registers that are not of a bank. Others, and those that are not there, are RAZ.
    u32 read32(u32 offset) const {
        switch (Gicd32{offset}) {
        case Gicd32::CTLR:
            return control_.load(std::memory_order_relaxed) | gicd_ctlr::ARE | gicd_ctlr::DS |
                   (frame_.read(Gicd32::CTLR) & gicd_ctlr::RWP);
        case Gicd32::TYPER:
            return visible_typer();
        case Gicd32::IIDR:
            return frame_.read(Gicd32::IIDR);
        case Gicd32::PIDR2:
            return (frame_.read(Gicd32::PIDR2) & ~gic_pidr2::ArchRev) | gic_pidr2::ArchRev_GICv3;
        default:
            break;
        }
        if (offset >= static_cast<u32>(Gicd32::PIDR4)) {
            return frame_.read(Gicd32{offset});
        }
        return is_route(offset) ? frame_.read(Gicd32{offset}) : 0;
    }
    /// Half of a route; all others are WI.
    void write32(u32 offset, u32 value) {
        if (is_route(offset)) {
            const Guard guard{routes_lock_};
            note_route(offset, false);
            frame_.write(Gicd32{offset}, value & static_cast<u32>(route_bits >> (offset % 8 * 8)));
        }
    }
    u64 read64(u32 offset) const { return is_route(offset) ? frame_.read(Gicd64{offset}) : 0; }
    void write64(u32 offset, u64 value) {
        if (is_route(offset)) {
            const Guard guard{routes_lock_};
            note_route(offset, (value & route_bits) == router_affinity(home_));
            frame_.write(Gicd64{offset}, value & route_bits);
        }
    }

  private:
    using Frame = typename Machine::template Mmio<Gicd32, Gicd64>;
    using Lock = typename Machine::Lock;
    using Guard = typename Lock::Guard;

    static constexpr u32 all_groups = gicd_ctlr::EnableGrp0 | gicd_ctlr::EnableGrp1;
    /// GICD_IROUTER: Aff3, Interrupt_Routing_Mode (1 of N), Aff2 to Aff0.
    static constexpr u64 route_bits = 0xff'80ff'ffff;

    static constexpr u32 id_bits_low = 19;

    u32 visible_typer() const {
        const u32 plain = typer_ & (gicd_typer::ITLinesNumber | gicd_typer::CPUNumber |
                                    gicd_typer::A3V | gicd_typer::No1N | gicd_typer::RSS);
        if (!offers_lpis_) {
            return plain | (typer_ & gicd_typer::IDbits);
        }
        return plain | (typer_ & (gicd_typer::LPIS | gicd_typer::num_LPIs)) |
               (lpi_id_bits() - 1) << id_bits_low;
    }
    bool writes_done() {
        return Machine::poll([this] { return (frame_.read(Gicd32::CTLR) & gicd_ctlr::RWP) == 0; });
    }
    u32 spis_of_bank(u32 n) const {
        const u32 count = std::min(spi_end_ - n * 32, u32{32});
        return ~u32{0} >> (32 - count);
    }
    bool is_route(u32 offset) const {
        constexpr auto base = static_cast<u32>(Gicd64::IROUTER);
        return offset >= base + 8 * first_spi && offset < base + 8 * spi_end_;
    }
    /// The guest routes the SPI of GICD_IROUTER's `offset`.
    void note_route(u32 offset, bool home) {
        const u32 intid = (offset - static_cast<u32>(Gicd64::IROUTER)) / 8;
        auto& away = away_[bank_of(intid) - 1];
        if (home) {
            away.fetch_and(~bit_of(intid), std::memory_order_relaxed);
        } else {
            away.fetch_or(bit_of(intid), std::memory_order_relaxed);
        }
    }
    void route(u32 n, u32 spis, u32 cpu) {
        for (; spis != 0; spis &= spis - 1) {
            const u32 intid = n * 32 + static_cast<u32>(std::countr_zero(spis));
            frame_.write(Gicd64::IROUTER, router_affinity(cpu), u64{intid} * 8);
        }
    }

    PhysRange range_{};
    Frame frame_{};
    u32 typer_ = 0;
    bool offers_lpis_ = false;
    u32 spi_end_ = first_spi; ///< one above the last implemented SPI
    u32 control_at_entry_ = 0;
    std::atomic<u32> control_{0};
    std::array<Bank, bank_count - 1> banks_{};
    u32 home_ = 0; ///< the CPU that SPIs are routed to unless the guest says otherwise
    Lock routes_lock_;
    /// SPIs that the guest has routed elsewhere: a reset need not touch the others.
    std::array<std::atomic<u32>, bank_count - 1> away_{};
};

} // namespace baton::arm64::gic
