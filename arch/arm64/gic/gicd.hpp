// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// The Distributor's registers (IHI 0069, 12.9): offsets in its 64 KiB frame.
namespace baton::arm64::gic {

enum class Gicd32 : u32 {
    CTLR = 0x0000,
    TYPER = 0x0004,
    IIDR = 0x0008,
    PIDR4 = 0xffd0, ///< the first of the identification registers, which end the frame
    PIDR2 = 0xffe8,
};

enum class Gicd64 : u32 {
    IROUTER = 0x6000, ///< + 8 * INTID, from INTID 32 on
};

/// GICD_IROUTER<n>: Aff3, Interrupt_Routing_Mode, Aff2 to Aff0.
namespace gicd_irouter {
inline constexpr u64 any = u64{1} << 31; ///< 1 of N
inline constexpr u64 all_bits = 0xff'80ff'ffff;
} // namespace gicd_irouter

inline constexpr u64 gicd_size = 0x10000;
inline constexpr u32 gicd_irouter_end = 0x6000 + 8 * 1020;

namespace gicd_ctlr {
/// In a GIC with one security state, and in the Non-secure view of one with two, whose
/// EnableGrp1A is this bit while ARE_NS is 1.
inline constexpr u32 EnableGrp1 = 1 << 1;
inline constexpr u32 EnableGrp0 = 1 << 0; ///< one security state only
inline constexpr u32 ARE = 1 << 4;        ///< ARE_NS in the Non-secure view
inline constexpr u32 DS = 1 << 6;
inline constexpr u32 RWP = u32{1} << 31;
} // namespace gicd_ctlr

namespace gicd_typer {
inline constexpr u32 ITLinesNumber = 0x1f;
inline constexpr u32 CPUNumber = 0x7 << 5;
inline constexpr u32 num_LPIs = 0x1f << 11; ///< 0: as many as IDbits says
inline constexpr u32 LPIS = 1 << 17;
inline constexpr u32 id_bits_low = 19;
inline constexpr u32 IDbits = 0x1f << id_bits_low; ///< of INTIDs, less one
inline constexpr u32 A3V = 1 << 24;
inline constexpr u32 No1N = 1 << 25;
inline constexpr u32 RSS = 1 << 26;
} // namespace gicd_typer

/// GICD_PIDR2 and GICR_PIDR2.
namespace gic_pidr2 {
inline constexpr u32 ArchRev = 0xf0;
inline constexpr u32 ArchRev_GICv3 = 0x30;
} // namespace gic_pidr2

} // namespace baton::arm64::gic
