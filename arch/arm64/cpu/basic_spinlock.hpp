// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <atomic>

namespace baton::arm64 {

/// For sections of a few instructions and device accesses, entered with interrupts masked. Whoever
/// waits for one holder longer than `timeout_ms` waits for a CPU that was lost inside, and takes
/// the lock over: what it guards must be sound enough for that. A CPU that was not lost after all
/// then opens nothing, for the lock is not its own any more.
/// @tparam Clock has `Deadline in_ms(u64)`, with `bool passed()`, and `relax()`, called while
/// waiting
template <class Clock>
class BasicSpinlock {
  public:
    static constexpr u64 timeout_ms = 5000;

    /// One taking of the lock.
    class Ticket {
        friend BasicSpinlock;
        explicit constexpr Ticket(u64 taken) : taken_{taken} {}
        u64 taken_;
    };

    [[nodiscard]] Ticket lock() {
        u64 now = state_.load(std::memory_order_relaxed);
        const u64 mine = now + 1;
        if (!is_taken(now) && state_.compare_exchange_strong(now, mine, std::memory_order_acquire,
                                                             std::memory_order_relaxed)) {
            return Ticket{mine};
        }
        return wait();
    }
    void unlock(Ticket ticket) {
        state_.compare_exchange_strong(ticket.taken_, ticket.taken_ + 1, std::memory_order_release,
                                       std::memory_order_relaxed);
    }
    /// Opens it whoever holds it.
    void reset() {
        u64 now = state_.load(std::memory_order_relaxed);
        if (is_taken(now)) {
            state_.compare_exchange_strong(now, now + 1, std::memory_order_release,
                                           std::memory_order_relaxed);
        }
    }

    /// Holds a lock as long as it lives.
    class Guard {
      public:
        explicit Guard(BasicSpinlock& lock) : lock_{lock}, ticket_{lock.lock()} {}
        ~Guard() { lock_.unlock(ticket_); }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;

      private:
        BasicSpinlock& lock_;
        Ticket ticket_;
    };

  private:
    static constexpr bool is_taken(u64 state) { return state % 2 != 0; }

    // Not inlined: lock() would save registers for it that it does not need.
    [[gnu::noinline]] Ticket wait() {
        u64 seen = state_.load(std::memory_order_relaxed);
        auto deadline = Clock::in_ms(timeout_ms);
        for (;;) {
            u64 now = state_.load(std::memory_order_relaxed);
            if (now != seen) { // it goes on: nobody is lost in there
                seen = now;
                deadline = Clock::in_ms(timeout_ms);
            }
            if (is_taken(now) && !deadline.passed()) {
                Clock::relax();
                continue;
            }
            const u64 mine = now + (is_taken(now) ? 2 : 1);
            if (state_.compare_exchange_strong(now, mine, std::memory_order_acquire,
                                               std::memory_order_relaxed)) {
                return Ticket{mine};
            }
        }
    }

    /// Grows with each change: odd while somebody holds it, who is known by the number.
    std::atomic<u64> state_{0};
};

} // namespace baton::arm64
