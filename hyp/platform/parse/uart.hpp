// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/types.hpp"

#include <optional>
#include <string_view>

/// The UARTs that Baton can print on, as the firmware describes them.
namespace baton {

enum class UartKind : u8 {
    pl011,
    sbsa, ///< the part of a PL011 that the SBSA asks for: data and flags, no line control
    ns8250,
    imx,
    cadence,
    lpuart,
    geni, ///< Qualcomm's, whose firmware sends what it is commanded to
    msm,  ///< Qualcomm's older one
    meson,
    armada,
    scif,
    exynos,
};

struct UartInfo {
    UartKind kind = UartKind::pl011;
    PhysRange frame; ///< as the description has it
    u32 offset = 0;  ///< bytes of the first register behind the frame's begin
    u8 shift = 0;    ///< register n is at n << shift, of those that are counted and not named
    u8 width = 4;    ///< bytes of an access, of those that are made in several widths: 1, 2 or 4
    std::optional<InterruptId> interrupt{}; ///< if ACPI's tables tell it; the DTB's is its node's
    bool operator==(const UartInfo&) const = default;

    PhysAddr registers() const { return frame.begin + offset; }
};

/// What a VM has of it, where several VMs share it: a PL011, and of any other UART SBSA's, for its
/// driver needs no clock.
constexpr UartKind console_kind(const UartInfo& uart) {
    return uart.kind == UartKind::pl011 ? UartKind::pl011 : UartKind::sbsa;
}

/// By the node's `compatible`, `reg-shift`, `reg-io-width` and `reg-offset`.
/// @param frame the node's registers as the CPU sees them
/// Nothing: Baton has no driver for it, or it has fewer registers than the driver uses.
std::optional<UartInfo> describe_uart(FdtNode node, PhysRange frame);

/// What the last `earlycon=NAME,[WIDTH,]ADDRESS` of a command line says that Baton understands
/// (Linux's admin-guide/kernel-parameters). The frame is as long as the driver needs it.
std::optional<UartInfo> parse_earlycon(std::string_view bootargs);

} // namespace baton
