// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/console/uart_model.hpp"

#include <optional>
#include <vector>

using namespace baton;
using namespace baton::test;

namespace {

constexpr PhysRange frame{{uart_base}, 0x1000};
constexpr UartInfo info(UartKind kind, u32 offset = 0, u8 shift = 0, u8 width = 4) {
    return {kind, frame, offset, shift, width};
}

/// What every driver must do, with any model of its device.
void check(const UartInfo& uart, Model& made) {
    CAPTURE(static_cast<int>(uart.kind));
    model = &made;
    Uart<ModelMemory> driver{uart};
    driver.write("a line\n");
    driver.write_raw(std::string_view{"raw\n\x80\0", 6});
    CHECK(made.line.out == std::string("a line\r\nraw\n\x80\0", 14));
    CHECK(driver.flush());
    CHECK(made.line.is_empty());

    // It never moves again: one full wait, and then none.
    made.line.is_stuck = true;
    driver.write_raw("0123456789");
    const u32 looks = made.line.looks;
    CHECK(looks < 3 * UartPort<ModelMemory>::most_polls);
    driver.write_raw(std::string(100, 'x'));
    CHECK_FALSE(driver.flush());
    CHECK(made.line.looks - looks < 1000);

    // Or it does, and nothing has to be told.
    made.line.is_stuck = false;
    while (!made.line.is_empty()) {
        made.line.look();
    }
    made.line.out.clear();
    driver.write_raw("again");
    CHECK(made.line.out.ends_with("again"));
    model = nullptr;
}

void check(const UartInfo& uart, SimpleUart simple) {
    Model made;
    simple.build(made);
    check(uart, made);
}

} // namespace

TEST_CASE("UARTs with a register of flags and one of data") {
    // 8250: THRE says that the FIFO is empty, or, as here, that there is room.
    check(info(UartKind::ns8250, 0, 0, 1), SimpleUart{{5, 1}, {0, 1}, 0, 1 << 5, 1 << 6, 0});
    check(info(UartKind::ns8250, 0, 2, 4), SimpleUart{{5 << 2, 4}, {0, 4}, 0, 1 << 5, 1 << 6, 0});
    check(info(UartKind::ns8250, 0x40, 1, 2),
          SimpleUart{{0x40 + (5 << 1), 2}, {0x40, 2}, 0, 1 << 5, 1 << 6, 0});
    check(info(UartKind::cadence),
          SimpleUart{{0x2c, 4}, {0x30, 4}, 1 << 4, 0, 1 << 3, 1 << 11, Access{0, 4}, 0x128, 0x118});
    check(info(UartKind::lpuart, 0x10), SimpleUart{{0x14, 4}, {0x1c, 4}, 0, 1 << 23, 1 << 22, 0});
    check(info(UartKind::lpuart), SimpleUart{{0x04, 4}, {0x0c, 4}, 0, 1 << 23, 1 << 22, 0});
    check(
        info(UartKind::meson),
        SimpleUart{{0x0c, 4}, {0, 4}, 1 << 21, 0, 1 << 22, 1 << 25, Access{8, 4}, 0x2000, 0x3000});
    check(info(UartKind::armada), SimpleUart{{0x0c, 4}, {4, 4}, 1 << 11, 0, 1 << 6, 0});
}

TEST_CASE("i.MX: flags in two registers") {
    Model made;
    made.read = [&](Access at) {
        made.line.look();
        if (at == Access{0xb4, 4}) {
            return made.line.is_full() ? 1U << 4 : 0U;
        }
        REQUIRE(at == Access{0x98, 4});
        return made.line.is_empty() ? 1U << 3 : 0U;
    };
    made.write = [&](Access at, u32 value) {
        REQUIRE(at == Access{0x40, 4});
        made.line.put(value);
    };
    check(info(UartKind::imx), made);
}

TEST_CASE("Exynos: with its FIFO and without, in bytes and in words") {
    for (const bool has_fifo : {true, false}) {
        for (const u8 width : {u8{1}, u8{4}}) {
            Model made;
            made.line.depth = has_fifo ? 4 : 1;
            made.read = [&](Access at) {
                REQUIRE(at.width == 4);
                switch (at.offset) {
                case 0x08:
                    return has_fifo ? 1U : 0U;
                case 0x18:
                    REQUIRE(has_fifo);
                    made.line.look();
                    return made.line.is_full() ? 1U << 24 : 0U;
                case 0x10:
                    made.line.look();
                    return (made.line.is_empty() ? 1U << 2 : 0U) |
                           (made.line.is_full() ? 0U : 1U << 1);
                default:
                    FAIL(at.offset);
                    return 0U;
                }
            };
            made.write = [&](Access at, u32 value) {
                REQUIRE(at == Access{0x20, width});
                made.line.put(value);
            };
            check(info(UartKind::exynos, 0, 0, width), made);
        }
    }
}

TEST_CASE("SCIF: flags that stay up until they are cleared") {
    for (const u8 shift : {u8{2}, u8{1}}) {
        Model made;
        u32 flags = 0, seen = 0;
        const auto renew = [&] {
            flags |= made.line.is_full() ? 0U : 1U << 5;
            flags |= made.line.is_empty() ? 1U << 6 : 0U;
        };
        made.read = [&](Access at) {
            REQUIRE(at == Access{4U << shift, 2});
            made.line.look();
            renew();
            seen |= flags;
            return flags | 0x3; // an error of the receiver's, which is not the driver's to clear
        };
        made.write = [&](Access at, u32 value) {
            if (at == Access{3U << shift, 1}) {
                // A flag that was not cleared tells nothing.
                REQUIRE((flags & 1U << 5) != 0);
                made.line.put(value);
                return;
            }
            REQUIRE(at == Access{4U << shift, 2});
            CHECK((value & 0x3) == 0x3);
            flags &= value | ~seen;
            seen = 0;
        };
        check(info(UartKind::scif, 0, shift), made);
    }
}

TEST_CASE("GENI: a command for each byte") {
    Model made;
    made.line.depth = 1;
    bool is_active = false, is_done = false, wants_data = false;
    u32 length = 0;
    const auto look = [&] {
        made.line.look();
        if (is_active && !wants_data && made.line.is_empty()) {
            is_active = false;
            is_done = true;
        }
    };
    made.read = [&](Access at) {
        look();
        if (at == Access{0x610, 4}) {
            return is_done ? 1U : 0U;
        }
        REQUIRE(at == Access{0x040, 4});
        return is_active ? 1U : 0U;
    };
    made.write = [&](Access at, u32 value) {
        REQUIRE(at.width == 4);
        switch (at.offset) {
        case 0x618:
            is_done = is_done && (value & 1) == 0;
            break;
        case 0x270:
            REQUIRE_FALSE(is_active);
            length = value;
            break;
        case 0x600:
            REQUIRE_FALSE(is_active);
            CHECK(value == 1U << 27);
            CHECK(length == 1);
            is_active = wants_data = true;
            break;
        case 0x700:
            REQUIRE(wants_data);
            wants_data = false;
            made.line.put(value);
            break;
        default:
            FAIL(at.offset);
        }
    };
    check(info(UartKind::geni), made);
}

TEST_CASE("UARTDM: told of each character before it comes") {
    Model made;
    made.line.depth = 1;
    u32 announced = 0;
    made.read = [&](Access at) {
        if (at == Access{0x40, 4}) {
            return announced;
        }
        REQUIRE(at == Access{0xa4, 4});
        made.line.look();
        return (made.line.is_empty() ? 1U << 3 : 0U) |
               (announced != 0 && made.line.is_empty() ? 1U << 2 : 0U);
    };
    made.write = [&](Access at, u32 value) {
        if (at == Access{0x40, 4}) {
            REQUIRE(made.line.is_empty());
            announced = value;
            return;
        }
        REQUIRE(at == Access{0x100, 4});
        REQUIRE(announced == 1);
        announced = 0;
        made.line.put(value);
    };
    check(info(UartKind::msm), made);
}

TEST_CASE("earlycon= as Linux has it") {
    const auto uart = parse_earlycon("quiet earlycon=uart8250,mmio32,0xfe215040,115200n8 debug");
    REQUIRE(uart);
    CHECK(*uart == UartInfo{UartKind::ns8250, {{0xfe21'5040}, 0x20}, 0, 2, 4});
    CHECK(parse_earlycon("earlycon=uart8250,mmio,0x21c0500")->shift == 0);
    CHECK(parse_earlycon("earlycon=uart8250,0x21c0500")->width == 1);
    CHECK(parse_earlycon("earlycon=pl011,0x9000000")->kind == UartKind::pl011);
    CHECK(parse_earlycon("earlycon=pl011,mmio32,0x9000000")->frame.begin == PhysAddr{0x900'0000});
    CHECK(parse_earlycon("earlycon=ec_imx6q,0x30890000,115200")->kind == UartKind::imx);
    // The last that can be understood.
    CHECK(parse_earlycon("earlycon=pl011,0x1000 earlycon=cdns,0x2000 earlycon=efifb")->kind ==
          UartKind::cadence);
    for (const char* text :
         {"", "earlycon", "earlycon=", "earlycon=efifb", "earlycon=pl011", "earlycon=pl011,",
          "earlycon=pl011,mmio32", "earlycon=pl011,mmio32,", "earlycon=pl011,tty",
          "earlycon=pl011,0x9000001", "earlycon=uart8250,io,0x3f8", "xearlycon=pl011,0x9000000",
          "earlycon=pl011,0xffffffffffffffff", "earlycon=pl011,0xfffffffffffffff0"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_earlycon(text));
    }
}
