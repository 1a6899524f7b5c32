// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/port.hpp"

namespace baton {

/// Amlogic Meson UART (S905 datasheet, 27.4). Its transmitter may be off until it is needed.
template <class Port>
struct Meson {
    static bool put(Port& port, u8 c) {
        const u32 control = port.read32(CONTROL);
        if ((control & TX_EN) == 0) {
            port.write32(CONTROL, control | TX_EN);
        }
        if (!port.wait([&] { return (port.read32(STATUS) & TX_FULL) == 0; })) {
            return false;
        }
        port.write32(WFIFO, c);
        return true;
    }
    static bool flush(Port& port) {
        return port.wait(
            [&] { return (port.read32(STATUS) & (TX_EMPTY | XMIT_BUSY)) == TX_EMPTY; });
    }

  private:
    static constexpr u32 WFIFO = 0x00, CONTROL = 0x08, STATUS = 0x0c;
    static constexpr u32 TX_EN = 1 << 12;
    static constexpr u32 TX_FULL = 1 << 21, TX_EMPTY = 1 << 22, XMIT_BUSY = 1 << 25;
};

} // namespace baton
