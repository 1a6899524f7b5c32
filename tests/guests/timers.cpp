// SPDX-License-Identifier: BSD-2-Clause
//
// The counters agree, run forward everywhere, and both timers fire on every CPU, in time.

#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/smp.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

void counters_agree() {
    std::atomic<u32> wrong;
    run_on_all("the counters are read", [&] {
        for (u32 i = 0; i < 100; i++) {
            const u64 before = PhysicalTimer::count();
            const u64 between = VirtualTimer::count();
            const u64 after = PhysicalTimer::count();
            wrong += before > between || between > after;
        }
    });
    check("CNTVCT_EL0 is CNTPCT_EL0: CNTVOFF_EL2 is 0 on all CPUs", wrong == 0, "{} wrong",
          wrong.load());
}

/// No CPU sees a time before one that another CPU has seen.
void time_is_one() {
    std::atomic<u64> latest = 0;
    std::atomic<u32> backwards;
    run_on_all("time is compared", [&] {
        for (u32 i = 0; i < 1000; i++) {
            u64 seen = latest.load(std::memory_order_acquire);
            const u64 mine = now();
            backwards += mine < seen;
            while (seen < mine && !latest.compare_exchange_weak(seen, mine)) {
            }
        }
    });
    check("CNTVCT_EL0 runs forward across CPUs", backwards == 0, "{} times backwards",
          backwards.load());
}

/// wait_until without doze(), which uses a timer itself.
template <class Condition>
bool poll_until(u64 milliseconds, const Condition& condition) {
    const u64 deadline = now() + ticks_of_us(1000 * milliseconds);
    while (!condition()) {
        if (now() > deadline) {
            return false;
        }
        yield();
    }
    return true;
}

/// When the interrupt came, by CPU.
std::array<std::atomic<u64>, max_cpus> fired_at;

template <class Timer>
void fires_everywhere(std::string_view name) {
    print("{}, INTID {}:\n", name, Timer::intid());
    gic::set_handler(Timer::intid(), [](u32) {
        fired_at[this_cpu().index] = Timer::count();
        Timer::disarm();
    });
    std::atomic<u32> missing, early, masked;
    std::atomic<u64> latest = 0;
    run_on_all("all CPUs wait for the timer", [&] {
        auto& fired = fired_at[this_cpu().index];
        gic::enable(Timer::intid());
        for (u32 i = 0; i < 10; i++) {
            fired = 0;
            const u64 due = Timer::count() + ticks_of_us(500);
            Timer::arm_at(due);
            missing += !poll_until(patience(), [&] { return fired != 0; });
            early += fired < due;
            u64 late = latest;
            while (late < fired - due && !latest.compare_exchange_weak(late, fired - due)) {
            }
        }
        // Fired but masked in its control register: no interrupt.
        fired = 0;
        Timer::arm_masked_in_us(0);
        masked += !poll_until(1, [&] { return fired != 0; }) && Timer::fired();
        Timer::disarm();
    });
    check("fires on all CPUs", missing == 0, "{} missing", missing.load());
    check("never early", early == 0, "{} early", early.load());
    check("not when it is masked by IMASK", masked == enabled_cpus());
    print("latest: {} us\n", us_of_ticks(latest));
}

void wakes_from_wfi() {
    const InterruptsMasked masked;
    gic::enable(PhysicalTimer::intid());
    const u64 due = PhysicalTimer::count() + ticks_of_us(2000);
    PhysicalTimer::arm_at(due);
    while (PhysicalTimer::count() < due) {
        wfi();
    }
    PhysicalTimer::disarm();
    check("WFI ends with a masked interrupt", true);
}

} // namespace

void guest_main() {
    const u64 frequency = read_raw<CNTFRQ_EL0>();
    print("guest: timers: {} CPUs, {} Hz\n", enabled_cpus(), frequency);
    check("CNTFRQ_EL0 is set", frequency >= 1'000'000);
    check("all CPUs start", start_all());
    counters_agree();
    time_is_one();
    fires_everywhere<PhysicalTimer>("physical timer");
    fires_everywhere<VirtualTimer>("virtual timer");
    wakes_from_wfi();
}

} // namespace baton::guest
