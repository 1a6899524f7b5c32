// SPDX-License-Identifier: BSD-2-Clause
//
// The emulated PL011 as the drivers of Linux and FreeBSD use it; and Baton's own driver on it.

#include "vpl011_uart.hpp"

using namespace vpl011;

TEST_CASE("Linux: probe, startup, output, input, shutdown") {
    for (const UartKind kind : {UartKind::pl011, UartKind::sbsa}) {
        Uart uart{kind};
        LinuxDriver linux{uart, kind};
        linux.register_port();
        uart.input("typed early");
        linux.startup();
        if (kind == UartKind::pl011) {
            linux.set_termios();
            linux.console_write("printk\r\n");
        }
        uart.take_interrupts([&] { linux.interrupt(); });
        linux.received.clear();

        world.printed.clear();
        linux.to_send = "from user space";
        linux.transmit(false);
        CHECK(world.printed == "from user space");
        CHECK_FALSE(world.line);

        uart.input("r");
        CHECK(uart.take_interrupts([&] { linux.interrupt(); }) == 1);
        CHECK(linux.received == "r");
        std::string pasted;
        for (u32 i = 0; i < 600; i++) {
            pasted += static_cast<char>('a' + i % 26);
        }
        uart.input(pasted);
        CHECK(uart.take_interrupts([&] { linux.interrupt(); }) == 1);
        CHECK(linux.received == "r" + pasted);
        CHECK(linux.unhandled == 0);

        linux.shutdown();
        uart.input("lost");
        CHECK_FALSE(world.line);
        CHECK(uart.is_empty() == (kind == UartKind::pl011)); // whose receiver was disabled
    }
}

TEST_CASE("Linux: transmit interrupts go on until all is sent") {
    Uart uart;
    LinuxDriver linux{uart};
    linux.register_port();
    linux.startup();
    linux.set_termios();
    linux.to_send = std::string(100, 'x');
    // As if the FIFO had been full when it began.
    uart.write(Register::DR, 'x');
    linux.im |= irq::TX;
    linux.write(linux.im, Register::IMSC);
    CHECK(uart.take_interrupts([&] { linux.interrupt(); }) == 1);
    CHECK(world.printed == std::string(101, 'x'));
    CHECK(linux.unhandled == 0);
    CHECK_FALSE(world.line);
}

TEST_CASE("FreeBSD: attach, transmit by interrupts of 24 characters, receive") {
    Uart uart;
    FreeBsdDriver freebsd{uart};
    freebsd.init();
    freebsd.attach();
    CHECK_FALSE(world.line);
    freebsd.to_send = std::string(100, 'x');
    freebsd.transmit();
    CHECK(uart.take_interrupts([&] { freebsd.interrupt(); }) >= 1);
    CHECK(world.printed == std::string(100, 'x'));
    CHECK_FALSE(freebsd.is_busy);
    CHECK_FALSE(world.line);

    uart.input("abc");
    CHECK(uart.take_interrupts([&] { freebsd.interrupt(); }) == 1);
    CHECK(freebsd.received == "abc");

    // With its buffer full it leaves the rest where it is, and counts on the level.
    freebsd.room = 5;
    uart.input("defgh");
    world.is_pending = false;
    freebsd.interrupt();
    CHECK(freebsd.received == "abcde");
    CHECK(world.is_pending);
    freebsd.room = 1000;
    uart.take_interrupts([&] { freebsd.interrupt(); });
    CHECK(freebsd.received == "abcdefgh");
}

TEST_CASE("who handles one cause or one character of several is interrupted again") {
    Uart uart;
    uart.write(Register::IMSC, irq::TX | irq::RX | irq::RT);
    uart.write(Register::DR, 'x');
    uart.input("y");
    REQUIRE(world.is_pending);
    u32 interrupts = uart.take_interrupts([&] { uart.write(Register::ICR, irq::TX); });
    CHECK(interrupts == 1000); // the receive interrupt stays
    interrupts = uart.take_interrupts([&] { uart.read(Register::DR); });
    CHECK(interrupts == 1);
    CHECK_FALSE(world.line);

    for (const u32 line_control : {0x60, 0x70}) { // without the FIFO, and with it
        uart.write(Register::LCR_H, line_control);
        std::string received;
        uart.input("12345");
        interrupts = uart.take_interrupts([&] {
            uart.write(Register::ICR, 0x7ff);
            received += static_cast<char>(uart.read(Register::DR));
        });
        CHECK(received == "12345");
        CHECK(interrupts == 5);
    }
    // Reading the flags is no handling.
    uart.input("6");
    world.announcements = 0;
    uart.is_empty();
    CHECK(world.announcements == 0);
}

namespace {

struct Emulated {
    Uart* uart = nullptr;
    u32 read(Register reg) const { return uart->read(reg); }
    void write(Register reg, u32 value) const { uart->write(reg, value); }
    static void pause() {}
};

} // namespace

TEST_CASE("Baton's own driver: lines, raw bytes, input by interrupts, the mask given back") {
    Uart uart;
    BasicPl011<Emulated> driver{Emulated{&uart}};
    driver.write("a line\n");
    driver.write_raw("raw\n");
    CHECK(world.printed == "a line\r\nraw\n");
    CHECK(uart.read(Register::CR) == 0x301);

    std::string received;
    const auto handler = [&] { driver.read_input([&](char c) { received += c; }); };
    uart.write(Register::IMSC, irq::OE);
    uart.write(Register::CR, 0);
    uart.write(Register::LCR_H, 0x70);
    driver.enable_input();
    driver.enable_input();
    CHECK(uart.read(Register::LCR_H) == 0x70);
    CHECK(uart.read(Register::IMSC) == (irq::RX | irq::RT));
    uart.input("input");
    CHECK(uart.take_interrupts(handler) == 1);
    CHECK(received == "input");
    CHECK_FALSE(world.line);

    received.clear();
    uart.input(std::string(150, 'x'));
    handler();
    CHECK(received.size() == driver.most_input);
    CHECK(world.line);
    CHECK(uart.take_interrupts(handler) == 2);
    CHECK(received.size() == 150);

    driver.restore();
    CHECK(uart.read(Register::IMSC) == irq::OE);
    uart.write(Register::IMSC, 0);
    driver.restore();
    CHECK(uart.read(Register::IMSC) == 0);
}
