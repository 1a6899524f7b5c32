// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/port.hpp"

namespace baton {

/// Qualcomm UARTDM 1.4, in the mode without DMA: it is told how many characters come, then takes
/// them.
template <class Port>
struct Msm {
    static bool put(Port& port, u8 c) {
        // The count may be written only when all that it counted before is out.
        if (!flush(port)) {
            return false;
        }
        port.write32(NCF_TX, 1);
        (void)port.read32(NCF_TX); // in effect before the character comes
        if (!port.wait([&] { return (port.read32(SR) & TXRDY) != 0; })) {
            return false;
        }
        port.write32(TF, c);
        return true;
    }
    static bool flush(Port& port) {
        return port.wait([&] { return (port.read32(SR) & TXEMT) != 0; });
    }

  private:
    static constexpr u32 NCF_TX = 0x40, SR = 0xa4, TF = 0x100;
    static constexpr u32 TXRDY = 1 << 2, TXEMT = 1 << 3;
};

} // namespace baton
