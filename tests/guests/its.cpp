// SPDX-License-Identifier: BSD-2-Clause
//
// LPIs through the ITS: each generation finds the ITS and every CPU's LPIs off, sets all up, takes
// LPIs on each CPU, more than there are list registers, and leaves more behind, pending and on
// their way, when it calls SYSTEM_RESET. Options:
//   swaps=N       the last generation; the first is 0
//   bare, state=ADDRESS

#include "guest-api/guest/its.hpp"
#include "tests/guests/generation.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

/// Each CPU's events: so many from `events_each * index` on.
constexpr u32 events_each = 8;
constexpr u32 burst = 15; ///< at most 16 priorities above 0x80 can be told apart
constexpr u32 stray_events = 3;

struct Came {
    u32 times, cpu;
};
std::array<Came, its::event_count> came;
std::atomic<u32> total;

void note(u32 intid) {
    Came& event = came[(intid - its::first_lpi) % came.size()];
    event.times++;
    event.cpu = this_cpu().index;
    total++;
}

u32 event_of(const Cpu& cpu, u32 n) { return cpu.index * events_each + n; }
/// Beyond all of theirs.
u32 spare_event(u32 n) { return its::event_count - 64 + n; }

void forget() {
    came = {};
    total = 0;
}

void examine_entry() {
    const its::State found = its::state();
    require("the ITS is off at entry", !found.enabled && found.quiescent);
    require("the ITS has no table at entry", !found.any_base);
    constexpr u32 qemu_cold = 2; // 64 KiB; guests go by what they find
    require("the ITS's page size is that of a cold machine", found.page_size == qemu_cold, "{}",
            found.page_size);
    for (const Cpu& cpu : enabled()) {
        const its::LpiState lpis = its::lpi_state(cpu);
        require("LPIs are off at entry", (lpis.control & 1) == 0, "CPU {}: {x}", cpu.index,
                lpis.control);
        require("LPIs have no tables at entry", lpis.config_base == 0 && lpis.pending_base == 0,
                "CPU {}: {x} {x}", cpu.index, lpis.config_base, lpis.pending_base);
    }
}

/// A device's registers, and what is behind all RAM.
void refusals() {
    const Cpu& self = this_cpu();
    PhysAddr end{};
    for (const PhysRange& ram : platform().memory) {
        end = std::max(end, ram.end());
    }
    bool good = true;
    for (const PhysAddr bad : {PhysAddr{0x0900'0000}, end, PhysAddr{u64{1} << 46}}) {
        const its::Taken taken = its::try_address(self, bad);
        good &= !taken.queue && !taken.table && !taken.config && !taken.pending;
        good &= !its::set_lpis(self, true);
    }
    check("no table lies outside the guest's memory", good);
    const its::Taken taken = its::try_address(self, platform().image.begin);
    check("a table in its memory is taken",
          taken.queue && taken.table && taken.config && taken.pending);
}

bool all_came(u32 count) {
    return wait_until(patience(), [count] { return total >= count; }) && total == count;
}

void one_for_each_cpu() {
    u32 sent = 0;
    for (const Cpu& cpu : enabled()) {
        for (u32 n = 0; n < events_each; n++) {
            its::configure(event_of(cpu, n), gic::usual_priority, true);
            its::map(event_of(cpu, n), cpu);
        }
    }
    for (u32 n = 0; n < events_each; n++) {
        for (const Cpu& cpu : enabled()) {
            its::fire(event_of(cpu, n));
            sent++;
        }
    }
    bool good = all_came(sent);
    for (const Cpu& cpu : enabled()) {
        for (u32 n = 0; n < events_each; n++) {
            const Came& event = came[event_of(cpu, n)];
            good &= event.times == 1 && event.cpu == cpu.index;
        }
    }
    require("each CPU takes its LPIs, once each", good, "{} of {}", total.load(), sent);
    forget();
}

/// With interrupts masked: acknowledged by hand.
void many_pending() {
    const InterruptsMasked masked;
    const Cpu& self = this_cpu();
    for (u32 n = 0; n < burst; n++) {
        its::configure(spare_event(n), static_cast<u8>(8 * (n * 7 % burst)), true);
        its::map(spare_event(n), self);
    }
    bool good = true;
    for (u32 round = 0; round < 4; round++) {
        for (u32 n = 0; n < burst; n++) {
            its::fire(spare_event(n));
        }
        its::sync(self);
        u32 last = 0;
        for (u32 n = 0; n < burst; n++) {
            u32 intid = gic::spurious;
            wait_until(100, [&] { return (intid = gic::acknowledge()) != gic::spurious; });
            const u32 event = intid - its::first_lpi;
            const u32 priority = (event - spare_event(0)) * 7 % burst;
            good &= intid != gic::spurious && priority >= last;
            last = priority;
            gic::end_of_interrupt(intid);
        }
        pause_for(1);
        good &= gic::acknowledge() == gic::spurious;
    }
    require("more LPIs than list registers come once each, by priority", good);
}

/// A CPU that goes off with LPIs that it has not taken: they come to the one they are moved to.
void moved_on_cpu_off() {
    if (enabled_cpus() < 2) {
        return;
    }
    Cpu& victim = cpus()[(this_cpu().index + 1) % cpus().size()];
    static std::atomic<bool> masked, sent;
    masked = sent = false;
    for (u32 n = 0; n < stray_events; n++) {
        its::configure(spare_event(20 + n), gic::usual_priority, true);
        its::map(spare_event(20 + n), victim);
    }
    const auto go = [] {
        mask_interrupts();
        masked = true;
        wait_until(patience(), [] { return sent.load(); });
        pause_for(1);
        leave();
    };
    post(victim, Job::of(go));
    wait_until(patience(), [] { return masked.load(); });
    for (u32 n = 0; n < stray_events; n++) {
        its::fire(spare_event(20 + n));
    }
    its::sync(victim);
    for (u32 n = 0; n < stray_events; n++) {
        its::move(spare_event(20 + n), this_cpu());
    }
    sent = true;
    require("the CPU goes off", wait_until(patience(), [&] {
                return psci::affinity_info(victim.mpidr) == psci::Affinity::off;
            }));
    require("what it has not taken comes elsewhere", all_came(stray_events), "{} of {}",
            total.load(), stray_events);
    const its::LpiState lpis = its::lpi_state(victim);
    require("LPIs stay on when a CPU goes off", (lpis.control & 1) != 0);
    forget();
}

/// As a kernel does that was started by another one's kexec.
void off_and_on() {
    const Cpu& self = this_cpu();
    const InterruptsMasked masked;
    for (u32 n = 0; n < events_each; n++) {
        its::fire(event_of(self, n));
    }
    its::sync(self);
    const bool off = its::set_lpis(self, false);
    pause_for(1);
    require("LPIs go off, and none comes any more", off && gic::acknowledge() == gic::spurious);
    its::turn_on_lpis();
}

/// Whatever the last generation has left pending: to come is to fail.
void examine_silence() {
    const u32 before = total;
    run_on_all("nothing is heard", [] { pause_for(2); });
    require("no LPI of an old kernel comes", total == before, "{}", total.load());
}

[[noreturn]] void leave_all(const Cpu& caller) {
    static std::atomic<u32> masked;
    const auto wait = [] {
        mask_interrupts();
        masked++;
        if (this_cpu().index % 4 == 3) {
            leave(); // with its LPIs on
        }
        for (;;) {
            wfi();
        }
    };
    u32 others = 0;
    for (Cpu& cpu : aps_online()) {
        post(cpu, Job::of(wait));
        others++;
    }
    wait_until(patience(), [&] { return masked == others; });
    mask_interrupts();
    for (u32 n = 0; n < events_each; n++) {
        for (const Cpu& cpu : enabled()) {
            its::fire(event_of(cpu, n));
        }
    }
    its::sync(caller);
    (void)psci::system_reset();
    check("SYSTEM_RESET does not return", false);
    end();
}

} // namespace

void guest_main() {
    Generation& generation = this_generation();
    const u64 last = option_number("swaps", 0);
    print("guest: its: generation {} of {} on CPU {}, {} CPUs\n", generation.number, last,
          this_cpu().index, enabled_cpus());
    if (!check("the DTB has an ITS", its::find())) {
        return;
    }
    require("all CPUs start", start_all());
    examine_entry();
    gic::set_lpi_handler(note);
    if (above_baton()) {
        refusals();
    }
    its::turn_on();
    run_on_all("LPIs go on", [] { its::turn_on_lpis(); });
    examine_silence();
    one_for_each_cpu();
    many_pending();
    off_and_on();
    moved_on_cpu_off();
    generation.failed += failures();
    if (generation.number == last) {
        generation.magic = 0;
        check("all generations took their LPIs, and nobody else's", generation.failed == 0,
              "{} failures", generation.failed);
        return;
    }
    generation.seal();
    leave_all(this_cpu());
}

} // namespace baton::guest
