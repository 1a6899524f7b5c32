// SPDX-License-Identifier: BSD-2-Clause
//
// Lives beside other VMs and looks whether anything of them is felt: its memory stays as it is, its
// timer interrupts and SGIs all come and no others, its clock runs on. Prints the longest time in
// which each CPU, which only spun, did not see its counter. Options:
//   seconds=N     for so long, by the counter
//   pattern=MIB   so much memory is looked at
//   beats=MS      tells so often, and not before each CPU has lived on, what is lost so far
//   off=N         and until VM N is off, which it then stays: the host VM may ask
//   still         its CPUs do nothing but spin with everything masked, between MARK_WATCH and
//                 MARK_UNWATCH: nothing of that needs a hypervisor
//   ticks=US      but it lets its timer interrupt it, so long after it has seen the last interrupt
//   calls=N       but for so many calls of each CPU's, there: to see that they are counted

#include "arch/arm64/marks.hpp"
#include "guest-api/guest/hypercall.hpp"
#include "guest-api/guest/smp.hpp"
#include "tests/guests/foreign.hpp"
#include "tests/guests/ram_pattern.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

constexpr u32 ring_sgi = 1;
constexpr u64 timer_us = 200, spin_us = 200;
constexpr u32 pages_a_round = 64;

/// Of one CPU.
struct alignas(64) Life {
    std::atomic<u64> timers = 0, rings = 0; ///< that came
    std::atomic<u64> rounds = 0, lost_timers = 0, lost_rings = 0;
    u64 gap = 0; ///< ticks
};
constinit std::array<Life, max_cpus> lives{};
std::atomic<u32> wrong_words;

Life& life_of(const Cpu& cpu) { return lives[cpu.index]; }

void count_timer(u32) {
    PhysicalTimer::disarm();
    life_of(this_cpu()).timers++;
}

/// With interrupts masked.
void spin_until(u64 end) {
    u64& gap = life_of(this_cpu()).gap;
    for (u64 last = now(); last < end;) {
        const u64 next = now();
        gap = std::max(gap, next - last);
        last = next;
    }
}

/// Does something that makes one more of `came` come.
template <class Body>
bool comes(const std::atomic<u64>& came, const Body& body) {
    const u64 before = came;
    body();
    return wait_until(patience(), [&] { return came != before; });
}

struct Losses {
    u64 rounds = 0, timers = 0, rings = 0;
};
Losses all_losses() {
    Losses all;
    for (const Cpu& cpu : cpus()) {
        const Life& life = life_of(cpu);
        all.rounds += life.rounds;
        all.timers += life.lost_timers;
        all.rings += life.lost_rings;
    }
    return all;
}

void tell_beat() {
    static constinit std::array<u64, max_cpus> rounds_then{};
    static u64 number, next_at;
    const u64 every_ms = option_number("beats", 0);
    const auto lives_on = [](const Cpu& cpu) {
        return life_of(cpu).rounds != rounds_then[cpu.index];
    };
    if (every_ms == 0 || now() < next_at || !std::ranges::all_of(cpus(), lives_on)) {
        return;
    }
    for (const Cpu& cpu : cpus()) {
        rounds_then[cpu.index] = life_of(cpu).rounds;
    }
    const Losses lost = all_losses();
    print("guest: beat {}: {} CPUs, {} timers, {} SGIs, {} words lost\n", number++, cpus().size(),
          lost.timers, lost.rings, wrong_words.load());
    next_at = now() + ticks_of_us(1000 * every_ms);
}

void live_a_round() {
    Cpu& self = this_cpu();
    Life& life = life_of(self);
    life.lost_timers += !comes(life.timers, [] { PhysicalTimer::arm_in_us(timer_us); });
    // Each CPU rings the next one, and nobody else does.
    const Cpu& next = cpus()[(self.index + 1) % cpus().size()];
    life.lost_rings += !comes(life_of(next).rings, [&] { gic::send_sgi(ring_sgi, next); });
    {
        const InterruptsMasked masked;
        spin_until(now() + ticks_of_us(spin_us));
    }
    if (self.index == 0) {
        wrong_words += look_at_pattern(pages_a_round);
        tell_beat();
    }
    life.rounds++;
}

void live(u64 end) {
    gic::set_handler(ring_sgi, [](u32) { life_of(this_cpu()).rings++; });
    gic::set_handler(PhysicalTimer::intid(), count_timer);
    std::atomic<u32> ready = 0;
    const auto body = [&] {
        listen_for_foreign_interrupts();
        ready++;
        wait_until(patience(), [&] { return ready == cpus().size(); });
        while (now() < end) {
            live_a_round();
        }
    };
    for (Cpu& cpu : aps_online()) {
        post(cpu, Job::of(body));
    }
    body();
    while (now() < end + ticks_of_us(1000 * patience()) &&
           std::ranges::any_of(aps_online(), [](const Cpu& cpu) { return cpu.has_job.load(); })) {
        doze(); // who is late still gets his rings
    }
    (void)wait_for_jobs("every CPU lives to the end");
}

/// One interrupt at most between two looks at the counter.
void spin_with_ticks(u64 end) {
    const u64 every_us = option_number("ticks", timer_us);
    Life& life = life_of(this_cpu());
    u64 seen = ~u64{0};
    gic::enable(PhysicalTimer::intid());
    asm volatile("msr daifclr, #0x2");
    while (now() < end) {
        if (const u64 came = life.timers; came != seen) {
            seen = came;
            PhysicalTimer::arm_in_us(every_us);
        }
    }
    asm volatile("msr daifset, #0x2");
    PhysicalTimer::disarm();
}

void stand_still(u64 end) {
    gic::set_handler(PhysicalTimer::intid(), count_timer);
    const auto body = [&] {
        asm volatile("msr daifset, #0xf");
        arm64::mark<MARK_WATCH>();
        for (u64 i = 0; i < option_number("calls", 0); i++) {
            (void)psci::call(psci::Function::version);
        }
        if (option("ticks")) {
            spin_with_ticks(end);
        } else {
            spin_until(end);
        }
        arm64::mark<MARK_UNWATCH>();
        asm volatile("msr daifclr, #0x7");
    };
    for (Cpu& cpu : aps_online()) {
        post(cpu, Job::of(body));
    }
    body();
    (void)wait_for_jobs("every CPU stands still to the end");
}

void report_gaps() {
    for (const Cpu& cpu : cpus()) {
        print("guest: gap: CPU {}: {} ns\n", cpu.index,
              life_of(cpu).gap * 1'000'000'000 / read_raw<CNTFRQ_EL0>());
    }
}

void report_lives() {
    const bool all =
        std::ranges::all_of(cpus(), [](auto& cpu) { return life_of(cpu).rounds != 0; });
    const Losses lost = all_losses();
    check("every timer's interrupt comes", all && lost.timers == 0, "{} of {} are lost",
          lost.timers, lost.rounds);
    check("every SGI comes", all && lost.rings == 0, "{} of {} are lost", lost.rings, lost.rounds);
}

void examine_other(u32 vm) {
    const auto is_off = [vm] {
        baton_vm_status found{};
        const CallResult asked = hypercall(BATON_VM_STATUS, vm, address_of(&found), sizeof found);
        return asked.status() == BATON_OK && found.state == BATON_VM_OFF;
    };
    check("the other VM goes off and stays off", wait_until(60'000, [&] {
              if (is_off()) {
                  pause_for(1000);
              }
              return is_off();
          }));
}

} // namespace

void guest_main() {
    check("all CPUs start", start_all());
    const u32 pages = fill_pattern();
    const u64 seconds = option_number("seconds", 5);
    const u64 end = now() + ticks_of_us(seconds * 1'000'000);
    print("guest: neighbour: {} CPUs, {} pages, {} s\n", cpus().size(), pages, seconds);
    if (option("still")) {
        stand_still(end);
    } else {
        live(end);
    }
    const u32 before = failures();
    if (option("off")) {
        examine_other(static_cast<u32>(option_number("off", 1)));
    }
    wrong_words += look_at_pattern(pages);
    check("memory is as it was written", pages != 0 && wrong_words == 0, "{} words are wrong",
          wrong_words.load());
    report_gaps();
    if (!option("still")) {
        report_lives();
        check("no interrupt came that nobody asked for", before == 0);
    }
}

} // namespace baton::guest
