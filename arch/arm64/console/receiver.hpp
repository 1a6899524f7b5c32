// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/console/pl011_registers.hpp"

#include <algorithm>
#include <array>

namespace baton::arm64 {

/// The receive FIFO of an emulated PL011, and behind it the line: what a sender that heeds RTS
/// would not have sent yet. It comes into the FIFO as that empties, so that a guest loses nothing
/// of a pasted text. Only what finds the line full as well is lost, by an overrun.
/// Its indices are in range at each moment, even for two CPUs at once: the lock that guards it may
/// be taken over.
class Receiver {
  public:
    static constexpr u32 fifo_depth = 32; // since r1p5
    static constexpr u32 most_waiting = 1024;

    /// False: lost.
    bool put(char c) {
        const u32 waiting = waiting_;
        if (waiting == most_waiting) {
            overrun_ = true;
            return false;
        }
        // The first character behind the gap tells of it (3.3.1, OE).
        words_[(first_ + waiting) % most_waiting] =
            static_cast<u16>(static_cast<u8>(c) | (overrun_ ? pl011_dr::OE : 0));
        waiting_ = waiting + 1;
        overrun_ = false;
        return true;
    }
    /// A word as DR has it; 0 if there is none.
    u32 take() {
        if (waiting_ == 0) {
            return 0;
        }
        const u32 word = words_[first_];
        remove(1);
        return word;
    }
    void reset() {
        first_ = waiting_ = 0;
        overrun_ = false;
    }
    /// Empties the FIFO, not the line.
    void flush(bool fifo_enabled) { remove(level(fifo_enabled)); }

    /// Characters in the FIFO.
    u32 level(bool fifo_enabled) const { return std::min(waiting_, depth(fifo_enabled)); }
    /// Without the FIFO there is one holding register.
    static constexpr u32 depth(bool fifo_enabled) { return fifo_enabled ? fifo_depth : 1; }
    bool line_is_empty(bool fifo_enabled) const { return waiting_ <= depth(fifo_enabled); }

  private:
    void remove(u32 count) {
        first_ = (first_ + count) % most_waiting;
        waiting_ -= std::min(count, waiting_);
    }

    std::array<u16, most_waiting> words_{};
    u32 first_ = 0, waiting_ = 0;
    bool overrun_ = false;
};

} // namespace baton::arm64
