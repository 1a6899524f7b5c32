// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/arch_nodes.hpp"

namespace baton::arm64 {

std::optional<u32> private_interrupt(const InterruptController& gic, FdtNode node, u32 at) {
    constexpr u32 first_spi = 32, first_extended_ppi = 1056, end_of_ppis = 1120;
    const auto extended = node.get("interrupts-extended");
    if (!extended && node.has("interrupt-parent") &&
        node.number("interrupt-parent") != gic.phandle) {
        return std::nullopt;
    }
    CellReader reader{extended ? *extended : node.get("interrupts").value_or(Bytes{})};
    for (u32 i = 0;; i++) {
        if (extended && reader.take(1) != gic.phandle) {
            return std::nullopt;
        }
        const auto specifier = reader.take_cells(gic.cells);
        if (!specifier) {
            return std::nullopt;
        }
        if (i < at) {
            continue;
        }
        const auto intid = arch::interrupt_number(*specifier);
        const bool is_private =
            intid && (*intid < first_spi || (*intid >= first_extended_ppi && *intid < end_of_ppis));
        return is_private ? intid : std::nullopt;
    }
}

} // namespace baton::arm64
