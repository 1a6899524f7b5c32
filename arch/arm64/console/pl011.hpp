// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/console/pl011_registers.hpp"
#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/mmio.hpp"

#include <concepts>
#include <optional>
#include <string_view>

namespace baton::arm64 {

template <class T>
concept Pl011Frame = requires(const T frame, Pl011Register reg, u32 value) {
    { frame.read(reg) } -> std::same_as<u32>;
    { frame.write(reg, value) } -> std::same_as<void>;
    { T::pause() } -> std::same_as<void>;
};

/// Arm PL011 UART (DDI 0183), polled output and interrupt-driven input. The line settings, the
/// FIFOs among them, are the firmware's or the guest's; SBSA's generic UART has the same registers
/// for data, flags and interrupts.
///
/// One CPU at a time writes, one at a time reads input.
template <Pl011Frame Frame>
class BasicPl011 {
  public:
    constexpr BasicPl011() = default;
    explicit constexpr BasicPl011(Frame frame) : frame_{frame} {}
    explicit constexpr BasicPl011(PhysAddr base)
        requires std::constructible_from<Frame, PhysAddr>
        : frame_{base} {}

    /// Lines that end in a line feed.
    void write(std::string_view text) const {
        enable(pl011_cr::UARTEN | pl011_cr::TXE);
        for (const char c : text) {
            if (c == '\n') {
                put('\r');
            }
            put(c);
        }
    }
    /// All bytes as they are.
    void write_raw(std::string_view text) const {
        enable(pl011_cr::UARTEN | pl011_cr::TXE);
        for (const char c : text) {
            put(c);
        }
    }

    /// Input interrupts from now on. Characters that are there already may not: call `read_input`
    /// once when the interrupt can come in.
    void enable_input() {
        if (!found_interrupts_) {
            found_interrupts_ = frame_.read(Pl011Register::IMSC);
        }
        enable(pl011_cr::UARTEN | pl011_cr::TXE | pl011_cr::RXE);
        frame_.write(Pl011Register::IMSC, input_interrupts);
    }

    /// What one interrupt reads at most: twice the FIFO.
    static constexpr u32 most_input = 64;

    /// Calls `sink(char)` with what came in, on an interrupt. It goes low as the FIFO empties; with
    /// more than `most_input` characters it stays high, and comes again.
    template <class Sink>
    void read_input(Sink sink) const {
        constexpr u32 errors = 0x700; // a break, or what a noisy line made
        if (is_empty()) {
            // Left behind by a change of the FIFO's mode. A character that comes in before the
            // write is read below.
            frame_.write(Pl011Register::ICR, input_interrupts);
        }
        for (u32 count = 0; count < most_input && !is_empty(); count++) {
            const u32 word = frame_.read(Pl011Register::DR);
            if ((word & errors) == 0) {
                sink(static_cast<char>(word));
            }
        }
    }

    /// For the next owner of the machine: the interrupts are masked as `enable_input` found them.
    void restore() {
        if (found_interrupts_) {
            frame_.write(Pl011Register::IMSC, *found_interrupts_);
            found_interrupts_.reset();
        }
    }

  private:
    static constexpr u32 input_interrupts = pl011_interrupt::RX | pl011_interrupt::RT;
    // Far more than one character at 9600 baud takes; a UART that is stuck loses text, not time.
    static constexpr u32 poll_limit = 1'000'000;

    /// A guest that has shut its driver down leaves the UART disabled.
    void enable(u32 bits) const {
        frame_.write(Pl011Register::CR, frame_.read(Pl011Register::CR) | bits);
    }
    bool is_empty() const { return (frame_.read(Pl011Register::FR) & pl011_fr::RXFE) != 0; }
    void put(char c) const {
        for (u32 polls = 0; (frame_.read(Pl011Register::FR) & pl011_fr::TXFF) != 0; polls++) {
            if (polls == poll_limit) {
                return;
            }
            Frame::pause();
        }
        frame_.write(Pl011Register::DR, static_cast<u8>(c));
    }

    Frame frame_;
    std::optional<u32> found_interrupts_; ///< IMSC, while input is enabled
};

struct Pl011Mmio : Mmio<Pl011Register> {
    using Mmio::Mmio;
    static void pause() { yield(); }
};
using Pl011 = BasicPl011<Pl011Mmio>;

} // namespace baton::arm64
