// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/port.hpp"

namespace baton {

/// Renesas SCIF (R-Car gen3 hardware manual, 52; RZ/G2L, 22, whose registers lie closer): 8- and
/// 16-bit registers at a distance of UartInfo::shift.
template <class Port>
struct Scif {
    static bool put(Port& port, u8 c) {
        if (!port.wait([&] { return (status(port) & TDFE) != 0; })) {
            return false;
        }
        port.write8(port.at(FTDR), c);
        // Both flags stay up until 0 is written behind a read that saw them; the others are written
        // as 1, which changes nothing.
        port.write16(port.at(FSR), static_cast<u16>(status(port) & ~(TDFE | TEND)));
        return true;
    }
    static bool flush(Port& port) {
        return port.wait([&] { return (status(port) & TEND) != 0; });
    }

  private:
    static u32 status(const Port& port) { return port.read16(port.at(FSR)); }

    static constexpr u32 FTDR = 3, FSR = 4; ///< register numbers
    static constexpr u32 TDFE = 1 << 5, TEND = 1 << 6;
};

} // namespace baton
