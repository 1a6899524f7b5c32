// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicd.hpp"
#include "arch/arm64/gic/gits.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "hyp/address.hpp"
#include "hyp/result.hpp"

#include <array>

namespace baton::arm64::gic {

/// An ITS. The guest uses the physical one: its commands and the contents of its tables are its own
/// to answer for, as its devices' DMA is. Where queue and tables lie is checked against its memory,
/// by what the hardware made of the registers. Virtual LPIs (GICv4) are hidden.
template <GicHardware Hardware>
class Its {
  public:
    /// Off and without tables, whatever ran before Baton.
    /// Errors: unsupported (no GICv3), timed_out (it does not come to rest).
    Result<> bring_up(PhysRange frames) {
        range_ = frames;
        frame_ = Frame{frames.begin};
        if (frames.size < gits_frame_size ||
            (frame_.read(Gits32::PIDR2) & gic_pidr2::ArchRev) < gic_pidr2::ArchRev_GICv3) {
            return std::unexpected(Error::unsupported);
        }
        for (u32 n = 0; n < gits_base_count; n++) {
            cold_[n] = cold(frame_.read(Gits64::BASER, u64{n} * 8), gits_baser::Page_Size);
        }
        cold_[gits_base_count] = cold(frame_.read(Gits64::CBASER), 0);
        written_ = all_registers;
        return reset() ? Result<>{} : std::unexpected(Error::timed_out);
    }

    /// As `bring_up` leaves it. When no CPU of the guest runs: a lost one may hold the lock. False:
    /// it does not come to rest, and what it writes to may be anywhere in the old guest's memory.
    bool reset() {
        const u32 control = frame_.read(Gits32::CTLR);
        if (written_ == 0 && (control & gits_ctlr::Enabled) == 0) {
            return true;
        }
        // Its registers may be written only when it has done with its tables (12.18).
        if (!rest(control)) {
            return false;
        }
        for (u32 n = 0; n < gits_base_count; n++) {
            if ((written_ & bit_of_base(n)) != 0) {
                frame_.write(Gits64::BASER, cold_[n], u64{n} * 8);
            }
        }
        frame_.write(Gits64::CBASER, cold_[gits_base_count]);
        frame_.write(Gits64::CWRITER, 0); // as GITS_CREADR is now (12.19.1)
        wanted_ = cold_;
        written_ = lost_writer_ ? all_registers : 0;
        return true;
    }
    /// While other CPUs may be writing to it: off, if it is on, and at rest. Its bases stay.
    void turn_off() {
        const Guard guard{lock_};
        if (is_enabled()) {
            (void)rest(frame_.read(Gits32::CTLR));
        }
    }
    /// A CPU of the guest is lost, perhaps with the lock, and may yet write what it was about to:
    /// no handover trusts `written_` again.
    void break_lock() {
        lock_.reset();
        lost_writer_ = true;
        written_ = all_registers;
    }

    PhysRange range() const { return range_; }

    // The guest's accesses, aligned. What is not there is RAZ/WI.

    u64 read(u32 offset, u32 size) const {
        if (size == 4 && offset >= static_cast<u32>(Gits32::PIDR4) && offset < gits_frame_size) {
            const u32 value = frame_.read(Gits32{offset});
            return Gits32{offset} == Gits32::PIDR2
                       ? (value & ~gic_pidr2::ArchRev) | gic_pidr2::ArchRev_GICv3
                       : value;
        }
        if (size == 4 && Gits32{offset} == Gits32::CTLR) {
            return frame_.read(Gits32::CTLR) & (gits_ctlr::Enabled | gits_ctlr::Quiescent);
        }
        if (size == 4 && Gits32{offset} == Gits32::IIDR) {
            return frame_.read(Gits32::IIDR);
        }
        const u32 half = size == 4 ? offset % 8 : 0;
        const u64 value = read_whole(offset - half);
        return size == 8 ? value : size == 4 ? static_cast<u32>(value >> half * 8) : 0;
    }

    void write(u32 offset, u32 size, u64 value) {
        const Guard guard{lock_};
        if (size == 4 && Gits32{offset} == Gits32::CTLR) {
            return write_control(static_cast<u32>(value));
        }
        if (size != 4 && size != 8) {
            return;
        }
        const u32 half = size == 4 ? offset % 8 : 0;
        const u32 at = offset - half;
        if (Gits64{at} == Gits64::CWRITER) {
            written_ |= queue;
            frame_.write(Gits64::CWRITER, merged(read_whole(at), half, size, value));
        } else if (Gits64{at} == Gits64::CBASER && !is_enabled()) {
            wanted_[gits_base_count] = merged(wanted_[gits_base_count], half, size, value);
            written_ |= queue;
            set_base(Gits64::CBASER, 0, wanted_[gits_base_count], size == 8);
        } else if (const u32 n = base_number(at); n < gits_base_count && !is_enabled()) {
            wanted_[n] = merged(wanted_[n], half, size, value);
            written_ |= bit_of_base(n);
            set_base(Gits64::BASER, n, wanted_[n], size == 8);
        }
    }

  private:
    using Frame = typename Hardware::template Mmio<Gits32, Gits64>;
    using Lock = typename Hardware::Lock;
    using Guard = typename Lock::Guard;

    static constexpr u32 bit_of_base(u32 n) { return u32{1} << n; }
    static constexpr u32 queue = 1 << gits_base_count; ///< CTLR, CBASER or CWRITER
    static constexpr u32 all_registers = queue | (queue - 1);

    /// What a base reads when the machine is cold, which the architecture leaves to the
    /// implementation but for Valid: guests go by the page size that they find. Of one that is in
    /// use only `kept` is shown.
    static u64 cold(u64 found, u64 kept) {
        return (found & gits_valid) != 0 ? found & kept : found;
    }

    static u64 merged(u64 old, u32 half, u32 size, u64 value) {
        if (size == 8) {
            return value;
        }
        return (old & ~(u64{0xffff'ffff} << half * 8)) | (value & 0xffff'ffff) << half * 8;
    }
    /// Which GITS_BASER; gits_base_count: none that is there for the guest.
    u32 base_number(u32 offset) const {
        const u32 n = (offset - static_cast<u32>(Gits64::BASER)) / 8;
        const bool is_base = offset >= static_cast<u32>(Gits64::BASER) && n < gits_base_count;
        return is_base && !is_hidden(n) ? n : gits_base_count;
    }
    bool is_hidden(u32 n) const {
        const u32 type = gits_baser::type(frame_.read(Gits64::BASER, u64{n} * 8));
        return type == 0 || type == gits_baser::type_vpe;
    }
    bool is_enabled() const { return (frame_.read(Gits32::CTLR) & gits_ctlr::Enabled) != 0; }

    u64 read_whole(u32 offset) const {
        switch (Gits64{offset}) {
        case Gits64::TYPER:
            return frame_.read(Gits64::TYPER) &
                   (gits_typer::Physical | gits_typer::CCT | gits_typer::ITT_entry_size |
                    gits_typer::ID_bits | gits_typer::Devbits | gits_typer::SEIS | gits_typer::PTA |
                    gits_typer::HCC | gits_typer::CIDbits | gits_typer::CIL);
        case Gits64::CBASER:
        case Gits64::CWRITER:
        case Gits64::CREADR:
            return frame_.read(Gits64{offset});
        default:
            const u32 n = base_number(offset);
            return n < gits_base_count ? frame_.read(Gits64::BASER, u64{n} * 8) : 0;
        }
    }

    /// Off. False: it does not come to rest.
    bool rest(u32 control) {
        frame_.write(Gits32::CTLR, control & ~gits_ctlr::Enabled);
        return Hardware::poll(
            [this] { return (frame_.read(Gits32::CTLR) & gits_ctlr::Quiescent) != 0; });
    }
    void write_control(u32 value) {
        written_ |= queue;
        const u32 rest = frame_.read(Gits32::CTLR) & ~gits_ctlr::Enabled;
        frame_.write(Gits32::CTLR, rest | (value & gits_ctlr::Enabled));
    }
    /// Valid only when the hardware has all else: which page sizes and addresses it can do is its
    /// own to say, and that is what it would use.
    /// @param whole not one half of two, which may make no sense before the other comes
    void set_base(Gits64 reg, u32 n, u64 wanted, bool whole) {
        const u64 offset = u64{n} * 8;
        frame_.write(reg, wanted & ~gits_valid, offset);
        if ((wanted & gits_valid) == 0) {
            return;
        }
        const u64 taken = frame_.read(reg, offset);
        const GuestRange range = reg == Gits64::CBASER ? queue_range(taken) : table_range(taken);
        if (Hardware::is_guest_memory(range)) {
            frame_.write(reg, taken | gits_valid, offset);
        } else if (whole) {
            Hardware::log_refusal(reg == Gits64::CBASER ? "GITS_CBASER" : "GITS_BASER", range);
        }
    }
    static GuestRange queue_range(u64 value) {
        return {{value & gits_cbaser::Physical_Address},
                ((value & gits_cbaser::Size) + 1) * page_size};
    }
    static GuestRange table_range(u64 value) {
        return {{gits_baser::address(value)},
                ((value & gits_baser::Size) + 1) * gits_baser::page(value)};
    }

    PhysRange range_{};
    Frame frame_{};
    Lock lock_;
    /// By the guest, since the reset: BASERs by number, and `queue`. Noted before it is done.
    u32 written_ = 0;
    bool lost_writer_ = false;
    std::array<u64, gits_base_count + 1> cold_{};
    /// What the guest wrote: the BASERs, then CBASER. It may come in halves.
    std::array<u64, gits_base_count + 1> wanted_{};
};

} // namespace baton::arm64::gic
