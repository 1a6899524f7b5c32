// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse.hpp"

namespace baton {

namespace {

/// The first cell of an interrupt specifier (binding arm,gic-v3): where in the INTID space the
/// second counts from.
enum class InterruptClass : u32 { spi = 0, ppi = 1, extended_spi = 2, extended_ppi = 3 };

std::optional<u32> private_intid(u64 interrupt_class, u64 number) {
    switch (static_cast<InterruptClass>(interrupt_class)) {
    case InterruptClass::ppi:
        return number < 16 ? std::optional{static_cast<u32>(16 + number)} : std::nullopt;
    case InterruptClass::extended_ppi:
        return number < 64 ? std::optional{static_cast<u32>(1056 + number)} : std::nullopt;
    default:
        return std::nullopt;
    }
}

} // namespace

std::optional<u32> private_interrupt(const GicNode& gic, FdtNode node, u32 at) {
    const auto extended = node.get("interrupts-extended");
    if (!extended && node.has("interrupt-parent") &&
        node.number("interrupt-parent") != gic.node.phandle()) {
        return std::nullopt;
    }
    CellReader reader{extended ? *extended : node.get("interrupts").value_or(Bytes{})};
    for (u32 i = 0;; i++) {
        if (extended && reader.take(1) != gic.node.phandle()) {
            return std::nullopt;
        }
        const auto interrupt_class = reader.take(1);
        const auto number = reader.take(1);
        if (!interrupt_class || !number || !reader.skip(gic.interrupt_cells - 2)) {
            return std::nullopt;
        }
        if (i == at) {
            return private_intid(*interrupt_class, *number);
        }
    }
}

} // namespace baton
