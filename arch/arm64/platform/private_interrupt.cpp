// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/gic/intid.hpp"
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/arch_nodes.hpp"

namespace baton::arm64 {

std::optional<InterruptId> private_interrupt(const InterruptController& controller, FdtNode node,
                                             u32 at) {
    const auto extended = node.get("interrupts-extended");
    if (!extended && node.has("interrupt-parent") &&
        node.number("interrupt-parent") != controller.phandle) {
        return std::nullopt;
    }
    CellReader reader{extended ? *extended : node.get("interrupts").value_or(Bytes{})};
    for (u32 i = 0;; i++) {
        if (extended && reader.take(1) != controller.phandle) {
            return std::nullopt;
        }
        const auto specifier = reader.take_cells(controller.cells);
        if (!specifier) {
            return std::nullopt;
        }
        if (i < at) {
            continue;
        }
        const auto intid = arch::named_interrupt(*specifier);
        const bool is_private = intid && (gic::is_private(*intid) || gic::is_extended_ppi(*intid));
        return is_private ? intid : std::nullopt;
    }
}

} // namespace baton::arm64
