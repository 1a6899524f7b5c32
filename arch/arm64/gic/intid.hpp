// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// The INTIDs that Baton knows (IHI 0069, 2.2). Extended PPIs and SPIs are hidden from the guest
/// and never enabled.
namespace baton::arm64::gic {

using Intid = InterruptId;

inline constexpr Intid first_ppi{16};
inline constexpr Intid first_spi{32};
/// 1020 to 1023 are no interrupts but answers: nothing to acknowledge for the one who asks.
inline constexpr Intid first_special_intid{1020};
inline constexpr Intid first_extended_ppi{1056};
inline constexpr Intid extended_ppi_end{1120};
inline constexpr Intid first_extended_spi{4096};
inline constexpr Intid extended_spi_end{5120};
inline constexpr Intid first_lpi{8192};
/// As many INTIDs as every virtual CPU interface can present (ICH_VTR_EL2.IDbits).
inline constexpr u32 most_id_bits = 16;
inline constexpr Intid lpi_end{1 << most_id_bits};
/// The registers of the Distributor and of the SGI frame hold 32 interrupts a word.
inline constexpr u32 bank_count = 32;

constexpr bool is_sgi(Intid intid) { return intid < first_ppi; }
constexpr bool is_ppi(Intid intid) { return intid >= first_ppi && intid < first_spi; }
constexpr bool is_spi(Intid intid) { return intid >= first_spi && intid < first_special_intid; }
constexpr bool is_private(Intid intid) { return intid < first_spi; }
constexpr bool is_extended_ppi(Intid intid) {
    return intid >= first_extended_ppi && intid < extended_ppi_end;
}
constexpr bool is_lpi(Intid intid) { return intid >= first_lpi; }

/// Bank 0 are a CPU's own SGIs and PPIs, banks 1 to 31 the SPIs.
constexpr u32 bank_of(Intid intid) { return index(intid) / 32; }
constexpr u32 bit_of(Intid intid) { return u32{1} << (index(intid) % 32); }

constexpr bool is_in(Intid intid, u32 bank, u32 bits) {
    return bank_of(intid) == bank && (bits & bit_of(intid)) != 0;
}

inline constexpr u32 sgi_bits = 0x0000ffff;

/// The one physical SGI: it makes a CPU look at what it was left to do. A guest's SGIs exist in
/// software only, so this number does not take one from it.
inline constexpr Intid kick_sgi{0};

} // namespace baton::arm64::gic
