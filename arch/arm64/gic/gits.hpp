// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// The registers of an ITS's control frame (IHI 0069, 12.18): offsets in its first 64 KiB. The
/// second 64 KiB hold GITS_TRANSLATER, which only devices write to.
namespace baton::arm64::gic {

enum class Gits32 : u32 {
    CTLR = 0x0000,
    IIDR = 0x0004,
    PIDR4 = 0xffd0, ///< the first of the identification registers, which end the frame
    PIDR2 = 0xffe8,
};

enum class Gits64 : u32 {
    TYPER = 0x0008,
    CBASER = 0x0080,
    CWRITER = 0x0088,
    CREADR = 0x0090,
    BASER = 0x0100, ///< eight of them
};

inline constexpr u64 gits_frame_size = 0x10000;
inline constexpr u32 gits_base_count = 8;

namespace gits_ctlr {
inline constexpr u32 Enabled = 1 << 0;
inline constexpr u32 Quiescent = u32{1} << 31;
} // namespace gits_ctlr

namespace gits_typer {
inline constexpr u64 Physical = 1 << 0;
inline constexpr u64 CCT = 1 << 2;
inline constexpr u64 ITT_entry_size = 0xf << 4;
inline constexpr u64 ID_bits = 0x1f << 8;
inline constexpr u64 Devbits = 0x1f << 13;
inline constexpr u64 SEIS = 1 << 18;
inline constexpr u64 PTA = 1 << 19;
inline constexpr u64 HCC = u64{0xff} << 24;
inline constexpr u64 CIDbits = u64{0xf} << 32;
inline constexpr u64 CIL = u64{1} << 36;
} // namespace gits_typer

/// GITS_CBASER and GITS_BASER share the place of Valid.
inline constexpr u64 gits_valid = u64{1} << 63;

namespace gits_cbaser {
inline constexpr u64 Physical_Address = 0x000f'ffff'ffff'f000;
inline constexpr u64 Size = 0xff; ///< in pages of 4 KiB, less one
} // namespace gits_cbaser

namespace gits_baser {
inline constexpr u32 type_vpe = 2;
constexpr u32 type(u64 value) { return static_cast<u32>(value >> 56 & 7); }
inline constexpr u64 Size = 0xff; ///< in pages, less one
inline constexpr u64 Page_Size = 3 << 8;
/// Bytes; the fourth encoding is reserved, and counts as the largest.
constexpr u64 page(u64 value) {
    const u64 encoded = value >> 8 & 3;
    return encoded == 0 ? 0x1000 : encoded == 1 ? 0x4000 : 0x10000;
}
/// Of pages of 64 KiB, bits 51 to 48 are where smaller pages have bits 15 to 12.
constexpr u64 address(u64 value) {
    return page(value) == 0x10000 ? (value & 0x0000'ffff'ffff'0000) | (value >> 12 & 0xf) << 48
                                  : value & 0x0000'ffff'ffff'f000;
}
} // namespace gits_baser

} // namespace baton::arm64::gic
