// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

namespace baton::arm64::gic {

/// The registers with a bit, two or eight for each interrupt. They are at the same offsets in the
/// Distributor's frame, for SPIs, and in a Redistributor's SGI frame, for SGIs and PPIs. A register
/// of bank n is at + 4 * n, ICFGR at + 8 * n, IPRIORITYR at + 32 * n.
enum class InterruptRegister : u32 {
    IGROUPR = 0x0080,
    ISENABLER = 0x0100,
    ICENABLER = 0x0180,
    ISPENDR = 0x0200,
    ICPENDR = 0x0280,
    ISACTIVER = 0x0300,
    ICACTIVER = 0x0380,
    IPRIORITYR = 0x0400,
    ITARGETSR = 0x0800, ///< RES0 with affinity routing
    ICFGR = 0x0c00,
    IGRPMODR = 0x0d00,
    NSACR = 0x0e00,
    end = 0x0f00,
};

/// Which register of which bank an offset means.
struct InterruptRegisterAt {
    InterruptRegister reg;
    u32 bank;
    u32 byte; ///< offset within the bank's part: 0 to 31 for IPRIORITYR, 0 or 4 for ICFGR, else 0

    /// @param offset 4-byte aligned, except in IPRIORITYR; from IGROUPR up to `end`
    static constexpr InterruptRegisterAt decode(u32 offset) {
        constexpr u32 bitmap_step = 0x80;
        if (offset < static_cast<u32>(InterruptRegister::IPRIORITYR)) {
            return {InterruptRegister{offset / bitmap_step * bitmap_step}, offset % bitmap_step / 4,
                    0};
        }
        if (offset < static_cast<u32>(InterruptRegister::ICFGR)) {
            const u32 group = offset / 0x400 * 0x400;
            return {InterruptRegister{group}, offset % 0x400 / 32, offset % 32};
        }
        if (offset < static_cast<u32>(InterruptRegister::IGRPMODR)) {
            return {InterruptRegister::ICFGR, offset % 0x100 / 8, offset % 8};
        }
        if (offset < static_cast<u32>(InterruptRegister::NSACR)) {
            return {InterruptRegister::IGRPMODR, offset % 0x100 / 4, 0};
        }
        return {InterruptRegister::NSACR, offset % 0x100 / 8, offset % 8};
    }
};

} // namespace baton::arm64::gic
