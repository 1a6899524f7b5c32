// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/distributor.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/vgic/interrupt_bank.hpp"

#include <bit>

namespace baton::arm64::gic {

/// What a VM sees of the Distributor: its own SPIs; others are RAZ/WI. What the guest writes to
/// GICD_CTLR is kept here and decides which physical enables are set. The guest sees one security
/// state with affinity routing, and neither message-based nor extended SPIs.
template <GicHardware Hardware>
class VirtualDistributor {
  public:
    using Bank = InterruptBank<Hardware>;

    /// Once, after the physical one's bring-up.
    /// @param spis the VM's
    /// @param priority_mask the implemented bits of a virtual priority
    void init(Distributor<Hardware>& physical, const SpiSet& spis, u8 priority_mask) {
        physical_ = &physical;
        spis_ = spis;
        for (u32 n = 1; n < bank_count; n++) {
            if (spis_[n] != 0) {
                banks_end_ = n + 1;
                bank(n).init(physical.bank(n), spis_[n], priority_mask, control_);
            }
        }
    }
    /// To the VM's first CPU, before any is enabled.
    void route_first(Affinity cpu) {
        home_ = cpu;
        for_each_bank([&](u32 n) { physical_->route(n, spis_[n], cpu); });
    }

    /// Every SPI of the VM disabled, idle, with default configuration. While none of its CPUs uses
    /// the Distributor. False: the hardware has not taken a write in time.
    bool reset() {
        control_.store(0, std::memory_order_relaxed);
        for_each_bank([this](u32 n) { bank(n).begin_reset(); });
        // Disabled interrupts are withdrawn from CPU interfaces only now: none is acknowledged
        // between the clearing of its state and the next kernel.
        const bool done = physical_->writes_done();
        for_each_bank([this](u32 n) { bank(n).finish_reset(); });
        return done;
    }
    /// A CPU of the guest is lost, perhaps with a lock.
    void break_locks() {
        routes_lock_.reset();
        for_each_bank([this](u32 n) {
            bank(n).break_lock();
            away_[n - 1] = spis_[n];
        });
    }
    /// Every SPI to `cpu`, also those that the next kernel never routes: what GICD_IROUTER is in a
    /// cold machine the architecture does not say, and it may name a CPU that is lost. After
    /// `reset`.
    void route_all(Affinity cpu) {
        for_each_bank([&](u32 n) {
            const u32 moved = away_[n - 1].exchange(0, std::memory_order_relaxed);
            physical_->route(n, cpu == home_ ? moved : spis_[n], cpu);
        });
        home_ = cpu;
    }

    const SpiSet& spis() const { return spis_; }
    bool has_bank(u32 n) const { return n < bank_count && spis_[n] != 0; }
    /// @param n of a bank that it has
    Bank& bank(u32 n) { return banks_[n - 1]; }
    void offer_lpis(bool offered) { offers_lpis_ = offered; }

    const std::atomic<u32>& control() const { return control_; }
    /// The guest's GICD_CTLR. SPIs follow at once; the caller looks after the CPUs' own interrupts.
    /// @return the groups that were forwarded before
    u32 set_control(u32 value) {
        const u32 groups = value & (gicd_ctlr::EnableGrp0 | gicd_ctlr::EnableGrp1);
        const u32 old = control_.exchange(groups, std::memory_order_relaxed);
        if (old != groups) {
            for_each_bank([this](u32 n) { bank(n).forward(); });
        }
        return old;
    }

    /// Registers that are not of a bank. Others, and those that are not there, are RAZ.
    u32 read32(u32 offset) const {
        const auto& frame = physical_->frame();
        switch (Gicd32{offset}) {
        case Gicd32::CTLR:
            return control_.load(std::memory_order_relaxed) | gicd_ctlr::ARE | gicd_ctlr::DS |
                   (frame.read(Gicd32::CTLR) & gicd_ctlr::RWP);
        case Gicd32::TYPER:
            return visible_typer();
        case Gicd32::IIDR:
            return frame.read(Gicd32::IIDR);
        case Gicd32::PIDR2:
            return (frame.read(Gicd32::PIDR2) & ~gic_pidr2::ArchRev) | gic_pidr2::ArchRev_GICv3;
        default:
            break;
        }
        if (offset >= static_cast<u32>(Gicd32::PIDR4)) {
            return frame.read(Gicd32{offset});
        }
        return static_cast<u32>(read64(offset & ~7U) >> (offset % 8 * 8));
    }
    u64 read64(u32 offset) const {
        return is_route(offset) ? physical_->frame().read(Gicd64{offset}) : 0;
    }
    /// A route, or half of one; all others are WI.
    /// @param is_target(affinity): it is a CPU of the VM
    /// @param reaches_all 1-of-N SPIs go to no other VM's CPU
    template <class IsTarget>
    void write_route(u32 offset, u32 size, u64 value, IsTarget is_target, bool reaches_all) {
        const u32 at = offset & ~7U;
        if (!is_route(at)) {
            return;
        }
        const Guard guard{routes_lock_};
        const auto& frame = physical_->frame();
        if (size == 4) {
            const u64 half = u64{0xffff'ffff} << (offset % 8 * 8);
            value = (frame.read(Gicd64{at}) & ~half) | (value << (offset % 8 * 8) & half);
        }
        value &= gicd_irouter::all_bits;
        if ((value & gicd_irouter::any) != 0 && !reaches_all) {
            value = bits(mpidr_of(home_));
        }
        if ((value & gicd_irouter::any) == 0 && !is_target(affinity_of(Mpidr{value}))) {
            return;
        }
        note_route(at, value == bits(mpidr_of(home_)));
        frame.write(Gicd64{at}, value);
    }

  private:
    using Lock = typename Hardware::Lock;
    using Guard = typename Lock::Guard;

    template <class F>
    [[gnu::always_inline]] void for_each_bank(F f) const {
        const u32 end = banks_end_;
        for (u32 n = 1; n < end; n++) {
            if (spis_[n] != 0) {
                f(n);
            }
        }
    }
    u32 visible_typer() const {
        const u32 typer = physical_->typer();
        const u32 plain = typer & (gicd_typer::ITLinesNumber | gicd_typer::CPUNumber |
                                   gicd_typer::A3V | gicd_typer::No1N | gicd_typer::RSS);
        if (!offers_lpis_) {
            return plain | (typer & gicd_typer::IDbits);
        }
        return plain | (typer & (gicd_typer::LPIS | gicd_typer::num_LPIs)) |
               (physical_->lpi_id_bits() - 1) << gicd_typer::id_bits_low;
    }
    bool is_route(u32 offset) const {
        constexpr auto base = static_cast<u32>(Gicd64::IROUTER);
        return offset >= base + 8 * index(first_spi) &&
               offset < base + 8 * index(first_special_intid) &&
               contains(spis_, Intid{(offset - base) / 8});
    }
    /// The guest routes the SPI of GICD_IROUTER's `offset`.
    void note_route(u32 offset, bool home) {
        const Intid intid{(offset - static_cast<u32>(Gicd64::IROUTER)) / 8};
        auto& away = away_[bank_of(intid) - 1];
        if (home) {
            away.fetch_and(~bit_of(intid), std::memory_order_relaxed);
        } else {
            away.fetch_or(bit_of(intid), std::memory_order_relaxed);
        }
    }

    Distributor<Hardware>* physical_ = nullptr;
    SpiSet spis_{};
    u32 banks_end_ = 1; ///< one above the last bank with an SPI of the VM
    bool offers_lpis_ = false;
    std::atomic<u32> control_{0};
    std::array<Bank, bank_count - 1> banks_{};
    Affinity home_{}; ///< the CPU that SPIs are routed to unless the guest says otherwise
    Lock routes_lock_;
    /// SPIs that the guest has routed elsewhere: a reset need not touch the others.
    std::array<std::atomic<u32>, bank_count - 1> away_{};
};

} // namespace baton::arm64::gic
