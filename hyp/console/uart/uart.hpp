// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/armada.hpp"
#include "hyp/console/uart/cadence.hpp"
#include "hyp/console/uart/exynos.hpp"
#include "hyp/console/uart/geni.hpp"
#include "hyp/console/uart/imx.hpp"
#include "hyp/console/uart/lpuart.hpp"
#include "hyp/console/uart/meson.hpp"
#include "hyp/console/uart/msm.hpp"
#include "hyp/console/uart/ns8250.hpp"
#include "hyp/console/uart/scif.hpp"

#include <string_view>

namespace baton {

/// Polled output on a UART of any kind that firmware has set up; no line setting is touched. Those
/// with input have drivers of their own: here they take no character.
///
/// One CPU at a time writes.
template <UartMemory Memory>
class Uart {
  public:
    using Port = UartPort<Memory>;

    explicit constexpr Uart(const UartInfo& uart, Memory memory = {})
        : port_{uart, memory}, kind_{uart.kind} {}

    /// Lines that end in a line feed. What a UART that is stuck does not take is lost.
    void write(std::string_view text) {
        for (const char c : text) {
            if (c == '\n') {
                put('\r');
            }
            put(static_cast<u8>(c));
        }
    }
    /// All bytes as they are.
    void write_raw(std::string_view text) {
        for (const char c : text) {
            put(static_cast<u8>(c));
        }
    }
    /// Waits until all that was written is on the line. False: it is stuck.
    bool flush() {
        return with_driver([&]<class Driver>() { return Driver::flush(port_); });
    }

  private:
    void put(u8 c) {
        (void)with_driver([&]<class Driver>() { return Driver::put(port_, c); });
    }

    template <class Use>
    bool with_driver(Use use) {
        switch (kind_) {
        case UartKind::ns8250:
            return use.template operator()<Ns8250<Port>>();
        case UartKind::imx:
            return use.template operator()<Imx<Port>>();
        case UartKind::cadence:
            return use.template operator()<Cadence<Port>>();
        case UartKind::lpuart:
            return use.template operator()<Lpuart<Port>>();
        case UartKind::geni:
            return use.template operator()<Geni<Port>>();
        case UartKind::msm:
            return use.template operator()<Msm<Port>>();
        case UartKind::meson:
            return use.template operator()<Meson<Port>>();
        case UartKind::armada:
            return use.template operator()<Armada<Port>>();
        case UartKind::scif:
            return use.template operator()<Scif<Port>>();
        case UartKind::exynos:
            return use.template operator()<Exynos<Port>>();
        case UartKind::pl011:
        case UartKind::sbsa:
            return false;
        }
        __builtin_unreachable();
    }

    Port port_;
    UartKind kind_;
};

} // namespace baton
