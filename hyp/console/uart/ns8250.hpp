// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/port.hpp"

namespace baton {

/// 8250, 16450, 16550 and what was made after them (National Semiconductor PC16550D, 8.0): byte
/// registers, at a distance of reg-shift. LCR has DLAB = 0, or firmware itself could not print.
template <class Port>
struct Ns8250 {
    static bool put(Port& port, u8 c) {
        if (!port.wait([&] { return (port.read(port.at(LSR)) & THRE) != 0; })) {
            return false;
        }
        port.write(port.at(THR), c);
        return true;
    }
    static bool flush(Port& port) {
        return port.wait([&] { return (port.read(port.at(LSR)) & TEMT) != 0; });
    }

  private:
    static constexpr u32 THR = 0, LSR = 5; ///< register numbers
    static constexpr u32 THRE = 1 << 5, TEMT = 1 << 6;
};

} // namespace baton
