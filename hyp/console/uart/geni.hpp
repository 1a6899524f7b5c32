// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/port.hpp"

namespace baton {

/// Qualcomm GENI serial engine with the firmware for a UART. It sends as many bytes as a command
/// says: one each here, in the lowest byte of a FIFO word however many fit.
template <class Port>
struct Geni {
    static bool put(Port& port, u8 c) {
        // A command that is running yet (a guest's, in a panic) may wait for data for ever.
        if (!flush(port)) {
            return false;
        }
        port.write32(M_IRQ_CLEAR, CMD_DONE);
        port.write32(TX_TRANS_LEN, 1);
        port.write32(M_CMD0, START_TX << opcode_shift);
        port.write32(TX_FIFO, c);
        return port.wait([&] { return (port.read32(M_IRQ_STATUS) & CMD_DONE) != 0; });
    }
    static bool flush(Port& port) {
        return port.wait([&] { return (port.read32(STATUS) & M_CMD_ACTIVE) == 0; });
    }

  private:
    static constexpr u32 STATUS = 0x040, TX_TRANS_LEN = 0x270, M_CMD0 = 0x600;
    static constexpr u32 M_IRQ_STATUS = 0x610, M_IRQ_CLEAR = 0x618, TX_FIFO = 0x700;
    static constexpr u32 M_CMD_ACTIVE = 1 << 0, CMD_DONE = 1 << 0;
    static constexpr u32 START_TX = 1, opcode_shift = 27;
};

} // namespace baton
