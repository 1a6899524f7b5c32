// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/gic/physical_bank.hpp"
#include "arch/arm64/gic/priority.hpp"

#include <array>
#include <atomic>

namespace baton::arm64::gic {

/// The priorities of a bank's 32 interrupts, four a word: the guest's own, in the bits that a
/// virtual priority has, and what the physical registers hold of them. Writers have the bank's
/// lock.
template <GicHardware Hardware>
class BankPriorities {
  public:
    static constexpr u32 words = PhysicalBank<Hardware>::words;

    /// @param guest the interrupts that are the guest's
    /// @param hardware those of them that the physical registers keep
    void init(PhysicalBank<Hardware>& physical, u32 guest, u32 hardware, u8 implemented) {
        physical_ = &physical;
        guest_ = guest;
        hardware_ = hardware;
        implemented_ = u32{implemented} * 0x0101'0101;
        for (u32 n = 0; n < words; n++) {
            at_boot_[n] = physical.priorities_at_boot(n) & implemented_ & bytes_of(guest, n);
        }
        is_written_ = true;
        distrust_hardware();
    }

    u32 word(u32 n) const { return priorities_[n].load(std::memory_order_relaxed); }
    u8 byte(u32 n) const { return static_cast<u8>(word(n / 4) >> (n % 4 * 8)); }

    /// @param size 1 or 4 bytes
    void write(u32 byte, u32 size, u32 value) {
        const u32 n = byte / 4;
        const u32 shift = byte % 4 * 8;
        const u32 written = (size == 1 ? u32{0xff} << shift : ~u32{0}) & bytes_of(guest_, n);
        is_written_ = true;
        priorities_[n].store((word(n) & ~written) | (value << shift & written & implemented_),
                             std::memory_order_relaxed);
        update_hardware(n);
    }
    /// Before interrupts are enabled physically: those of words that have any of them.
    void update_hardware_of(u32 interrupts) {
        for (u32 n = 0; n < words; n++) {
            if ((interrupts & bits_of(n)) != 0) {
                update_hardware(n);
            }
        }
    }

    /// As after a cold boot: most kernels have written none.
    void reset() {
        if (is_written_) {
            reset_written();
        }
    }
    /// What the physical registers hold is not known any more.
    void distrust_hardware() { in_hardware_.fill(unknown); }

  private:
    static constexpr u32 unknown = ~u32{0}; ///< of no guest's priorities

    // Not inlined: few banks need it, and all pay for the registers that it takes.
    [[gnu::noinline]] void reset_written() {
        is_written_ = false;
        for (u32 n = 0; n < words; n++) {
            priorities_[n].store(at_boot_[n], std::memory_order_relaxed);
        }
    }
    void update_hardware(u32 n) {
        const u32 mine = bytes_of(hardware_, n);
        const u32 wanted = to_physical_priorities(word(n)) & mine;
        if (in_hardware_[n] != wanted) {
            physical_->write_priorities(n, mine, wanted);
            in_hardware_[n] = wanted;
        }
    }
    static constexpr u32 bits_of(u32 word) { return u32{0xf} << (word * 4); }
    /// A byte of ones for each of the four interrupts of a word that is in `bits`.
    static constexpr u32 bytes_of(u32 bits, u32 word) {
        const u32 four = (bits & bits_of(word)) >> (word * 4);
        return ((four * 0x0020'4081) & 0x0101'0101) * 0xff;
    }

    PhysicalBank<Hardware>* physical_ = nullptr;
    u32 guest_ = 0, hardware_ = 0;
    u32 implemented_ = ~u32{0}; ///< bits of four priorities
    bool is_written_ = false;   ///< since the reset. Noted before it is done
    std::array<u32, words> at_boot_{};
    std::array<std::atomic<u32>, words> priorities_{};
    /// It matters for enabled interrupts only, so a reset leaves it as it is, and the next kernel's
    /// writes of the same priorities end here.
    std::array<u32, words> in_hardware_{};
};

} // namespace baton::arm64::gic
