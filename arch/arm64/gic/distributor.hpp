// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicd.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/gic/physical_bank.hpp"
#include "arch/arm64/gic/sgi_request.hpp"
#include "arch/arm64/gic/spi_set.hpp"
#include "hyp/address.hpp"
#include "hyp/result.hpp"

#include <algorithm>
#include <bit>

namespace baton::arm64::gic {

/// The machine's Distributor. It is always on, with all interrupts in Group 1; which SPIs are
/// enabled is decided by who has them.
template <GicHardware Hardware>
class Distributor {
  public:
    using Bank = PhysicalBank<Hardware>;
    using Frame = typename Hardware::template Mmio<Gicd32, Gicd64>;

    /// Off, every SPI disabled, idle and routed to this CPU, on. On one CPU, before any other CPU's
    /// bring-up.
    /// Errors: unsupported (no GICv3), timed_out (a write stays pending in the hardware).
    Result<> bring_up(PhysRange frame, Affinity boot_cpu) {
        range_ = frame;
        frame_ = Frame{frame.begin};
        const u32 revision = frame_.read(Gicd32::PIDR2) & gic_pidr2::ArchRev;
        if (frame.size < gicd_size || revision < gic_pidr2::ArchRev_GICv3) {
            return std::unexpected(Error::unsupported);
        }
        typer_ = frame_.read(Gicd32::TYPER);
        spi_end_ =
            std::min(Intid{((typer_ & gicd_typer::ITLinesNumber) + 1) * 32}, first_special_intid);

        control_at_entry_ = frame_.read(Gicd32::CTLR);
        // ARE may change only while both groups are off (12.9.4).
        const u32 off = frame_.read(Gicd32::CTLR) & ~all_groups;
        frame_.write(Gicd32::CTLR, off);
        if (!writes_done()) {
            return std::unexpected(Error::timed_out);
        }
        frame_.write(Gicd32::CTLR, off | gicd_ctlr::ARE);
        for (u32 n = 1; n < used_banks(); n++) {
            bank(n).init(frame.begin, n);
            bank(n).begin_bring_up();
        }
        if (!writes_done()) {
            return std::unexpected(Error::timed_out);
        }
        const SpiSet all = spis();
        for (u32 n = 1; n < used_banks(); n++) {
            bank(n).finish_bring_up(0);
            route(n, all[n], boot_cpu);
        }
        frame_.write(Gicd32::CTLR, off | gicd_ctlr::ARE | gicd_ctlr::EnableGrp1);
        return writes_done() ? Result<>{} : std::unexpected(Error::timed_out);
    }

    /// As `bring_up` found it, with no interrupt enabled, all routed to where they are. When no
    /// CPU uses it any more but this one.
    void restore() {
        frame_.write(Gicd32::CTLR, frame_.read(Gicd32::CTLR) & ~all_groups);
        (void)writes_done();
        for (u32 n = 1; n < used_banks(); n++) {
            bank(n).restore();
        }
        (void)writes_done();
        // ARE stays: it must not go from 1 to 0 (12.9.4).
        frame_.write(Gicd32::CTLR, control_at_entry_ | gicd_ctlr::ARE);
    }

    PhysRange range() const { return range_; }
    const Frame& frame() const { return frame_; }
    u32 typer() const { return typer_; }
    Intid spi_end() const { return spi_end_; } ///< one above the last implemented SPI
    u32 used_banks() const { return (index(spi_end_) + 31) / 32; }
    /// @param n 1 to used_banks() - 1
    Bank& bank(u32 n) { return banks_[n - 1]; }
    /// All that are implemented.
    SpiSet spis() const {
        SpiSet all{};
        for (u32 n = 1; n < used_banks(); n++) {
            all[n] = ~u32{0} >> (32 - std::min(index(spi_end_) - n * 32, u32{32}));
        }
        return all;
    }
    /// GICD_CTLR.DS; false as well to Non-secure software in a system with two.
    bool has_one_security_state() const { return (frame_.read(Gicd32::CTLR) & gicd_ctlr::DS) != 0; }
    bool has_range_selector() const { return (typer_ & gicd_typer::RSS) != 0; }
    /// For a guest with LPIs, of INTIDs. 0: the GIC has none.
    u32 lpi_id_bits() const {
        const u32 bits = ((typer_ & gicd_typer::IDbits) >> gicd_typer::id_bits_low) + 1;
        return (typer_ & gicd_typer::LPIS) != 0 ? std::min(bits, most_id_bits) : 0;
    }

    bool writes_done() {
        return Hardware::poll([this] { return (frame_.read(Gicd32::CTLR) & gicd_ctlr::RWP) == 0; });
    }
    /// @param spis of bank n
    void route(u32 n, u32 spis, Affinity cpu) {
        const Frame frame = frame_; // the compiler keeps no member over a write
        const u64 target = bits(mpidr_of(cpu));
        for (; spis != 0; spis &= spis - 1) {
            const u32 intid = n * 32 + static_cast<u32>(std::countr_zero(spis));
            frame.write(Gicd64::IROUTER, target, u64{intid} * 8);
        }
    }

  private:
    static constexpr u32 all_groups = gicd_ctlr::EnableGrp0 | gicd_ctlr::EnableGrp1;

    PhysRange range_{};
    Frame frame_{};
    u32 typer_ = 0;
    Intid spi_end_ = first_spi;
    u32 control_at_entry_ = 0;
    std::array<Bank, bank_count - 1> banks_{};
};

} // namespace baton::arm64::gic
