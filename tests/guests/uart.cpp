// SPDX-License-Identifier: BSD-2-Clause
//
// The PL011 that Baton emulates for a VM, one generation after another: each finds it as after
// power-on, fills every register of it and its FIFO, and calls SYSTEM_RESET. Options:
//   swaps=N       the last generation; the first is 0
//   state=ADDRESS

#include "arch/arm64/console/pl011_registers.hpp"
#include "arch/arm64/mmio.hpp"
#include "guest-api/guest/gic.hpp"
#include "tests/guests/generation.hpp"

namespace baton::guest {

namespace {

using arm64::Pl011Register;
using Uart = arm64::Mmio<Pl011Register>;
namespace irq = arm64::pl011_interrupt;
namespace cr = arm64::pl011_cr;
namespace fr = arm64::pl011_fr;

struct Value {
    Pl011Register reg;
    u32 after_reset; ///< and after open_console, which enables a UART that is not
    u32 filled;
};
constexpr u32 all_interrupts = 0x7ff;
constexpr u32 enabled = cr::UARTEN | cr::TXE | cr::RXE;
constexpr Value values[]{
    {Pl011Register::ILPR, 0, 0xff},
    {Pl011Register::IBRD, 0, 0xffff},
    {Pl011Register::FBRD, 0, 0x3f},
    {Pl011Register::LCR_H, arm64::pl011_lcr_h::FEN | 3 << 5, 0xfe},
    {Pl011Register::IFLS, 0x12, 0x24},
    {Pl011Register::IMSC, 0, all_interrupts},
    {Pl011Register::DMACR, 0, 0x7},
    {Pl011Register::CR, enabled, enabled | cr::LBE | cr::DTR | cr::RTS | cr::Out1 | cr::Out2},
};
/// More than the FIFO holds, and the line behind it.
constexpr u32 characters = 1100;

Uart uart;
u32 spi;

void examine_registers() {
    for (const Value& value : values) {
        const u32 found = uart.read(value.reg);
        require("a register of the UART is as after reset", found == value.after_reset,
                "{x}: {x}, expected {x}", static_cast<u32>(value.reg), found, value.after_reset);
    }
    require("no error of reception is left", uart.read(Pl011Register::RSR) == 0, "{x}",
            uart.read(Pl011Register::RSR));
    // This kernel has written to it already.
    const u32 causes = uart.read(Pl011Register::RIS) & ~irq::TX;
    require("no cause of an interrupt is left", causes == 0, "{x}", causes);
    require("the line is low", uart.read(Pl011Register::MIS) == 0);
    const u32 flags = uart.read(Pl011Register::FR);
    require("nothing is in the receive FIFO",
            (flags & fr::RXFE) != 0 && (flags & fr::RXFF) == 0 && uart.read(Pl011Register::DR) == 0,
            "{x}", flags);
}

void examine_interrupt() {
    require("the UART's SPI is this VM's", gic::is_ours(spi), "{}", spi);
    require("the UART's SPI is neither pending nor active",
            !gic::is_pending(spi) && !gic::is_active(spi));
    static std::atomic<u32> came;
    came = 0;
    gic::set_handler(spi, [](u32) {
        came++;
        uart.write(Pl011Register::IMSC, 0);
    });
    gic::route(spi, this_cpu());
    gic::enable(spi);
    pause_for(50);
    require("no interrupt of the last kernel's UART comes", came == 0, "{}", came.load());
    // Of this kernel's it does.
    uart.write(Pl011Register::CR, enabled | cr::LBE);
    uart.write(Pl011Register::DR, 'x');
    uart.write(Pl011Register::IMSC, irq::RT);
    const bool comes = wait_until(patience(), [] { return came != 0; });
    const u32 word = uart.read(Pl011Register::DR);
    uart.write(Pl011Register::CR, enabled);
    require("what comes in interrupts", comes);
    require("it is what came in", word == 'x', "{x}", word);
    gic::disable(spi);
    uart.write(Pl011Register::ICR, all_interrupts);
}

/// What is printed from here on does not come out: the UART is in loopback. Gives whether it took.
bool fill() {
    // Pending, and nobody takes it.
    gic::enable(spi);
    for (const Value& value : values) {
        uart.write(value.reg, value.filled);
    }
    for (u32 i = 0; i < characters; i++) {
        uart.write(Pl011Register::DR, 'a' + i % 26);
    }
    bool filled = gic::is_pending(spi);
    for (const Value& value : values) {
        filled &= uart.read(value.reg) == value.filled;
    }
    constexpr u32 causes = irq::RX | irq::TX | irq::RT | irq::OE;
    return filled && (uart.read(Pl011Register::RIS) & causes) == causes &&
           uart.read(Pl011Register::RSR) != 0 && (uart.read(Pl011Register::FR) & fr::RXFF) != 0;
}

} // namespace

void guest_main() {
    Generation& generation = this_generation();
    const u64 last = option_number("swaps", 1);
    const auto node = Node::console();
    uart = Uart{node->reg()->begin};
    spi = node->interrupt().value_or(0);
    print("guest: uart: generation {} of {}\n", generation.number, last);
    require("the last generation has filled its UART",
            generation.number == 0 || generation.words[0] == 1);
    examine_registers();
    examine_interrupt();
    generation.failed += failures();
    if (generation.number == last) {
        generation.magic = 0;
        check("the UART of each generation was as after reset", generation.failed == 0);
        return;
    }
    mask_interrupts();
    generation.words[0] = fill() ? 1 : 0;
    generation.seal();
    (void)psci::system_reset();
    end();
}

} // namespace baton::guest
