// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/check.hpp"
#include "guest-api/guest/cpu.hpp"
#include "guest-api/guest/psci.hpp"
#include "guest-api/guest/timer.hpp"

#include <ranges>

/// Running something on other CPUs. The boot CPU runs guest_main; each AP is a loop that takes
/// jobs, woken by an SGI.
namespace baton::guest {

/// The test itself, on the boot CPU, with MMU and caches, interrupts and console working. When it
/// returns, the guest ends.
void guest_main();

/// A test may define it: each CPU calls it when it enters, with the MMU on and exceptions caught,
/// before the library changes any other register or touches the GIC.
void look_at_entry(Cpu& self);

/// The SGI that the library keeps for itself.
inline constexpr u32 wake_sgi = 15;

/// Long enough for anything that all CPUs do at once, under emulation too. Milliseconds.
u64 patience();

/// CPU_ON for the loop that takes jobs, of a CPU that is off.
psci::Status start(Cpu& cpu);
/// The call alone, which several CPUs may make for the same target.
psci::Status call_cpu_on(Cpu& cpu);

/// Starts all enabled CPUs at once and waits for them. Names those that do not come.
bool start_all();

/// Those that the DTB does not disable, the caller included.
inline auto enabled() {
    return cpus() | std::views::filter([](const Cpu& cpu) { return cpu.enabled; });
}
u32 enabled_cpus();

/// The CPUs that take jobs, without the caller.
inline auto aps_online() {
    return cpus() | std::views::filter([self = &this_cpu()](const Cpu& cpu) {
               return &cpu != self && cpu.online.load(std::memory_order_acquire);
           });
}

/// Hands a job to an AP that is online and has none.
void post(Cpu& cpu, Job job);

/// Waits until no CPU has a job. Names those that still have one.
bool wait_for_jobs(std::string_view what);

/// Runs `body` on `cpu` and waits for it.
template <class Body>
bool run_on(Cpu& cpu, std::string_view what, const Body& body) {
    post(cpu, Job::of(body));
    return wait_for_jobs(what);
}

/// Runs `body` on all CPUs that are online, the caller included, at the same time.
template <class Body>
bool run_on_all(std::string_view what, const Body& body) {
    for (Cpu& cpu : aps_online()) {
        post(cpu, Job::of(body));
    }
    body();
    return wait_for_jobs(what);
}

/// CPU_OFF on `cpu`, or on all that are online but the caller, and a wait until AFFINITY_INFO says
/// that they are off. Names those that stay.
bool stop(Cpu& cpu);
bool stop_all();

/// CPU_OFF of the CPU this runs on. As a job it takes the CPU out of the loop that takes jobs.
[[noreturn]] void leave();

/// Runs above Baton, not on the bare machine (option `bare`), which is less exact in places.
inline bool above_baton() { return !option("bare"); }

} // namespace baton::guest
