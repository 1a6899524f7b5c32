// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/barrier.hpp"
#include "arch/arm64/time.hpp"

#include <atomic>

namespace baton::arm64 {

/// For sections of a few instructions and device accesses, entered with interrupts masked. Whoever
/// still waits after `patience_ms` waits for a CPU that was lost inside, and goes on without it:
/// what such a lock guards must be sound enough for that.
class Spinlock {
  public:
    static constexpr u64 patience_ms = 5000;

    void lock() {
        if (!taken_.exchange(true, std::memory_order_acquire)) {
            return;
        }
        const auto deadline = Deadline::in_ms(patience_ms);
        while (taken_.exchange(true, std::memory_order_acquire) && !deadline.passed()) {
            yield();
        }
    }
    void unlock() { taken_.store(false, std::memory_order_release); }
    /// Opens it whoever holds it.
    void reset() { unlock(); }

  private:
    std::atomic<bool> taken_{false};
};

} // namespace baton::arm64
