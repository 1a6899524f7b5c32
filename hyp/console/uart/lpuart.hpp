// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/port.hpp"

namespace baton {

/// NXP LPUART with 32-bit registers, little-endian (i.MX 8QM reference manual, 13.6). Those of i.MX
/// have four registers more in front: UartInfo::offset.
template <class Port>
struct Lpuart {
    static bool put(Port& port, u8 c) {
        if (!port.wait([&] { return (port.read32(STAT) & TDRE) != 0; })) {
            return false;
        }
        port.write32(DATA, c);
        return true;
    }
    static bool flush(Port& port) {
        return port.wait([&] { return (port.read32(STAT) & TC) != 0; });
    }

  private:
    static constexpr u32 STAT = 0x04, DATA = 0x0c;
    static constexpr u32 TC = 1 << 22, TDRE = 1 << 23;
};

} // namespace baton
