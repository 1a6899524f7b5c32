// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/console/pl011.hpp"
#include "arch/arm64/console/vpl011.hpp"

#include <doctest/doctest.h>
#include <string>
#include <utility>

/// An emulated PL011 on the wires of a test, and the drivers of Linux and FreeBSD on it.
namespace vpl011 {

using namespace baton;
using namespace baton::arm64;

using Register = Pl011Register;
namespace irq = pl011_interrupt;

/// What the wires lead to: one VM's console and the pending bit of one SPI.
struct World {
    std::string printed;
    bool line = false;       ///< as the UART said last
    bool is_pending = false; ///< what a guest's GIC holds
    u32 announcements = 0;
};
inline World world;

struct Uart {
    explicit Uart(UartKind kind = UartKind::pl011) {
        world = {};
        device.attach(kind, {VmId{3},
                             [](VmId vm, char c) {
                                 CHECK(vm == VmId{3});
                                 world.printed += c;
                             },
                             [](VmId vm, bool high) {
                                 CHECK(vm == VmId{3});
                                 world.line = world.is_pending = high;
                                 world.announcements += high;
                             }});
    }
    u32 read(Register reg, u32 size = 4) {
        return static_cast<u32>(device.read(static_cast<u32>(reg), size));
    }
    void write(Register reg, u32 value, u32 size = 4) {
        device.write(static_cast<u32>(reg), size, value);
    }
    void input(std::string_view text) {
        for (const char c : text) {
            device.input(c);
        }
    }
    bool is_empty() { return (read(Register::FR) & pl011_fr::RXFE) != 0; }
    std::string read_all() {
        std::string text;
        while (!is_empty()) {
            text += static_cast<char>(read(Register::DR));
        }
        return text;
    }
    /// A guest's CPU takes its interrupts, as long as there are some.
    template <class Handler>
    u32 take_interrupts(Handler handler) {
        u32 count = 0;
        for (; world.is_pending && count < 1000; count++) {
            world.is_pending = false; // by the acknowledge
            handler();
        }
        return count;
    }
    Vpl011 device;
};

/// Linux 6.12, drivers/tty/serial/amba-pl011.c, without DMA: 16-bit accesses, 32-bit ones for
/// SBSA's.
struct LinuxDriver {
    Uart& uart;
    UartKind kind = UartKind::pl011;
    u32 size = kind == UartKind::pl011 ? 2 : 4;
    u32 im = 0;
    std::string received{}, to_send{};
    u32 unhandled = 0;

    u32 read(Register reg) { return uart.read(reg, size); }
    void write(u32 value, Register reg) { uart.write(reg, value, size); }

    void register_port() {
        write(0, Register::IMSC);
        write(0xffff, Register::ICR);
    }
    void startup() {
        write(0x7d0, Register::ICR);
        im = read(Register::IMSC);
        write(irq::RT | irq::RX, Register::IMSC);
        write(im, Register::IMSC);
        if (kind == UartKind::pl011) {
            write(0x12, Register::IFLS);
            write((read(Register::CR) & 0xc00) | 0x301, Register::CR);
            CHECK((read(Register::FR) & 0x7) == 0x7);
        }
        write(irq::RT | irq::RX, Register::ICR);
        for (u32 i = 0; i < 64 && !uart.is_empty(); i++) {
            read(Register::DR);
        }
        im = irq::RT | irq::RX;
        write(im, Register::IMSC);
    }
    void set_termios() {
        const u32 cr = read(Register::CR);
        write(1, Register::FBRD);
        write(13, Register::IBRD);
        write(0x70, Register::LCR_H);
        write(cr | pl011_cr::RXE, Register::CR);
    }
    void transmit(bool from_irq) {
        for (u32 count = 16; !to_send.empty() && (!from_irq || count-- > 0);) {
            if (!from_irq && (read(Register::FR) & pl011_fr::TXFF) != 0) {
                break;
            }
            write(static_cast<u8>(to_send.front()), Register::DR);
            to_send.erase(0, 1);
        }
        im = to_send.empty() ? im & ~irq::TX : im | irq::TX;
        write(im, Register::IMSC);
    }
    void interrupt() {
        u32 status = read(Register::RIS) & im;
        unhandled += status == 0;
        for (u32 pass = 256; status != 0 && pass > 0; pass--) {
            write(status & ~(irq::TX | irq::RT | irq::RX), Register::ICR);
            if ((status & (irq::RT | irq::RX)) != 0) {
                for (u32 taken = 0; taken < 256 && !uart.is_empty(); taken++) {
                    received += static_cast<char>(read(Register::DR));
                }
            }
            if ((status & irq::TX) != 0) {
                transmit(true);
            }
            status = read(Register::RIS) & im;
        }
    }
    void console_write(std::string_view text) {
        const u32 old = read(Register::CR);
        write((old & ~0x8000u) | 0x101, Register::CR);
        for (const char c : text) {
            REQUIRE((read(Register::FR) & pl011_fr::TXFF) == 0);
            write(static_cast<u8>(c), Register::DR);
        }
        REQUIRE((read(Register::FR) & 0x8) == 0); // BUSY
        write(old, Register::CR);
    }
    void shutdown() {
        write(im = 0, Register::IMSC);
        write(0xffff, Register::ICR);
        if (kind == UartKind::pl011) {
            write((read(Register::CR) & 0xc00) | 0x101, Register::CR);
            write(read(Register::LCR_H) & ~0x11u, Register::LCR_H);
        }
    }
};

/// FreeBSD 15, sys/dev/uart/uart_dev_pl011.c.
struct FreeBsdDriver {
    Uart& uart;
    static constexpr u32 imsc = irq::RX | irq::RT | irq::TX;
    static constexpr u32 tx_size = 24;
    std::string received{}, to_send{};
    usize room = 1000; ///< in its receive buffer
    bool is_busy = false;

    void init() {
        uart.write(Register::IMSC, uart.read(Register::IMSC) & ~0x7ffu);
        uart.write(Register::CR, 0);
        uart.write(Register::IBRD, 13);
        uart.write(Register::FBRD, 1);
        uart.write(Register::LCR_H, (uart.read(Register::LCR_H) & ~0xffu) | 0x70);
        uart.write(Register::IFLS, 0x19);
        uart.write(Register::CR, 0x301);
    }
    void attach() {
        uart.write(Register::IMSC, imsc);
        uart.write(Register::ICR, 0x7ff);
    }
    void transmit() {
        for (u32 i = 0; i < tx_size && !to_send.empty(); i++) {
            uart.write(Register::DR, static_cast<u8>(to_send.front()));
            to_send.erase(0, 1);
        }
        is_busy = true;
        uart.write(Register::IMSC, imsc);
    }
    void receive() {
        while (!uart.is_empty() && received.size() < room) {
            received += static_cast<char>(uart.read(Register::DR));
        }
    }
    void interrupt() {
        // As uart_intr: asks again until nothing is pending, but not for ever.
        for (u32 tries = 0; tries < 20; tries++) {
            const u32 status = uart.read(Register::MIS);
            if (status == 0) {
                return;
            }
            const bool idle = (status & irq::TX) != 0;
            if (idle) {
                uart.write(Register::IMSC, imsc & ~irq::TX);
            }
            if ((status & (irq::RX | irq::RT)) != 0) {
                receive();
            }
            if (idle && is_busy) {
                is_busy = false;
                if (!to_send.empty()) {
                    transmit();
                }
            }
        }
    }
};

} // namespace vpl011
