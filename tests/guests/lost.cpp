// SPDX-License-Identifier: BSD-2-Clause
//
// A CPU that never answers in a handover (baton.fault=lost:N) is kept out of the next image, which
// works without it and whose memory it does not touch. Options: lost=N, swaps=N, state=ADDRESS.

#include "tests/guests/cluster.hpp"
#include "tests/guests/generation.hpp"

namespace baton::guest {

namespace {

/// What the CPU that will be lost does: it never stops writing.
[[noreturn]] void write_for_ever() {
    asm volatile("msr daifset, #0xf");
    auto* const counters = reinterpret_cast<volatile u64*>(shared_page(1));
    for (;;) {
        counters[0] = counters[0] + 1;
    }
}

[[noreturn]] void reset_with_a_writer(Cpu& writer) {
    auto* const counters = reinterpret_cast<volatile u64*>(shared_page(1));
    const auto write = [] { write_for_ever(); };
    if (writer.enabled) {
        const u64 before = counters[0];
        post(writer, Job::of(write));
        check("the CPU that will be lost writes",
              wait_until(patience(), [&] { return counters[0] != before; }));
    }
    (void)psci::system_reset();
    check("SYSTEM_RESET does not return", false);
    end();
}

void examine_lost(const Cpu& lost) {
    check("the lost CPU is disabled in the DTB", !lost.enabled);
    const u64 entry = platform().image.begin.value;
    const psci::Status status = psci::cpu_on(lost.mpidr, entry, 0);
    check("CPU_ON of the lost CPU is refused",
          status == psci::Status::invalid_parameters || status == psci::Status::denied ||
              status == psci::Status::internal_failure || status == psci::Status::disabled,
          "{}", static_cast<std::int64_t>(status));
    print("AFFINITY_INFO of the lost CPU: {}\n",
          static_cast<std::int64_t>(psci::affinity_info(lost.mpidr)));
}

void examine_memory() {
    const auto* const counters = reinterpret_cast<volatile u64*>(shared_page(1));
    const u64 before = counters[0];
    const auto page = reinterpret_cast<const void*>(shared_page(2));
    const u64 digest = digest_of(page, page_size);
    pause_for(300);
    check("the lost CPU writes no more", counters[0] == before, "{} times", counters[0] - before);
    check("memory beside it is stable", digest_of(page, page_size) == digest);
}

} // namespace

void guest_main() {
    Generation& generation = this_generation();
    Cpu& lost = cpus()[option_number("lost", 2)];
    const u64 last = option_number("swaps", 1);
    print("guest: lost: generation {} of {}, {} of {} CPUs\n", generation.number, last,
          enabled_cpus(), cpus().size());
    if (generation.number > 0) {
        examine_lost(lost);
        check("the other CPUs are there", enabled_cpus() == cpus().size() - 1);
        examine_memory();
    }
    check("all CPUs that are there start", start_all());
    check("they run", run_on_all("they run", [] {}));
    const u32 before = failures();
    examine_clusters();
    check("no cluster's counters are as the last kernel left them", failures() == before);
    run_on_all("counters are filled", [] { leave_cluster(); });
    if (generation.number < last) {
        generation.seal();
        reset_with_a_writer(lost);
    }
    generation.magic = 0;
}

} // namespace baton::guest
