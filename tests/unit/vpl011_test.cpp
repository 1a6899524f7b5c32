// SPDX-License-Identifier: BSD-2-Clause
//
// The emulated PL011 as the drivers of Linux and FreeBSD use it, register by register, behind a GIC
// that knows edges alone; and Baton's own driver on it.

#include "arch/arm64/console/vpl011.hpp"
#include "arch/arm64/pl011.hpp"

#include <doctest/doctest.h>
#include <string>
#include <thread>
#include <utility>

using namespace baton;
using namespace baton::arm64;

namespace {

using Register = Pl011Register;
namespace irq = pl011_interrupt;

/// What the wires lead to: one VM's console and the pending bit of one SPI.
struct World {
    std::string printed;
    bool line = false;       ///< as the UART said last
    bool is_pending = false; ///< what a guest's GIC holds
    u32 announcements = 0;
} world;

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

} // namespace

TEST_CASE("after power-on the registers hold what the manual says") {
    Uart uart;
    const std::pair<Register, u32> expected[] = {
        {Register::DR, 0},      {Register::RSR, 0},   {Register::FR, 0x97}, {Register::ILPR, 0},
        {Register::IBRD, 0},    {Register::FBRD, 0},  {Register::LCR_H, 0}, {Register::CR, 0x300},
        {Register::IFLS, 0x12}, {Register::IMSC, 0},  {Register::RIS, 0},   {Register::MIS, 0},
        {Register::ICR, 0},     {Register::DMACR, 0},
    };
    for (const auto [reg, value] : expected) {
        CAPTURE(static_cast<u32>(reg));
        CHECK(uart.read(reg) == value);
    }
    u32 id = 0, cell = 0;
    for (u32 i = 0; i < 4; i++) {
        id |= static_cast<u32>(uart.device.read(0xfe0 + 4 * i, 4)) << (8 * i);
        cell |= static_cast<u32>(uart.device.read(0xff0 + 4 * i, 4)) << (8 * i);
    }
    CHECK(id == 0x0034'1011);
    CHECK(cell == 0xb105'f00d);
}

TEST_CASE("registers keep the bits they have; other sizes and offsets are RAZ/WI") {
    Uart uart;
    const std::pair<Register, u32> kept[] = {
        {Register::ILPR, 0xff},  {Register::IBRD, 0xffff}, {Register::FBRD, 0x3f},
        {Register::LCR_H, 0xff}, {Register::CR, 0xff87},   {Register::IFLS, 0x3f},
        {Register::IMSC, 0x7ff}, {Register::DMACR, 0x7},
    };
    for (const auto [reg, mask] : kept) {
        CAPTURE(static_cast<u32>(reg));
        uart.write(reg, ~0u);
        CHECK(uart.read(reg) == mask);
        CHECK(uart.read(reg, 2) == (mask & 0xffff));
        CHECK(uart.read(reg, 1) == (mask & 0xff));
        CHECK(uart.device.read(static_cast<u32>(reg), 8) == 0);
        CHECK(uart.device.read(static_cast<u32>(reg) + 1, 1) == 0);
        uart.device.write(static_cast<u32>(reg), 8, 0);
        uart.device.write(static_cast<u32>(reg) + 2, 2, 0);
        CHECK(uart.read(reg) == mask);
        uart.device.write(static_cast<u32>(reg), 1, 0xffff'ff00);
        CHECK(uart.read(reg) == 0);
    }
    for (u32 offset = 0; offset < 0x1000; offset += 4) {
        const bool exists = offset == 0 || offset == 4 || offset == 0x18 || offset >= 0xfe0 ||
                            (offset >= 0x20 && offset <= 0x48);
        uart.device.write(offset, 4, 0);
        if (!exists) {
            uart.device.write(offset, 4, ~u64{0});
            CHECK(uart.device.read(offset, 4) == 0);
        }
    }
    CHECK(uart.device.read(0xffff'fffc, 4) == 0);
    CHECK(uart.read(Register::FR) == 0x97);
}

TEST_CASE("an early console prints, and reads, though nobody has enabled the UART") {
    Uart uart;
    for (const char c : std::string_view{"early\r\n"}) {
        REQUIRE((uart.read(Register::FR) & (pl011_fr::TXFF | 0x8)) == 0);
        uart.write(Register::DR, static_cast<u8>(c), 1);
    }
    CHECK(world.printed == "early\r\n");
    uart.write(Register::CR, 0);
    uart.write(Register::DR, 0xffff'ff00 | '!');
    CHECK(world.printed == "early\r\n!");
    uart.write(Register::CR, 0x200);
    uart.input("k");
    CHECK(uart.read_all() == "k");
    CHECK_FALSE(world.line);
}

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

TEST_CASE("receive interrupts come at the trigger level and go below it") {
    Uart uart;
    uart.write(Register::LCR_H, 0x70);
    const u32 levels[] = {4, 8, 16, 24, 28};
    for (u32 select = 0; select < 5; select++) {
        uart.write(Register::IFLS, select << 3);
        for (u32 count = 1; count <= 32; count++) {
            uart.input("x");
            const bool reached = count >= levels[select];
            CHECK((uart.read(Register::RIS) & irq::RX) == (reached ? irq::RX : 0));
            CHECK((uart.read(Register::RIS) & irq::RT) != 0);
            CHECK(((uart.read(Register::FR) & pl011_fr::RXFF) != 0) == (count == 32));
        }
        for (u32 count = 31; count-- > 0;) {
            uart.read(Register::DR);
            const bool reached = count + 1 >= levels[select];
            CHECK((uart.read(Register::RIS) & irq::RX) == (reached ? irq::RX : 0));
        }
        uart.read(Register::DR);
        CHECK(uart.read(Register::RIS) == 0);
    }
    uart.write(Register::LCR_H, 0x60);
    uart.input("x");
    CHECK(uart.read(Register::RIS) == (irq::RX | irq::RT));
    CHECK((uart.read(Register::FR) & pl011_fr::RXFF) != 0);
    // A cleared interrupt stays so until something changes.
    uart.write(Register::ICR, irq::RX | irq::RT);
    CHECK(uart.read(Register::RIS) == 0);
    uart.write(Register::LCR_H, 0x61);
    CHECK(uart.read(Register::RIS) == 0);
}

TEST_CASE("what finds FIFO and line full is an overrun, told with the next character") {
    Uart uart;
    uart.write(Register::IMSC, irq::OE);
    for (u32 i = 0; i < Receiver::most_waiting; i++) {
        REQUIRE(uart.device.input('a'));
    }
    CHECK_FALSE(world.line);
    CHECK_FALSE(uart.device.input('b'));
    CHECK(world.line);
    CHECK(uart.read(Register::RSR) == pl011_rsr::OE);
    uart.write(Register::ICR, irq::OE);
    CHECK_FALSE(world.line);
    CHECK(uart.read(Register::DR) == 'a');
    uart.input("cd");
    std::string text;
    u32 flagged = 0;
    while (!uart.is_empty()) {
        const u32 word = uart.read(Register::DR);
        flagged += (word & pl011_dr::OE) != 0 && static_cast<char>(word) == 'c';
        text += static_cast<char>(word);
    }
    CHECK(flagged == 1);
    CHECK(text == std::string(Receiver::most_waiting - 1, 'a') + "c");
    uart.write(Register::RSR, 0xff);
    uart.read(Register::DR);
    CHECK((uart.read(Register::RSR) & pl011_rsr::OE) == 0);
}

TEST_CASE("turning the FIFO on or off empties it, not the line behind it") {
    Uart uart;
    uart.input("abc");
    uart.write(Register::LCR_H, 0x10);
    CHECK(uart.read_all() == "bc");
    uart.input(std::string(40, 'x') + "y");
    uart.write(Register::LCR_H, 0);
    CHECK(uart.read(Register::RIS) == (irq::RX | irq::RT));
    CHECK(uart.read_all() == std::string(8, 'x') + "y");
}

TEST_CASE("in loopback what is written is read, and the modem's lines are the UART's own") {
    Uart uart;
    uart.write(Register::CR, 0x300 | pl011_cr::LBE | pl011_cr::RTS | pl011_cr::Out2);
    CHECK((uart.read(Register::FR) & 0x107) == (pl011_fr::CTS | pl011_fr::RI));
    CHECK((uart.read(Register::RIS) & 0xf) == (irq::RI | irq::DSR | irq::DCD));
    uart.write(Register::ICR, 0xf);
    uart.write(Register::DR, 'x');
    uart.input("y");
    CHECK(uart.read(Register::RIS) == (irq::TX | irq::RX | irq::RT));
    CHECK(uart.read_all() == "x");
    uart.write(Register::CR, 0x300 | pl011_cr::LBE | pl011_cr::DTR | pl011_cr::Out1);
    CHECK((uart.read(Register::FR) & 0x107) == (pl011_fr::DSR | pl011_fr::DCD));
    uart.write(Register::CR, 0x301);
    CHECK((uart.read(Register::FR) & 0x107) == 7);
    CHECK(world.printed.empty());
}

TEST_CASE("SBSA's UART has a FIFO, and no line settings") {
    Uart uart{UartKind::sbsa};
    for (const Register reg : {Register::ILPR, Register::IBRD, Register::FBRD, Register::LCR_H,
                               Register::CR, Register::IFLS, Register::DMACR}) {
        uart.write(reg, ~0u);
        CHECK(uart.read(reg) == 0);
    }
    CHECK(uart.read(Register::FR) == 0x90);
    uart.input(std::string(15, 'x'));
    CHECK(uart.read(Register::RIS) == irq::RT);
    uart.input("x");
    CHECK(uart.read(Register::RIS) == (irq::RT | irq::RX));
    uart.write(Register::DR, 'o');
    CHECK(world.printed == "o");
}

TEST_CASE("the next kernel finds nothing of the last one") {
    Uart uart;
    LinuxDriver linux{uart};
    linux.startup();
    linux.set_termios();
    uart.write(Register::DMACR, 7);
    uart.write(Register::ILPR, 7);
    for (u32 i = 0; i < Receiver::most_waiting + 1; i++) {
        uart.device.input('p');
    }
    REQUIRE(world.line);
    uart.device.reset();
    CHECK_FALSE(world.line);
    CHECK_FALSE(world.is_pending);
    CHECK(uart.is_empty());
    const std::pair<Register, u32> expected[] = {
        {Register::DR, 0},      {Register::RSR, 0},  {Register::FR, 0x97}, {Register::ILPR, 0},
        {Register::IBRD, 0},    {Register::FBRD, 0}, {Register::LCR_H, 0}, {Register::CR, 0x300},
        {Register::IFLS, 0x12}, {Register::IMSC, 0}, {Register::RIS, 0},   {Register::DMACR, 0},
    };
    for (const auto [reg, value] : expected) {
        CAPTURE(static_cast<u32>(reg));
        CHECK(uart.read(reg) == value);
    }
    uart.input("n");
    CHECK(uart.read(Register::DR) == 'n'); // and no overrun
}

TEST_CASE("CPUs that use it at once agree on its line") {
    Uart uart;
    std::atomic<u32> sent{0};
    static std::atomic<u32> printed;
    printed = 0;
    uart.device.attach(UartKind::pl011, {VmId{3}, [](VmId, char) { printed++; },
                                         [](VmId, bool high) { world.line = high; }});
    uart.write(Register::IMSC, irq::RX | irq::RT);
    {
        std::jthread keyboard{[&] {
            for (u32 i = 0; i < 20'000; i++) {
                uart.device.input('k');
            }
        }};
        std::jthread reader{[&] {
            for (u32 i = 0; i < 20'000; i++) {
                uart.read(Register::DR);
            }
        }};
        std::jthread writer{[&] {
            for (u32 i = 0; i < 20'000; i++) {
                uart.write(Register::DR, 'w');
                sent++;
            }
        }};
    }
    CHECK(printed == sent);
    CHECK(world.line == !uart.is_empty());
    uart.read_all();
    CHECK_FALSE(world.line);
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
