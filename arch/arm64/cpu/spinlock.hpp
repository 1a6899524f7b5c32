// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/basic_spinlock.hpp"
#include "arch/arm64/cpu/time.hpp"

namespace baton::arm64 {

/// The counter's time, and the hint that lets another thread of the core go on.
struct SpinClock {
    static Deadline in_ms(u64 ms) { return Deadline::in_ms(ms); }
    static void relax() { yield(); }
};

using Spinlock = BasicSpinlock<SpinClock>;

} // namespace baton::arm64
