// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/console.hpp"

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/mmio.hpp"
#include "guest-api/guest/fdt.hpp"

#include <atomic>

namespace baton::guest {

namespace {

enum class Pl011 : u64 { DR = 0x00, FR = 0x18, LCR_H = 0x2c, CR = 0x30 };
constexpr u32 FR_TXFF = 1 << 5;
constexpr u32 LCR_H_FEN_WLEN_8 = 1 << 4 | 3 << 5;
constexpr u32 CR_UARTEN_TXE_RXE = 1 << 0 | 1 << 8 | 1 << 9;

/// Turns of a wait before it is given up: far more than a character or a line takes.
constexpr u32 patience = 10'000'000;

arm64::Mmio<Pl011> uart;
bool present;
std::atomic<bool> locked;

void put(char c) {
    for (u32 i = 0; i < patience && (uart.read(Pl011::FR) & FR_TXFF) != 0; i++) {
        arm64::yield();
    }
    uart.write(Pl011::DR, static_cast<u8>(c));
}

} // namespace

void open_console() {
    const auto node = Node::console();
    const auto reg = node ? node->reg() : std::nullopt;
    if (!reg) {
        return;
    }
    uart = arm64::Mmio<Pl011>{reg->begin};
    present = true;
    if ((uart.read(Pl011::CR) & 1) == 0) {
        uart.write(Pl011::LCR_H, LCR_H_FEN_WLEN_8);
        uart.write(Pl011::CR, CR_UARTEN_TXE_RXE);
    }
}

void write_console(std::string_view text) {
    if (!present) {
        return;
    }
    // A CPU that was stopped while it wrote must not silence the others.
    for (u32 i = 0; i < patience && locked.exchange(true, std::memory_order_acquire); i++) {
        arm64::yield();
    }
    for (const char c : text) {
        if (c == '\n') {
            put('\r');
        }
        put(c);
    }
    locked.store(false, std::memory_order_release);
}

} // namespace baton::guest
