// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicr.hpp"
#include "arch/arm64/gic/interrupt_registers.hpp"
#include "hyp/types.hpp"

#include <optional>

/// Which register a guest's access to a frame means.
namespace baton::arm64::gic {

constexpr bool is_bank_register(u32 offset) {
    return offset >= static_cast<u32>(InterruptRegister::IGROUPR) &&
           offset < static_cast<u32>(InterruptRegister::end);
}

/// The register of a bank at `offset` of the Distributor's frame or of SGI_base. Nothing: it is
/// none, or of a size that is RAZ/WI (IHI 0069, 12.1.3): all but words, and bytes of a priority
/// register.
constexpr std::optional<InterruptRegisterAt> bank_register(u32 offset, u32 size) {
    const bool priority = offset >= static_cast<u32>(InterruptRegister::IPRIORITYR) &&
                          offset < static_cast<u32>(InterruptRegister::ITARGETSR);
    if (!is_bank_register(offset) || (size != 4 && (size != 1 || !priority)) ||
        !is_aligned(offset, size)) {
        return std::nullopt;
    }
    return InterruptRegisterAt::decode(offset);
}

/// The same for a Redistributor's offset in SGI_base's frame and above, whose one bank is 0.
constexpr std::optional<InterruptRegisterAt> sgi_register(u32 offset, u32 size) {
    const auto in_frame = static_cast<u32>(offset - gicr_sgi_base);
    if (in_frame >= gicr_frame_size) {
        return std::nullopt;
    }
    const auto at = bank_register(in_frame, size);
    return at && at->bank == 0 ? at : std::nullopt;
}

} // namespace baton::arm64::gic
