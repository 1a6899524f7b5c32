// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// Arm PL011 UART (DDI 0183, r1p5, chapter 3): what the driver and the emulation share. SBSA's
/// generic UART has DR, RSR, FR and the interrupt registers of it but IFLS.
namespace baton::arm64 {

enum class Pl011Register : u32 {
    DR = 0x000,
    RSR = 0x004, ///< written: ECR
    FR = 0x018,
    ILPR = 0x020,
    IBRD = 0x024,
    FBRD = 0x028,
    LCR_H = 0x02c,
    CR = 0x030,
    IFLS = 0x034,
    IMSC = 0x038,
    RIS = 0x03c,
    MIS = 0x040,
    ICR = 0x044,
    DMACR = 0x048,
    PeriphID0 = 0xfe0,
    PCellID3 = 0xffc,
};

namespace pl011_dr {
inline constexpr u32 OE = 1 << 11;
} // namespace pl011_dr

namespace pl011_rsr {
inline constexpr u32 OE = 1 << 3;
} // namespace pl011_rsr

namespace pl011_fr {
inline constexpr u32 CTS = 1 << 0;
inline constexpr u32 DSR = 1 << 1;
inline constexpr u32 DCD = 1 << 2;
inline constexpr u32 RXFE = 1 << 4;
inline constexpr u32 TXFF = 1 << 5;
inline constexpr u32 RXFF = 1 << 6;
inline constexpr u32 TXFE = 1 << 7;
inline constexpr u32 RI = 1 << 8;
} // namespace pl011_fr

namespace pl011_lcr_h {
inline constexpr u32 FEN = 1 << 4;
} // namespace pl011_lcr_h

namespace pl011_cr {
inline constexpr u32 UARTEN = 1 << 0;
inline constexpr u32 LBE = 1 << 7;
inline constexpr u32 TXE = 1 << 8;
inline constexpr u32 RXE = 1 << 9;
inline constexpr u32 DTR = 1 << 10;
inline constexpr u32 RTS = 1 << 11;
inline constexpr u32 Out1 = 1 << 12;
inline constexpr u32 Out2 = 1 << 13;
} // namespace pl011_cr

/// IMSC, RIS, MIS and ICR.
namespace pl011_interrupt {
inline constexpr u32 RI = 1 << 0;
inline constexpr u32 CTS = 1 << 1;
inline constexpr u32 DCD = 1 << 2;
inline constexpr u32 DSR = 1 << 3;
inline constexpr u32 RX = 1 << 4;
inline constexpr u32 TX = 1 << 5;
inline constexpr u32 RT = 1 << 6;
inline constexpr u32 OE = 1 << 10;
} // namespace pl011_interrupt

} // namespace baton::arm64
