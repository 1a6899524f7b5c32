// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/arch.hpp"
#include "hyp/types.hpp"

#include <atomic>

namespace baton {

/// A lock that nobody waits for without bound: a CPU may have been lost inside. Entered with
/// interrupts masked. Each taking of it has a ticket of its own, so whoever comes out late, after
/// the lock was taken over, opens nothing that is another's.
class BoundedLock {
  public:
    /// Holds the lock while it lives; false if it could not be had.
    class Held {
      public:
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;
        ~Held() {
            if (lock_ != nullptr) {
                u32 ticket = ticket_;
                lock_->word_.compare_exchange_strong(ticket, ticket + 1, std::memory_order_release,
                                                     std::memory_order_relaxed);
            }
        }
        explicit operator bool() const { return lock_ != nullptr; }

      private:
        friend class BoundedLock;
        Held(BoundedLock* lock, u32 ticket) : lock_{lock}, ticket_{ticket} {}
        BoundedLock* lock_;
        u32 ticket_;
    };

    /// @param timeout_ms how long it waits before it gives up; 0: it looks once
    [[nodiscard]] Held take(u64 timeout_ms) {
        u32 ticket = try_take();
        if (ticket == none && timeout_ms != 0) {
            const Ticks deadline = in_ms(timeout_ms);
            while (ticket == none && arch::now() < deadline) {
                ticket = try_take();
            }
        }
        return {ticket != none ? this : nullptr, ticket};
    }

    /// Waits as long as holders take turns; one that keeps the lock for `timeout_ms` counts as
    /// lost, and the lock is taken over. What it guards must be sound even half-changed.
    [[nodiscard]] Held take_over(u64 timeout_ms) {
        u32 ticket = try_take();
        Ticks deadline{};
        for (u32 waits_for = none; ticket == none;) {
            const u32 seen = word_.load(std::memory_order_relaxed);
            if (is_open(seen)) {
                ticket = exchange(seen, seen + 1);
            } else if (seen != waits_for) {
                waits_for = seen;
                deadline = in_ms(timeout_ms);
            } else if (arch::now() >= deadline) {
                ticket = exchange(seen, seen + 2);
            }
        }
        return {this, ticket};
    }

  private:
    static constexpr u32 none = 0;

    static Ticks in_ms(u64 ms) { return arch::now() + arch::frequency() * ms / 1000; }

    static constexpr bool is_open(u32 word) { return word % 2 == 0; }

    u32 try_take() {
        const u32 seen = word_.load(std::memory_order_relaxed);
        return is_open(seen) ? exchange(seen, seen + 1) : none;
    }
    u32 exchange(u32 seen, u32 ticket) {
        return word_.compare_exchange_strong(seen, ticket, std::memory_order_acquire,
                                             std::memory_order_relaxed)
                   ? ticket
                   : none;
    }

    std::atomic<u32> word_{0}; ///< odd: the holder's ticket; even: open
};

} // namespace baton
