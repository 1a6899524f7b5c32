// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/port.hpp"

namespace baton {

/// NXP i.MX UART from i.MX21 on (i.MX 8M Plus reference manual, 16.2.14).
template <class Port>
struct Imx {
    static bool put(Port& port, u8 c) {
        if (!port.wait([&] { return (port.read32(UTS) & TXFULL) == 0; })) {
            return false;
        }
        port.write32(UTXD, c);
        return true;
    }
    static bool flush(Port& port) {
        return port.wait([&] { return (port.read32(USR2) & TXDC) != 0; });
    }

  private:
    static constexpr u32 UTXD = 0x40, USR2 = 0x98, UTS = 0xb4;
    static constexpr u32 TXDC = 1 << 3;   ///< of USR2: the shifter is empty, too
    static constexpr u32 TXFULL = 1 << 4; ///< of UTS
};

} // namespace baton
