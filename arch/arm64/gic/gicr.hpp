// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/affinity.hpp"
#include "hyp/types.hpp"

/// The registers of a Redistributor's first frame, RD_base (IHI 0069, 12.10). The second, SGI_base,
/// is interrupt_registers.hpp; a GICv4 has two more, for virtual LPIs.
namespace baton::arm64::gic {

enum class Gicr32 : u32 {
    CTLR = 0x0000,
    IIDR = 0x0004,
    TYPER_HIGH = 0x000c,
    WAKER = 0x0014,
    PIDR4 = 0xffd0, ///< the first of the identification registers, which end the frame
    PIDR2 = 0xffe8,
};

enum class Gicr64 : u32 {
    TYPER = 0x0008,
    PROPBASER = 0x0070,
    PENDBASER = 0x0078,
};

inline constexpr u64 gicr_frame_size = 0x10000;
inline constexpr u64 gicr_sgi_base = gicr_frame_size;

namespace gicr_ctlr {
inline constexpr u32 EnableLPIs = 1 << 0;
inline constexpr u32 CES = 1 << 1; ///< EnableLPIs can be cleared
inline constexpr u32 RWP = 1 << 3;
inline constexpr u32 DPG1NS = 1 << 25;
inline constexpr u32 UWP = u32{1} << 31;
} // namespace gicr_ctlr

namespace gicr_propbaser {
inline constexpr u64 IDbits = 0x1f; ///< of INTIDs, less one
inline constexpr u64 Physical_Address = 0x000f'ffff'ffff'f000;
} // namespace gicr_propbaser

namespace gicr_pendbaser {
inline constexpr u64 Physical_Address = 0x000f'ffff'ffff'0000;
} // namespace gicr_pendbaser

namespace gicr_typer {
inline constexpr u64 PLPIS = 1 << 0;
inline constexpr u64 VLPIS = 1 << 1;
inline constexpr u64 Last = 1 << 4;
inline constexpr u64 DPGS = 1 << 5;
inline constexpr u64 Processor_Number = 0xffff << 8;
inline constexpr u64 Affinity_Value = 0xffffffff'00000000;
/// Aff3.Aff2.Aff1.Aff0, a byte each.
constexpr Affinity affinity(u64 typer) { return Affinity{static_cast<u32>(typer >> 32)}; }
} // namespace gicr_typer

namespace gicr_waker {
inline constexpr u32 ProcessorSleep = 1 << 1;
inline constexpr u32 ChildrenAsleep = 1 << 2;
} // namespace gicr_waker

} // namespace baton::arm64::gic
