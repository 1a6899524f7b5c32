// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse/uart.hpp"

#include "hyp/platform/options/options.hpp"

namespace baton {

namespace {

struct UartRow {
    std::string_view name; ///< of a node, or behind earlycon=
    UartKind kind;
    u32 registers; ///< bytes that the driver touches; of a 8250 how many registers
    u32 offset = 0;
    u8 shift = 0;
    u8 width = 4;
};

constexpr u32 ns8250_registers = 8;

// A node's strings come in their own order, the first that is here counts. Of those 8250s whose
// bindings do not ask for reg-shift and reg-io-width their drivers know these.
constexpr UartRow by_compatible[]{
    {"arm,pl011", UartKind::pl011, 0x4c},
    {"arm,sbsa-uart", UartKind::sbsa, 0x4c},
    {"ns8250", UartKind::ns8250, ns8250_registers, 0, 0, 1},
    {"ns16450", UartKind::ns8250, ns8250_registers, 0, 0, 1},
    {"ns16550", UartKind::ns8250, ns8250_registers, 0, 0, 1},
    {"ns16550a", UartKind::ns8250, ns8250_registers, 0, 0, 1},
    {"snps,dw-apb-uart", UartKind::ns8250, ns8250_registers, 0, 0, 1},
    {"nvidia,tegra20-uart", UartKind::ns8250, ns8250_registers, 0, 2, 1},
    {"brcm,bcm2835-aux-uart", UartKind::ns8250, ns8250_registers, 0, 2, 4},
    {"mediatek,mt6577-uart", UartKind::ns8250, ns8250_registers, 0, 2, 4},
    {"ti,am654-uart", UartKind::ns8250, ns8250_registers, 0, 2, 4},
    {"ti,omap4-uart", UartKind::ns8250, ns8250_registers, 0, 2, 4},
    {"fsl,imx6q-uart", UartKind::imx, 0xb8},
    {"fsl,imx21-uart", UartKind::imx, 0xb8},
    {"cdns,uart-r1p8", UartKind::cadence, 0x34},
    {"cdns,uart-r1p12", UartKind::cadence, 0x34},
    {"xlnx,xuartps", UartKind::cadence, 0x34},
    {"fsl,imx8qxp-lpuart", UartKind::lpuart, 0x10, 0x10},
    {"fsl,imx7ulp-lpuart", UartKind::lpuart, 0x10, 0x10},
    {"fsl,ls1028a-lpuart", UartKind::lpuart, 0x10},
    {"qcom,geni-debug-uart", UartKind::geni, 0x804},
    {"qcom,geni-uart", UartKind::geni, 0x804},
    {"qcom,msm-uartdm-v1.4", UartKind::msm, 0x104},
    {"amlogic,meson-ao-uart", UartKind::meson, 0x10},
    {"amlogic,meson-gx-uart", UartKind::meson, 0x10},
    {"marvell,armada-3700-uart", UartKind::armada, 0x10},
    {"renesas,scif", UartKind::scif, 0x12, 0, 2},
    {"renesas,scif-r9a07g044", UartKind::scif, 0x0a, 0, 1},
    {"renesas,scif-r9a09g057", UartKind::scif, 0x0a, 0, 1},
    {"samsung,exynos4210-uart", UartKind::exynos, 0x24, 0, 0, 1},
    {"samsung,exynos5433-uart", UartKind::exynos, 0x24, 0, 0, 1},
    {"samsung,exynos850-uart", UartKind::exynos, 0x24, 0, 0, 1},
    {"google,gs101-uart", UartKind::exynos, 0x24},
};

constexpr UartRow by_earlycon[]{
    {"pl011", UartKind::pl011, 0x4c},
    {"uart8250", UartKind::ns8250, ns8250_registers, 0, 0, 1},
    {"uart", UartKind::ns8250, ns8250_registers, 0, 0, 1},
    {"ns16550", UartKind::ns8250, ns8250_registers, 0, 0, 1},
    {"ns16550a", UartKind::ns8250, ns8250_registers, 0, 0, 1},
    {"bcm2835aux", UartKind::ns8250, ns8250_registers, 0, 2, 4},
    {"mtk8250", UartKind::ns8250, ns8250_registers, 0, 2, 4},
    {"omap8250", UartKind::ns8250, ns8250_registers, 0, 2, 4},
    {"ec_imx6q", UartKind::imx, 0xb8},
    {"ec_imx21", UartKind::imx, 0xb8},
    {"cdns", UartKind::cadence, 0x34},
    {"qcom_geni", UartKind::geni, 0x804},
    {"msm_serial_dm", UartKind::msm, 0x104},
    {"meson", UartKind::meson, 0x10},
    {"ar3700_uart", UartKind::armada, 0x10},
    {"scif", UartKind::scif, 0x12, 0, 2},
    {"exynos4210", UartKind::exynos, 0x24, 0, 0, 1},
};

constexpr u32 widest_shift = 4;
constexpr u32 widest_offset = 64 * KiB;

u64 bytes_needed(const UartRow& row, const UartInfo& uart) {
    return uart.offset +
           (row.kind == UartKind::ns8250 ? u64{row.registers} << uart.shift : u64{row.registers});
}

bool is_width(u32 width) { return width == 1 || width == 2 || width == 4; }

UartInfo info_of(const UartRow& row, PhysRange frame) {
    return {row.kind, frame, row.offset, row.shift, row.width};
}

const UartRow* row_of(FdtNode node) {
    StringReader strings{node.get("compatible").value_or(Bytes{})};
    while (const auto text = strings.take()) {
        for (const UartRow& row : by_compatible) {
            if (row.name == *text) {
                return &row;
            }
        }
    }
    return nullptr;
}

/// Off the front of `text`, with the separator.
std::string_view take_up_to(std::string_view& text, char separator) {
    const usize end = text.find(separator);
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return part;
}

struct Spacing {
    std::string_view name;
    u8 shift, width;
};
constexpr Spacing spacings[]{
    {"mmio", 0, 1}, {"mmio16", 1, 2}, {"mmio32", 2, 4}, {"mmio32native", 2, 4}};

/// Behind earlycon=
std::optional<UartInfo> read_earlycon(std::string_view text) {
    const std::string_view name = take_up_to(text, ',');
    for (const UartRow& row : by_earlycon) {
        if (row.name != name) {
            continue;
        }
        UartInfo uart = info_of(row, {});
        for (const Spacing& spacing : spacings) {
            std::string_view rest = text;
            if (take_up_to(rest, ',') != spacing.name) {
                continue;
            }
            text = rest;
            if (row.kind == UartKind::ns8250) {
                uart.shift = spacing.shift;
                uart.width = spacing.width;
            }
            break;
        }
        const auto address = parse_size(take_up_to(text, ','));
        if (!address || !is_aligned(*address, uart.width)) {
            return std::nullopt;
        }
        const auto frame = PhysRange::make({*address}, bytes_needed(row, uart));
        uart.frame = frame.value_or(PhysRange{});
        return frame ? std::optional{uart} : std::nullopt;
    }
    return std::nullopt;
}

} // namespace

std::optional<UartInfo> describe_uart(FdtNode node, PhysRange frame) {
    const UartRow* const row = row_of(node);
    if (row == nullptr) {
        return std::nullopt;
    }
    UartInfo uart = info_of(*row, frame);
    const u32 offset = node.number("reg-offset").value_or(0);
    if (offset > widest_offset) {
        return std::nullopt;
    }
    uart.offset += offset;
    if (row->kind == UartKind::ns8250) {
        const u32 shift = node.number("reg-shift").value_or(row->shift);
        if (shift > widest_shift) {
            return std::nullopt;
        }
        uart.shift = static_cast<u8>(shift);
    }
    if (row->kind == UartKind::ns8250 || row->kind == UartKind::exynos) {
        const u32 width = node.number("reg-io-width").value_or(row->width);
        if (!is_width(width)) {
            return std::nullopt;
        }
        uart.width = static_cast<u8>(width);
    }
    const bool fits = bytes_needed(*row, uart) <= frame.size;
    return fits && is_aligned(uart.registers().value, uart.width) ? std::optional{uart}
                                                                  : std::nullopt;
}

std::optional<UartInfo> parse_earlycon(std::string_view bootargs) {
    constexpr std::string_view blanks = " \t\r\n", option = "earlycon=";
    std::optional<UartInfo> found;
    for (;;) {
        const usize begin = bootargs.find_first_not_of(blanks);
        if (begin == bootargs.npos) {
            return found;
        }
        bootargs.remove_prefix(begin);
        const std::string_view word = bootargs.substr(0, bootargs.find_first_of(blanks));
        bootargs.remove_prefix(word.size());
        if (word.starts_with(option)) {
            const auto uart = read_earlycon(word.substr(option.size()));
            found = uart ? uart : found;
        }
    }
}

} // namespace baton
