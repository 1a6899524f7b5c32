// SPDX-License-Identifier: BSD-2-Clause
//
// Whom a handover with a fault in it (baton.fault=KIND:CPU@STEP) has left: each generation starts
// all CPUs that it is given and prints what became of that, for tests/system/faults.py to judge.
// CPU 0 calls SYSTEM_RESET while all others write to memory. Where another CPU came first, as in a
// VM that any of its CPUs may start, CPU 0 only calls. Options:
//   swaps=N       the last generation; the first is 0
//   begin=MS      the first waits so long
//   linger=MS     how long to watch memory when there are fewer CPUs than before
//   state=ADDRESS

#include "tests/guests/generation.hpp"

namespace baton::guest {

namespace {

/// By index of the CPU that writes.
volatile u64* counters() { return reinterpret_cast<volatile u64*>(shared_page(1)); }

[[noreturn]] void write_for_ever() {
    asm volatile("msr daifset, #0xf");
    volatile u64& counter = counters()[this_cpu().index];
    for (;;) {
        counter = counter + 1;
    }
}

/// No CPU of the last kernel runs any more, or again.
void examine_memory(u64 milliseconds) {
    const auto* const page = reinterpret_cast<const void*>(shared_page(1));
    const u64 before = digest_of(page, page_size);
    pause_for(milliseconds);
    require("no CPU of the last kernel writes", digest_of(page, page_size) == before);
}

bool is_there(const Cpu& cpu) {
    return wait_until(patience(), [&] { return cpu.online.load(std::memory_order_acquire); });
}

/// CPU_ON, three times at most. One that does not succeed has to be answered within the deadline.
void start_patiently(Cpu& cpu) {
    psci::Status status{};
    for (u32 attempt = 0; attempt < 3; attempt++) {
        const u64 before = now();
        status = start(cpu);
        print("guest: CPU {}: CPU_ON {} after {} ms\n", cpu.index,
              static_cast<std::int64_t>(status), us_of_ticks(now() - before) / 1000);
        if (status == psci::Status::success) {
            require("a started CPU comes online", is_there(cpu), "CPU {}", cpu.index);
            return;
        }
    }
    cpu.enabled = false;
    print("guest: CPU {}: cannot be started\n", cpu.index);
}

/// Nobody who was lost comes back, whoever asks.
void examine_missing(Cpu& cpu) {
    const psci::Status status = call_cpu_on(cpu);
    const psci::Affinity affinity = psci::affinity_info(cpu.mpidr);
    print("guest: CPU {}: not in the DTB, CPU_ON {}, AFFINITY_INFO {}\n", cpu.index,
          static_cast<std::int64_t>(status), static_cast<std::int64_t>(affinity));
}

[[noreturn]] void reset_from_cpu_0() {
    const auto reset = [] { (void)psci::system_reset(); };
    post(cpus()[0], Job::of(reset));
    for (;;) {
        doze();
    }
}

[[noreturn]] void reset_with_writers() {
    const auto write = [] { write_for_ever(); };
    static constinit std::array<u64, max_cpus> before{};
    for (const Cpu& cpu : cpus()) {
        before[cpu.index] = counters()[cpu.index];
    }
    for (Cpu& cpu : aps_online()) {
        post(cpu, Job::of(write));
    }
    for (const Cpu& cpu : aps_online()) {
        const auto writes = [&] { return counters()[cpu.index] != before[cpu.index]; };
        require("every AP writes", wait_until(patience(), writes), "CPU {}", cpu.index);
    }
    (void)psci::system_reset();
    check("SYSTEM_RESET does not return", false);
    end();
}

} // namespace

void guest_main() {
    Generation& generation = this_generation();
    const u64 last = option_number("swaps", 1);
    print("guest: generation {} on CPU {}: {} of {} CPUs\n", generation.number, this_cpu().index,
          enabled_cpus(), cpus().size());
    u64& cpus_before = generation.words[0];
    if (generation.number == 0) {
        pause_for(option_number("begin", 0));
    }
    const bool fewer = generation.number > 0 && enabled_cpus() < cpus_before;
    examine_memory(fewer ? option_number("linger", 100) : 50);
    cpus_before = enabled_cpus();
    for (Cpu& cpu : cpus()) {
        if (!cpu.enabled) {
            examine_missing(cpu);
        } else if (!cpu.online) {
            start_patiently(cpu);
        }
    }
    require("all CPUs run", run_on_all("they run", [] {}));
    if (generation.number < last) {
        generation.seal();
        if (this_cpu().index != 0) {
            reset_from_cpu_0();
        }
        reset_with_writers();
    }
    generation.magic = 0;
    check("the last generation is reached", true);
}

} // namespace baton::guest
