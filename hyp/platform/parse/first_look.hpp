// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/parse/uart.hpp"

#include <optional>
#include <string_view>

namespace baton {

/// What is read before anything that can be refused, so that a refusal is printed, and in the way
/// that the options ask for.
struct FirstLook {
    std::string_view bootargs; ///< of /chosen
    /// The console's: that of `earlycon=` in the bootargs, if Baton can drive it, or that of
    /// /chosen's `stdout-path` or `linux,stdout-path`.
    std::optional<UartInfo> uart;
    /// Of the UART; nothing if `earlycon=` names an address that no node has.
    std::optional<FdtNode> uart_node;
    const char* why_no_uart = ""; ///< in words, without a UART
};

/// Any bytes are safe to pass: what is damaged reads as not there. Errors of other parts of the
/// tree do not matter.
FirstLook look_first(Bytes dtb);
FirstLook look_first(const Fdt& fdt);

} // namespace baton
