// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/platform.hpp"
#include "guest-api/guest/registers.hpp"

/// Time and the two timers of EL1.
namespace baton::guest {

/// Ticks of the virtual counter.
inline u64 now() {
    isb();
    return read_raw<CNTVCT_EL0>();
}
inline u64 ticks_of_us(u64 microseconds) {
    return microseconds * read_raw<CNTFRQ_EL0>() / 1'000'000;
}
inline u64 us_of_ticks(u64 ticks) { return ticks * 1'000'000 / read_raw<CNTFRQ_EL0>(); }

/// A timer of this CPU. `entry` is its place in the DTB's /timer interrupts.
template <class Control, class Compare, class Counter, unsigned entry>
struct Timer {
    static constexpr u64 ENABLE = 1, IMASK = 2, ISTATUS = 4;

    static u64 count() {
        isb();
        return read_raw<Counter>();
    }
    /// Fires when the counter reaches `when`.
    static void arm_at(u64 when) {
        write_raw<Compare>(when);
        write_raw<Control>(ENABLE);
        isb();
    }
    static void arm_in_us(u64 microseconds) { arm_at(count() + ticks_of_us(microseconds)); }
    /// It fires, but raises no interrupt.
    static void arm_masked_in_us(u64 microseconds) {
        write_raw<Compare>(count() + ticks_of_us(microseconds));
        write_raw<Control>(ENABLE | IMASK);
        isb();
    }
    static void disarm() {
        write_raw<Control>(0);
        isb();
    }
    static bool fired() { return (read_raw<Control>() & ISTATUS) != 0; }
    static u32 intid() { return platform().timer_interrupts[entry]; }
};

using PhysicalTimer = Timer<CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTPCT_EL0, 1>;
using VirtualTimer = Timer<CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVCT_EL0, 2>;

/// Makes the virtual timer's interrupt end this CPU's waits. Every CPU, after gic::init_cpu.
void enable_wait_alarm();

/// Sleeps until an interrupt or, at the latest, a fraction of a millisecond. With interrupts
/// masked, and in an interrupt's handler, it yields only. Uses the virtual timer.
void doze();

/// Waits until `condition()` or `milliseconds` have passed; tells which.
template <class Condition>
bool wait_until(u64 milliseconds, const Condition& condition) {
    const u64 deadline = now() + ticks_of_us(1000 * milliseconds);
    while (!condition()) {
        if (now() > deadline) {
            return condition();
        }
        doze();
    }
    return true;
}

inline void pause_for(u64 milliseconds) {
    (void)wait_until(milliseconds, [] { return false; });
}

} // namespace baton::guest
