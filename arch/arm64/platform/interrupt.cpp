// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/arch_nodes.hpp"

namespace baton::arch {

namespace {

/// The first cell of an interrupt specifier (binding arm,gic-v3): where in the INTID space the
/// second counts from.
enum class InterruptClass : u32 { spi = 0, ppi = 1, extended_spi = 2, extended_ppi = 3 };

constexpr u32 first_spi = 32;
constexpr u32 first_special = 1020;

std::optional<u32> intid(u32 first, u64 count, u64 number) {
    return number < count ? std::optional{first + static_cast<u32>(number)} : std::nullopt;
}

} // namespace

std::optional<u32> interrupt_number(Bytes specifier) {
    CellReader reader{specifier};
    const auto interrupt_class = reader.take(1);
    const auto number = reader.take(1);
    if (!interrupt_class || !number) {
        return std::nullopt;
    }
    switch (static_cast<InterruptClass>(*interrupt_class)) {
    case InterruptClass::spi:
        return intid(first_spi, first_special - first_spi, *number);
    case InterruptClass::ppi:
        return intid(16, 16, *number);
    case InterruptClass::extended_spi:
        return intid(4096, 1024, *number);
    case InterruptClass::extended_ppi:
        return intid(1056, 64, *number);
    }
    return std::nullopt;
}

/// Baton does not hand out extended SPIs.
bool is_shared_interrupt(u32 number) { return number >= first_spi && number < first_special; }

} // namespace baton::arch
