// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/barrier.hpp"
#include "arch/arm64/mmio.hpp"

#include <string_view>

namespace baton::arm64 {

/// Arm PL011 UART (DDI 0183), output only. The line settings are the firmware's or the guest's;
/// SBSA's generic UART has the same data and flag registers.
class Pl011 {
  public:
    constexpr Pl011() = default;
    explicit constexpr Pl011(PhysAddr base) : regs_{base} {}

    void write(std::string_view text) const {
        // A guest that has shut its driver down leaves the UART disabled.
        regs_.write(Register::CR, regs_.read(Register::CR) | uarten_txe);
        for (const char c : text) {
            if (c == '\n') {
                put('\r');
            }
            put(c);
        }
    }

  private:
    enum class Register : u32 { DR = 0x00, FR = 0x18, CR = 0x30 };
    static constexpr u32 uarten_txe = 1 << 0 | 1 << 8;
    static constexpr u32 txff = 1 << 5;
    // Far more than one character at 9600 baud takes; a UART that is stuck loses text, not time.
    static constexpr u32 poll_limit = 1'000'000;

    void put(char c) const {
        for (u32 polls = 0; (regs_.read(Register::FR) & txff) != 0; polls++) {
            if (polls == poll_limit) {
                return;
            }
            yield();
        }
        regs_.write(Register::DR, static_cast<u8>(c));
    }

    Mmio<Register> regs_;
};

} // namespace baton::arm64
