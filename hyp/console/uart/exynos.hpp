// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/port.hpp"

namespace baton {

/// Samsung's UART as of S5PV210, with or without its FIFO. Some take 32-bit accesses only.
template <class Port>
struct Exynos {
    static bool put(Port& port, u8 c) {
        if (!port.wait([&] { return can_take(port); })) {
            return false;
        }
        port.write(UTXH, c);
        return true;
    }
    static bool flush(Port& port) {
        return port.wait([&] { return (port.read32(UTRSTAT) & TXE) != 0; });
    }

  private:
    static bool can_take(const Port& port) {
        return (port.read32(UFCON) & FIFO_ENABLED) != 0 ? (port.read32(UFSTAT) & TXFULL) == 0
                                                        : (port.read32(UTRSTAT) & TXFE) != 0;
    }

    static constexpr u32 UFCON = 0x08, UTRSTAT = 0x10, UFSTAT = 0x18, UTXH = 0x20;
    static constexpr u32 FIFO_ENABLED = 1 << 0, TXFULL = 1 << 24;
    static constexpr u32 TXFE = 1 << 1, TXE = 1 << 2; ///< of UTRSTAT: the buffer, and all of it
};

} // namespace baton
