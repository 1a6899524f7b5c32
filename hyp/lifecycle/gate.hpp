// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <atomic>

namespace baton {

/// The one word that decides every race between CPU_ON, CPU_OFF and exec in a VM. Exec closes the
/// gate in the same instruction that reads the count, so the count is exact: count - 1 APs arrive.
///
/// A CPU passes only while the gate is open and of the epoch that it came online in. So a CPU that
/// missed a handover can change nothing in the next kernel's life.
///
/// Open with no CPU the VM is off: a parked CPU may begin the handover that starts it.
class Gate {
  public:
    struct Value {
        u64 epoch : 47;   ///< handovers begun since boot
        u64 handover : 1; ///< closed: a boot CPU is at work
        u64 count : 16;   ///< CPUs in the guest, or on their way into it
    };

    enum class Passage {
        granted,
        closed, ///< a handover has begun: the caller is one of its APs, or was lost in it
        last,   ///< without the caller the VM would have no CPU
    };

    /// Open, epoch 0.
    /// @param count CPUs that are online: one, or none in a VM that is off
    explicit constexpr Gate(u16 count) : value_{{.epoch = 0, .handover = 0, .count = count}} {}

    /// Acquire: who sees an epoch sees all that was done before it began.
    Value load() const { return value_.load(std::memory_order_acquire); }

    /// CPU_ON, by a caller of `epoch`: one CPU more.
    Passage add(u64 epoch);

    /// CPU_OFF, by a caller of `epoch`: one CPU less, but not none.
    Passage remove(u64 epoch);

    /// Exec, by a caller of `epoch`: begins the handover `epoch` + 1. Granted to one caller alone.
    Passage close(u64 epoch);

    /// A start, by a parked CPU that saw the VM off in `epoch`: begins the handover `epoch` + 1,
    /// with no APs. Granted to one caller alone.
    Passage start(u64 epoch);

    /// A VM that is off stays so for good, whatever is ordered.
    /// @return false: it is not off, and nothing has changed
    bool shut();

    /// An AP of `handover` is out of the guest. Changes nothing when the boot CPU has gone on
    /// without it.
    /// @return true if it was the last one
    bool arrive(u64 handover);

    /// The boot CPU of `handover` is the one CPU online, or none is: the VM is off. All others are
    /// out of the guest or lost.
    void open(u64 handover, u16 count);

    static constexpr bool is_off(Value gate) { return !gate.handover && gate.count == 0; }

  private:
    template <class Decide>
    Passage pass(Decide decide);

    std::atomic<Value> value_;
    static_assert(decltype(value_)::is_always_lock_free && sizeof(Value) == sizeof(u64));
};

} // namespace baton
