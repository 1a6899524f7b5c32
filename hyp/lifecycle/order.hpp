// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <atomic>

namespace baton {

/// What another VM wants of this one.
enum class Order : u8 {
    none,
    enter, ///< a new kernel, whether one runs now or none
    stop,  ///< no kernel any more
};

/// The one word through which another VM's CPUs order something of a VM. One order waits at a time.
///
/// An order is taken by the CPU that leads a handover for it, behind the closed gate: so by one
/// alone, and a CPU whose handover comes too late has taken nothing. One to stop a VM that is off
/// already is taken by whoever sees that; the number keeps it from taking a later one.
class Orders {
  public:
    struct Value {
        u64 number : 56; ///< orders given so far
        Order order : 8;
    };

    /// Acquire: what was before the order is seen, so who sees the order sees which handovers had
    /// begun then.
    Value load() const { return value_.load(std::memory_order_acquire); }

    /// For a look before the guest is entered: the kick that comes with an order orders, and a CPU
    /// that misses both has that kick still to come.
    Order waiting() const { return value_.load(std::memory_order_relaxed).order; }

    /// By a CPU of another VM. @return false: another order waits
    bool give(Order order) {
        Value seen = value_.load(std::memory_order_relaxed); // the exchange orders
        return seen.order == Order::none &&
               value_.compare_exchange_strong(seen, {.number = seen.number + 1, .order = order},
                                              std::memory_order_acq_rel, std::memory_order_relaxed);
    }

    /// @param order as `load` saw it
    /// @return false: it is taken already
    bool take(Value order) {
        return value_.compare_exchange_strong(order, {.number = order.number, .order = Order::none},
                                              std::memory_order_release, std::memory_order_relaxed);
    }

  private:
    std::atomic<Value> value_{{.number = 0, .order = Order::none}};
    static_assert(decltype(value_)::is_always_lock_free && sizeof(Value) == sizeof(u64));
};

} // namespace baton
