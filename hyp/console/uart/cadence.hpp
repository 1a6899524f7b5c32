// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/port.hpp"

namespace baton {

/// Cadence UART, of Zynq and ZynqMP (AMD UG1085, UG1087: module UART). Its transmitter is off after
/// a reset, and when a guest has shut its driver down.
template <class Port>
struct Cadence {
    static bool put(Port& port, u8 c) {
        const u32 control = port.read32(CR);
        if ((control & (TX_EN | TX_DIS)) != TX_EN) {
            port.write32(CR, (control & ~TX_DIS) | TX_EN);
        }
        if (!port.wait([&] { return (port.read32(SR) & TXFULL) == 0; })) {
            return false;
        }
        port.write32(FIFO, c);
        return true;
    }
    static bool flush(Port& port) {
        return port.wait([&] { return (port.read32(SR) & (TXEMPTY | TACTIVE)) == TXEMPTY; });
    }

  private:
    static constexpr u32 CR = 0x00, SR = 0x2c, FIFO = 0x30;
    static constexpr u32 TX_EN = 1 << 4, TX_DIS = 1 << 5;
    static constexpr u32 TXEMPTY = 1 << 3, TXFULL = 1 << 4, TACTIVE = 1 << 11;
};

} // namespace baton
