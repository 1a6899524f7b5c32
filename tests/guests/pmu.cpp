// SPDX-License-Identifier: BSD-2-Clause
//
// The cycle counter counts on every CPU, and its overflow interrupt arrives.

#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/smp.hpp"

namespace baton::guest {

namespace {

constexpr u64 cycle_counter = u64{1} << 31;

std::array<std::atomic<u32>, max_cpus> overflows;

void on_overflow(u32) {
    write_raw<PMOVSCLR_EL0>(cycle_counter);
    isb();
    overflows[this_cpu().index]++;
}

void start_counter() {
    write(PMCR_EL0::E | PMCR_EL0::C | PMCR_EL0::LC);
    write_raw<PMCCFILTR_EL0>(0);
    write_raw<PMCNTENSET_EL0>(cycle_counter);
    isb();
}

void stop_counter() {
    write_raw<PMCNTENCLR_EL0>(cycle_counter);
    write_raw<PMINTENCLR_EL1>(cycle_counter);
    write_raw<PMOVSCLR_EL0>(cycle_counter);
    isb();
}

bool counts() {
    const u64 before = read_raw<PMCCNTR_EL0>();
    return wait_until(1000, [&] { return read_raw<PMCCNTR_EL0>() > before; });
}

bool overflow_arrives(u32 intid) {
    constexpr u64 cycles_left = 10'000;
    gic::enable(intid);
    write_raw<PMCCNTR_EL0>(~u64{0} - cycles_left);
    write_raw<PMINTENSET_EL1>(cycle_counter);
    isb();
    return wait_until(patience(), [] { return overflows[this_cpu().index] != 0; });
}

} // namespace

void guest_main() {
    print("guest: pmu: {} CPUs\n", enabled_cpus());
    check("all CPUs start", start_all());
    const u64 version = ID_AA64DFR0_EL1::pmu(read<ID_AA64DFR0_EL1>());
    const auto node = Node::compatible_with("arm,armv8-pmuv3");
    if (version == 0 || version == 15 || !node) {
        print("no PMU\n");
        return;
    }
    const u32 intid = node->interrupt().value_or(0);
    print("PMUv3, version field {}, INTID {}, {} event counters\n", version, intid,
          read<PMCR_EL0>().field(11, 5));
    gic::set_handler(intid, on_overflow);
    std::atomic<u32> still, silent, more;
    run_on_all("all CPUs count", [&] {
        start_counter();
        still += !counts();
        silent += !overflow_arrives(intid);
        stop_counter();
        const u32 seen = overflows[this_cpu().index];
        pause_for(2);
        more += overflows[this_cpu().index] != seen;
        gic::disable(intid);
    });
    check("the cycle counter counts on all CPUs", still == 0, "{} not", still.load());
    check("its overflow interrupt arrives on all CPUs", silent == 0, "{} not", silent.load());
    check("no more of them when it is stopped", more == 0, "{} CPUs", more.load());
}

} // namespace baton::guest
