// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/console/receiver.hpp"
#include "hyp/console/bounded_lock.hpp"
#include "hyp/platform/platform.hpp"

#include <optional>

namespace baton::arm64 {

/// A VM's console: a PL011 (DDI 0183, r1p5) or the part of it that SBSA's generic UART has, in
/// software.
///
/// What is written to DR goes out at once, so the transmitter is always idle, and each character
/// takes the transmit FIFO through its trigger level. Time stands still: a receive timeout is over
/// as soon as a character has come in or been read. The UART works as firmware leaves it, enabled:
/// UARTEN, TXE and the line's settings are kept but not heeded, so an early console needs none;
/// input is refused only while RXE is 0. The modem is always there (CTS, DSR, DCD). In loopback
/// nothing leaves or enters the UART. Breaks, DMA and the test registers are not there.
///
/// Its interrupt is a level, which Baton delivers by setting an SPI pending. So that a guest which
/// handles a part of the causes gets another interrupt, as from a line, a level that stays high is
/// announced again with each access by which a handler asks for causes or removes them.
///
/// Any vCPU of the VM and, for input, any CPU may call it at any time. Behind its lock is nothing
/// that waits.
class Vpl011 {
  public:
    /// Where the UART's pins lead.
    struct Wires {
        VmId vm = host_vm;
        /// Called without a lock.
        void (*transmit)(VmId vm, char c) = nullptr;
        /// The level of the interrupt: it rose, fell, or is still high. Called with the UART's
        /// lock, so in the order of the changes: it must neither wait nor come back here.
        void (*set_line)(VmId vm, bool high) = nullptr;
    };

    /// Once, before the first access.
    void attach(UartKind kind, Wires wires);

    /// A guest's access. Other sizes, unknown and unaligned offsets are RAZ/WI.
    /// @param offset in the UART's frame, bytes
    /// @param size 1, 2 or 4 bytes
    u64 read(u32 offset, u32 size);
    void write(u32 offset, u32 size, u64 value);

    /// A character came in. False: it was lost, by an overrun or because nobody receives.
    bool input(char c);

    /// As after power-on, for the VM's next kernel. Input that the old one has not read is gone: it
    /// was meant for that one, and may be a password.
    void reset();

  private:
    /// As power-on leaves them (3.2). Of SBSA's UART only `imsc`, `ris` and `rsr` are visible.
    struct Registers {
        u32 rsr = 0, ilpr = 0, ibrd = 0, fbrd = 0, lcr_h = 0;
        u32 cr = pl011_cr::TXE | pl011_cr::RXE;
        u32 ifls = 0x12; ///< both FIFOs: half full
        u32 imsc = 0, ris = 0, dmacr = 0;
    };

    std::optional<Pl011Register> decode(u32 offset, u32 size) const;
    u32 read_register(Pl011Register reg);
    void write_register(Pl011Register reg, u32 value);
    void write_control(u32 value);
    u32 read_data();
    bool receive(char c);
    void arrived();
    u32 flags() const;
    u32 modem() const;
    u32 trigger_level() const;
    void update_line(bool announce_again);

    bool fifo_enabled() const {
        return kind_ == UartKind::sbsa || (registers_.lcr_h & pl011_lcr_h::FEN) != 0;
    }
    bool in_loopback() const { return (registers_.cr & pl011_cr::LBE) != 0; }

    BoundedLock lock_; ///< of all below
    UartKind kind_ = UartKind::pl011;
    Wires wires_;
    Registers registers_;
    Receiver receiver_;
    bool line_is_high_ = false;
};

} // namespace baton::arm64
