// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/port.hpp"

namespace baton {

/// The first UART of Marvell's Armada 3700.
template <class Port>
struct Armada {
    static bool put(Port& port, u8 c) {
        if (!port.wait([&] { return (port.read32(STAT) & TX_FIFO_FULL) == 0; })) {
            return false;
        }
        port.write32(TSH, c);
        return true;
    }
    static bool flush(Port& port) {
        return port.wait([&] { return (port.read32(STAT) & TX_EMPTY) != 0; });
    }

  private:
    static constexpr u32 TSH = 0x04, STAT = 0x0c;
    static constexpr u32 TX_EMPTY = 1 << 6, TX_FIFO_FULL = 1 << 11;
};

} // namespace baton
