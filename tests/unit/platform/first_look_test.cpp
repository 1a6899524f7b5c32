// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse/first_look.hpp"

#include "tests/unit/platform/dtb.hpp"

using namespace baton;
using baton::test::Dtb;

namespace {

constexpr const char* uart = "/soc/apb@1c000000/serial@90000";

FirstLook look(const Dtb& dtb) { return look_first(Bytes(dtb)); }

UartInfo uart_of(const Dtb& dtb) {
    const FirstLook seen = look(dtb);
    INFO(std::string(seen.why_no_uart));
    REQUIRE(seen.uart);
    return *seen.uart;
}

/// Cells of `reg` below the board's translating bus.
Dtb with_uart(const char* compatible, u32 size = 0x1000) {
    Dtb dtb = Dtb::load("board.dtb");
    dtb.set(uart, "compatible", compatible);
    const auto fdt = Fdt::open(dtb);
    const Bytes reg = *fdt->find(uart)->get("reg");
    CellReader reader{reg};
    std::vector<u32> cells;
    while (const auto cell = reader.take(1)) {
        cells.push_back(static_cast<u32>(*cell));
    }
    cells.back() = size;
    dtb.set(uart, "reg", cells);
    return dtb;
}

} // namespace

TEST_CASE("the console is seen whatever else is wrong") {
    for (const char* gone :
         {"/cpus", "/interrupt-controller@10000000", "/timer", "/firmware/psci"}) {
        CAPTURE(gone);
        Dtb dtb = Dtb::load("board.dtb");
        dtb.remove(gone);
        (void)baton::test::refusal(dtb);
        CHECK(uart_of(dtb).frame == PhysRange{{0x1c08'0000}, 0x1000});
        CHECK(look(dtb).bootargs == "baton.slot=64M quiet baton.rotate");
    }
}

TEST_CASE("a tree that ends in the middle is read up to there") {
    Dtb dtb = Dtb::load("board.dtb");
    // From the end: the last tag of the tree is no tag.
    const u32 end = fdt_off_dt_struct(dtb.data()) + fdt_size_dt_struct(dtb.data());
    for (u32 i = 1; i <= 4; i++) {
        dtb.bytes()[end - i] = std::byte{0xee};
    }
    CHECK(baton::test::refusal(dtb) == Error::bad_dtb);
    CHECK(look(dtb).uart);
    CHECK(look(dtb).bootargs == "baton.slot=64M quiet baton.rotate");
}

TEST_CASE("stdout-path: an alias, options, the old name, and what cannot be printed on") {
    Dtb dtb = Dtb::load("board.dtb");
    SUBCASE("a path and options") {
        dtb.set("/chosen", "stdout-path", "/soc/apb@1c000000/serial@90000:115200n8");
        CHECK(look(dtb).uart);
    }
    SUBCASE("an alias") {
        dtb.edit([](void* fdt) {
            int aliases = fdt_path_offset(fdt, "/aliases");
            aliases = aliases < 0 ? fdt_add_subnode(fdt, 0, "aliases") : aliases;
            REQUIRE(fdt_setprop_string(fdt, aliases, "serial7", uart) == 0);
        });
        dtb.set("/chosen", "stdout-path", "serial7:9600n8");
        CHECK(look(dtb).uart);
        CHECK(look(dtb).uart_node == Fdt::open(dtb)->find(uart));
    }
    SUBCASE("linux,stdout-path") {
        dtb.remove("/chosen", "stdout-path").set("/chosen", "linux,stdout-path", uart);
        CHECK(look(dtb).uart);
    }
    SUBCASE("none") {
        dtb.remove("/chosen", "stdout-path");
        CHECK_FALSE(look(dtb).uart);
        CHECK(std::string(look(dtb).why_no_uart).starts_with("no stdout-path"));
    }
    SUBCASE("no node") {
        dtb.set("/chosen", "stdout-path", "serial99:115200n8");
        CHECK_FALSE(look(dtb).uart);
        CHECK(std::string(look(dtb).why_no_uart).find("names no node") != std::string::npos);
    }
    SUBCASE("options only") {
        dtb.set("/chosen", "stdout-path", ":115200n8");
        CHECK_FALSE(look(dtb).uart);
    }
    SUBCASE("disabled") {
        dtb.set(uart, "status", "disabled");
        CHECK_FALSE(look(dtb).uart);
        CHECK(std::string(look(dtb).why_no_uart).find("disabled") != std::string::npos);
    }
    SUBCASE("no driver") {
        dtb.set(uart, "compatible", "acme,uart");
        CHECK_FALSE(look(dtb).uart);
        CHECK(std::string(look(dtb).why_no_uart).find("no driver") != std::string::npos);
    }
    SUBCASE("no /chosen") {
        dtb.remove("/chosen");
        CHECK_FALSE(look(dtb).uart);
    }
}

TEST_CASE("earlycon= goes before stdout-path, if Baton understands it") {
    Dtb dtb = Dtb::load("board.dtb");
    dtb.set("/chosen", "bootargs", "earlycon=uart8250,mmio32,0x1c081000 quiet");
    const FirstLook seen = look(dtb);
    REQUIRE(seen.uart);
    CHECK(seen.uart->kind == UartKind::ns8250);
    CHECK(seen.uart->frame == PhysRange{{0x1c08'1000}, 0x20});
    CHECK(seen.uart_node != Fdt::open(dtb)->find(uart));
    dtb.set("/chosen", "bootargs", "earlycon=pl011,0x1c080000");
    CHECK(look(dtb).uart_node == Fdt::open(dtb)->find(uart));
    dtb.set("/chosen", "bootargs", "earlycon=pl011,0x77000000");
    CHECK(look(dtb).uart->frame.begin == PhysAddr{0x7700'0000});
    CHECK_FALSE(look(dtb).uart_node);
    dtb.set("/chosen", "bootargs", "earlycon=efifb");
    CHECK(look(dtb).uart->kind == UartKind::pl011);
}

TEST_CASE("UARTs by their nodes") {
    CHECK(uart_of(with_uart("arm,sbsa-uart")).kind == UartKind::sbsa);
    CHECK(uart_of(with_uart("fsl,imx8qxp-lpuart")).offset == 0x10);
    CHECK(uart_of(with_uart("renesas,scif")).shift == 2);
    CHECK(uart_of(with_uart("renesas,scif-r9a07g044")).shift == 1);
    CHECK(uart_of(with_uart("google,gs101-uart")).width == 4);

    Dtb dtb = with_uart("snps,dw-apb-uart", 0x100);
    CHECK(uart_of(dtb) == UartInfo{UartKind::ns8250, {{0x1c08'0000}, 0x100}, 0, 0, 1});
    dtb.set(uart, "reg-shift", std::vector<u32>{2});
    dtb.set(uart, "reg-io-width", std::vector<u32>{4});
    dtb.set(uart, "reg-offset", std::vector<u32>{0x40});
    CHECK(uart_of(dtb) == UartInfo{UartKind::ns8250, {{0x1c08'0000}, 0x100}, 0x40, 2, 4});

    SUBCASE("the first string that is known counts") {
        dtb.set_texts(uart, "compatible", std::string("acme,uart\0fsl,imx6q-uart", 24));
        CHECK(uart_of(dtb).kind == UartKind::imx);
    }
    SUBCASE("a distance that no UART has") {
        dtb.set(uart, "reg-shift", std::vector<u32>{31});
        CHECK_FALSE(look(dtb).uart);
    }
    SUBCASE("a width that no access has") {
        dtb.set(uart, "reg-io-width", std::vector<u32>{3});
        CHECK_FALSE(look(dtb).uart);
    }
    SUBCASE("registers beyond the frame") {
        dtb.set(uart, "reg-offset", std::vector<u32>{0xf0});
        CHECK_FALSE(look(dtb).uart);
        dtb.set(uart, "reg-offset", std::vector<u32>{0xffff'fff0});
        CHECK_FALSE(look(dtb).uart);
    }
    SUBCASE("registers that are not aligned") {
        dtb.set(uart, "reg-offset", std::vector<u32>{0x42});
        CHECK_FALSE(look(dtb).uart);
    }
    SUBCASE("fewer registers than the driver uses") {
        CHECK_FALSE(look(with_uart("qcom,geni-uart", 0x400)).uart);
    }
}

TEST_CASE("PSCI is there if the firmware is called by SMC") {
    Dtb dtb = Dtb::load("board.dtb");
    const auto has = [](const Dtb& tree) {
        return arm64::has_psci_by_smc(*Fdt::open_unchecked(tree));
    };
    CHECK(has(dtb));
    SUBCASE("by HVC") { dtb.set("/firmware/psci", "method", "hvc"); }
    SUBCASE("0.1") { dtb.set("/firmware/psci", "compatible", "arm,psci"); }
    SUBCASE("disabled") { dtb.set("/firmware/psci", "status", "disabled"); }
    SUBCASE("none") { dtb.remove("/firmware/psci"); }
    CHECK_FALSE(has(dtb));
}

TEST_CASE("damage to a byte does not make the first look go astray") {
    const Dtb good = Dtb::load("board.dtb");
    for (usize at = 0; at < Bytes(good).size(); at += 3) {
        Dtb bad = good;
        bad.bytes()[at] ^= std::byte{0xff};
        const FirstLook seen = look(bad);
        (void)seen;
        if (const auto fdt = Fdt::open_unchecked(bad)) {
            (void)arm64::has_psci_by_smc(*fdt);
        }
    }
}
