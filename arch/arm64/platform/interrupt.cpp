// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/gic/intid.hpp"
#include "hyp/platform/arch_nodes.hpp"

namespace baton::arch {

namespace gic = arm64::gic;
using gic::Intid;

namespace {

/// The first cell of an interrupt specifier (binding arm,gic-v3): where in the INTID space the
/// second counts from.
enum class InterruptClass : u32 { spi = 0, ppi = 1, extended_spi = 2, extended_ppi = 3 };

/// The interrupt `number` of [first, end).
std::optional<Intid> intid(Intid first, Intid end, u64 number) {
    return number < index(end) - index(first)
               ? std::optional{Intid{index(first) + static_cast<u32>(number)}}
               : std::nullopt;
}

} // namespace

std::optional<InterruptId> named_interrupt(Bytes specifier) {
    CellReader reader{specifier};
    const auto interrupt_class = reader.take(1);
    const auto number = reader.take(1);
    if (!interrupt_class || !number) {
        return std::nullopt;
    }
    switch (static_cast<InterruptClass>(*interrupt_class)) {
    case InterruptClass::spi:
        return intid(gic::first_spi, gic::first_special_intid, *number);
    case InterruptClass::ppi:
        return intid(gic::first_ppi, gic::first_spi, *number);
    case InterruptClass::extended_spi:
        return intid(gic::first_extended_spi, gic::extended_spi_end, *number);
    case InterruptClass::extended_ppi:
        return intid(gic::first_extended_ppi, gic::extended_ppi_end, *number);
    }
    return std::nullopt;
}

/// Baton does not hand out extended SPIs.
bool is_shared_interrupt(InterruptId interrupt) { return gic::is_spi(interrupt); }

} // namespace baton::arch
