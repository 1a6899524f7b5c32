// SPDX-License-Identifier: BSD-2-Clause
//
// The emulated PL011 register by register, behind a GIC that knows edges alone.

#include "vpl011_uart.hpp"

#include <thread>

using namespace vpl011;

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
