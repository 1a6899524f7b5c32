// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/console/pl011.hpp"
#include "arch/arm64/device_memory.hpp"
#include "hyp/console/uart/uart.hpp"

#include <optional>

namespace baton::arm64 {

/// Baton's UART: a PL011 or SBSA's part of one, which has input too, or another, output only.
///
/// One CPU at a time writes, one at a time reads input.
class Console {
  public:
    /// @param uart mapped where it is
    explicit Console(const UartInfo& uart) : uart_{uart} {
        if (uart.kind == UartKind::pl011 || uart.kind == UartKind::sbsa) {
            pl011_.emplace(uart.registers());
        }
    }

    /// Lines that end in a line feed.
    void write(std::string_view text) { pl011_ ? pl011_->write(text) : uart_.write(text); }
    /// All bytes as they are.
    void write_raw(std::string_view text) {
        pl011_ ? pl011_->write_raw(text) : uart_.write_raw(text);
    }

    bool has_input() const { return pl011_.has_value(); }
    /// The others do nothing without input: Pl011.
    void enable_input() {
        if (pl011_) {
            pl011_->enable_input();
        }
    }
    template <class Sink>
    void read_input(Sink sink) const {
        if (pl011_) {
            pl011_->read_input(sink);
        }
    }
    void restore() {
        if (pl011_) {
            pl011_->restore();
        }
    }

  private:
    Uart<MappedDevices> uart_;
    std::optional<Pl011> pl011_;
};

} // namespace baton::arm64
