// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/console/vpl011.hpp"

namespace baton::arm64 {
namespace {

using Register = Pl011Register;
namespace irq = pl011_interrupt;

/// A holder is out again after a few hundred instructions, or it counts as lost. What the lock
/// guards is sound at each moment.
constexpr u64 timeout_ms = 20;

/// PeriphID0 to 3, PCellID0 to 3 (3.3.15, 3.3.16).
constexpr std::array<u8, 8> identification{0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

/// The bits that a register keeps.
constexpr u32 ilpr_mask = 0xff, ibrd_mask = 0xffff, fbrd_mask = 0x3f, lcr_h_mask = 0xff,
              cr_mask = 0xff87, ifls_mask = 0x3f, interrupt_mask = 0x7ff, dmacr_mask = 0x7;

constexpr bool is_identification(Register reg) {
    return reg >= Register::PeriphID0 && reg <= Register::PCellID3;
}

/// Reads and writes of these belong to the handling of an interrupt. Of the others FR is read in
/// loops, and announces nothing.
constexpr bool is_of_handlers(Register reg) {
    switch (reg) {
    case Register::DR:
    case Register::IMSC:
    case Register::RIS:
    case Register::MIS:
    case Register::ICR:
        return true;
    default:
        return false;
    }
}

} // namespace

void Vpl011::attach(UartKind kind, Wires wires) {
    kind_ = kind;
    wires_ = wires;
}

u64 Vpl011::read(u32 offset, u32 size) {
    const auto reg = decode(offset, size);
    if (!reg) {
        return 0;
    }
    const auto held = lock_.take_over(timeout_ms);
    const u32 value = read_register(*reg);
    update_line(is_of_handlers(*reg));
    return value & (~u32{0} >> (32 - 8 * size));
}

void Vpl011::write(u32 offset, u32 size, u64 value) {
    const auto reg = decode(offset, size);
    if (!reg) {
        return;
    }
    const auto kept = static_cast<u32>(value) & (~u32{0} >> (32 - 8 * size));
    bool goes_out = false;
    {
        const auto held = lock_.take_over(timeout_ms);
        goes_out = *reg == Register::DR && !in_loopback();
        write_register(*reg, kept);
        update_line(is_of_handlers(*reg));
    }
    if (goes_out) {
        wires_.transmit(wires_.vm, static_cast<char>(kept));
    }
}

bool Vpl011::input(char c) {
    const auto held = lock_.take_over(timeout_ms);
    if (in_loopback() || (registers_.cr & pl011_cr::RXE) == 0) {
        return false;
    }
    const bool received = receive(c);
    update_line(true);
    return received;
}

void Vpl011::reset() {
    const auto held = lock_.take_over(timeout_ms);
    registers_ = {};
    receiver_.reset();
    update_line(false);
}

std::optional<Register> Vpl011::decode(u32 offset, u32 size) const {
    if ((size != 1 && size != 2 && size != 4) || offset % 4 != 0) {
        return std::nullopt;
    }
    const Register reg{offset};
    switch (reg) {
    case Register::DR:
    case Register::RSR:
    case Register::FR:
    case Register::IMSC:
    case Register::RIS:
    case Register::MIS:
    case Register::ICR:
        return reg;
    case Register::ILPR:
    case Register::IBRD:
    case Register::FBRD:
    case Register::LCR_H:
    case Register::CR:
    case Register::IFLS:
    case Register::DMACR:
        return kind_ == UartKind::pl011 ? std::optional{reg} : std::nullopt;
    default:
        return is_identification(reg) ? std::optional{reg} : std::nullopt;
    }
}

u32 Vpl011::read_register(Register reg) {
    switch (reg) {
    case Register::DR:
        return read_data();
    case Register::RSR:
        return registers_.rsr;
    case Register::FR:
        return flags();
    case Register::ILPR:
        return registers_.ilpr;
    case Register::IBRD:
        return registers_.ibrd;
    case Register::FBRD:
        return registers_.fbrd;
    case Register::LCR_H:
        return registers_.lcr_h;
    case Register::CR:
        return registers_.cr;
    case Register::IFLS:
        return registers_.ifls;
    case Register::IMSC:
        return registers_.imsc;
    case Register::RIS:
        return registers_.ris;
    case Register::MIS:
        return registers_.ris & registers_.imsc;
    case Register::ICR: // write only
        return 0;
    case Register::DMACR:
        return registers_.dmacr;
    default:
        return identification[(static_cast<u32>(reg) - static_cast<u32>(Register::PeriphID0)) / 4];
    }
}

void Vpl011::write_register(Register reg, u32 value) {
    switch (reg) {
    case Register::DR:
        if (in_loopback()) {
            receive(static_cast<char>(value));
        }
        registers_.ris |= irq::TX;
        return;
    case Register::RSR: // as ECR: whatever is written clears all errors
        registers_.rsr = 0;
        return;
    case Register::ILPR:
        registers_.ilpr = value & ilpr_mask;
        return;
    case Register::IBRD:
        registers_.ibrd = value & ibrd_mask;
        return;
    case Register::FBRD:
        registers_.fbrd = value & fbrd_mask;
        return;
    case Register::LCR_H:
        if (((registers_.lcr_h ^ value) & pl011_lcr_h::FEN) != 0) {
            receiver_.flush(fifo_enabled());
            registers_.ris &= ~(irq::RX | irq::RT);
            registers_.lcr_h = value & lcr_h_mask;
            arrived(); // what was on the line
        }
        registers_.lcr_h = value & lcr_h_mask;
        return;
    case Register::CR:
        return write_control(value & cr_mask);
    case Register::IFLS:
        registers_.ifls = value & ifls_mask;
        return;
    case Register::IMSC:
        registers_.imsc = value & interrupt_mask;
        return;
    case Register::ICR:
        registers_.ris &= ~value;
        return;
    case Register::DMACR:
        registers_.dmacr = value & dmacr_mask;
        return;
    default: // read only
        return;
    }
}

/// A modem line that changes, as loopback makes it, interrupts (2.8, UARTMSINTR).
void Vpl011::write_control(u32 value) {
    const u32 before = modem();
    registers_.cr = value;
    const u32 changed = before ^ modem();
    registers_.ris |= ((changed & pl011_fr::RI) != 0 ? irq::RI : 0) |
                      ((changed & pl011_fr::CTS) != 0 ? irq::CTS : 0) |
                      ((changed & pl011_fr::DCD) != 0 ? irq::DCD : 0) |
                      ((changed & pl011_fr::DSR) != 0 ? irq::DSR : 0);
}

u32 Vpl011::read_data() {
    const bool more_comes = !receiver_.line_is_empty(fifo_enabled());
    const u32 word = receiver_.take();
    const u32 level = receiver_.level(fifo_enabled());
    if (level < trigger_level()) {
        registers_.ris &= ~irq::RX;
    }
    if (level == 0) {
        registers_.ris &= ~irq::RT;
    } else if (more_comes) {
        arrived();
    } else {
        registers_.ris |= irq::RT;
    }
    return word;
}

bool Vpl011::receive(char c) {
    if (!receiver_.put(c)) {
        registers_.rsr |= pl011_rsr::OE; // at once, not with a character (3.3.2)
        registers_.ris |= irq::OE;
        return false;
    }
    arrived();
    return true;
}

/// What is in the FIFO came in just now.
void Vpl011::arrived() {
    const u32 level = receiver_.level(fifo_enabled());
    registers_.ris |= (level != 0 ? irq::RT : 0) | (level >= trigger_level() ? irq::RX : 0);
}

u32 Vpl011::flags() const {
    const u32 level = receiver_.level(fifo_enabled());
    return pl011_fr::TXFE | (level == 0 ? pl011_fr::RXFE : 0) |
           (level == Receiver::depth(fifo_enabled()) ? pl011_fr::RXFF : 0) | modem();
}

/// The modem's lines as FR has them; in loopback they are wired to the UART's own (3.3.8, LBE).
u32 Vpl011::modem() const {
    if (kind_ == UartKind::sbsa) {
        return 0;
    }
    if (!in_loopback()) {
        return pl011_fr::CTS | pl011_fr::DSR | pl011_fr::DCD;
    }
    const u32 cr = registers_.cr;
    return ((cr & pl011_cr::RTS) != 0 ? pl011_fr::CTS : 0) |
           ((cr & pl011_cr::DTR) != 0 ? pl011_fr::DSR : 0) |
           ((cr & pl011_cr::Out1) != 0 ? pl011_fr::DCD : 0) |
           ((cr & pl011_cr::Out2) != 0 ? pl011_fr::RI : 0);
}

/// Characters in the receive FIFO that interrupt (3.3.9, RXIFLSEL).
u32 Vpl011::trigger_level() const {
    constexpr std::array<u32, 8> eighths{1, 2, 4, 6, 7, 7, 7, 7}; // the last three are reserved
    return fifo_enabled() ? eighths[registers_.ifls >> 3] * Receiver::fifo_depth / 8 : 1;
}

void Vpl011::update_line(bool announce_again) {
    const bool is_high = (registers_.ris & registers_.imsc) != 0;
    if (is_high != line_is_high_ || (is_high && announce_again)) {
        line_is_high_ = is_high;
        wires_.set_line(wires_.vm, is_high);
    }
}

} // namespace baton::arm64
