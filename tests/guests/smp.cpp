// SPDX-License-Identifier: BSD-2-Clause
//
// Every CPU comes up, goes and comes again through PSCI, and PSCI tells the truth about it.
// Options: rounds=N, bare.

#include "guest-api/guest/smp.hpp"
#include "guest-api/guest/mmu.hpp"

namespace baton::guest {

namespace {

using psci::Affinity;
using psci::Status;

std::int64_t code(Status status) { return static_cast<std::int64_t>(status); }

void check_status(std::string_view name, Status found, Status expected) {
    check(name, found == expected, "{}, expected {}", code(found), code(expected));
}

/// What CPU_ON and the boot protocol promise of a CPU that comes in.
void examine_every_cpu() {
    const u64 frequency = read_raw<CNTFRQ_EL0>();
    std::atomic<u32> ran;
    const bool finished = run_on_all("every CPU runs its job", [&] {
        const Cpu& self = this_cpu();
        ran++;
        require("MPIDR as in the DTB", own_affinity() == self.mpidr, "CPU {}: {x}, expected {x}",
                self.index, own_affinity(), self.mpidr);
        require("entered at EL1", self.entry.current_el == CurrentEL::EL1.value, "CPU {}",
                self.index);
        require("entered with DAIF masked", self.entry.daif == 0x3c0, "CPU {}: {x}", self.index,
                self.entry.daif);
        require("entered with MMU and caches off",
                (self.entry.sctlr & (SCTLR_EL1::M | SCTLR_EL1::C).value) == 0, "CPU {}: {x}",
                self.index, self.entry.sctlr);
        require("CNTFRQ is the same everywhere",
                frequency != 0 && read_raw<CNTFRQ_EL0>() == frequency, "CPU {}", self.index);
    });
    check("every CPU runs, once, at EL1 and with its own MPIDR", finished && ran == enabled_cpus(),
          "{} of {} CPUs", ran.load(), enabled_cpus());
}

void turn_off_and_on(u64 rounds) {
    bool good = true;
    for (u64 i = 0; i < rounds && good; i++) {
        good = stop_all() && start_all();
    }
    check("all APs go off and come back, again and again", good, "of {} rounds", rounds);
}

/// OFF may be seen only after the target has taken its last step.
void watch_one_leave(Cpu& target) {
    std::atomic<bool> left = false;
    bool early = false;
    bool odd = false;
    const auto go = [&] {
        left.store(true, std::memory_order_release);
        leave();
    };
    check("AFFINITY_INFO of a running CPU is ON",
          psci::affinity_info(target.mpidr) == Affinity::on);
    post(target, Job::of(go));
    const bool off = wait_until(patience(), [&] {
        const Affinity now = psci::affinity_info(target.mpidr);
        early |= now == Affinity::off && !left.load(std::memory_order_acquire);
        odd |= now != Affinity::off && now != Affinity::on;
        return now == Affinity::off;
    });
    check("AFFINITY_INFO says OFF only after the CPU has left", off && !early && !odd);
    check_status("CPU_ON right after OFF succeeds", start(target), Status::success);
    check("the CPU is back", wait_until(patience(), [&] { return target.online.load(); }));
}

/// Everybody calls CPU_ON for one CPU at the same time.
void race_for(Cpu& target, u64 rounds) {
    std::atomic<u32> won, lost, wrong;
    u32 runners = 0;
    bool came = true;
    for (u64 i = 0; i < rounds; i++) {
        stop(target);
        std::atomic<u32> ready = 0;
        runners = enabled_cpus() - 1;
        run_on_all("the race ends", [&] {
            ready++;
            wait_until(patience(), [&] { return ready == runners; });
            switch (call_cpu_on(target)) {
            case Status::success:
                won++;
                break;
            case Status::already_on:
            case Status::on_pending:
                lost++;
                break;
            default:
                wrong++;
            }
        });
        came &= wait_until(patience(), [&] { return target.online.load(); });
    }
    check("of CPUs that race with CPU_ON for one exactly one wins",
          won == rounds && lost == rounds * (runners - 1) && wrong == 0,
          "{} races: {} won, {} lost, {} other answers", rounds, won.load(), lost.load(),
          wrong.load());
    check("the CPU comes up after each race", came);
}

void refuse() {
    const auto entry = platform().image.begin.value;
    const u64 nobody = 0x00'00fe'fe0e;
    check_status("CPU_ON of the caller: ALREADY_ON", psci::cpu_on(own_affinity(), entry, 0),
                 Status::already_on);
    check_status("CPU_ON of an MPIDR that is not there: INVALID_PARAMETERS",
                 psci::cpu_on(nobody, entry, 0), Status::invalid_parameters);
    check_status("AFFINITY_INFO of an MPIDR that is not there: INVALID_PARAMETERS",
                 static_cast<Status>(psci::affinity_info(nobody)), Status::invalid_parameters);
}

/// On the bare machine each of these would start a CPU somewhere, or end the test.
void refuse_exactly(Cpu& target) {
    const auto entry = platform().image.begin.value;
    stop(target);
    check_status("CPU_ON with other bits in the MPIDR: INVALID_PARAMETERS",
                 psci::cpu_on(target.mpidr | u64{1} << 31, entry, 0), Status::invalid_parameters);
    check_status("CPU_ON to a misaligned entry: INVALID_ADDRESS",
                 psci::cpu_on(target.mpidr, entry + 2, 0), Status::invalid_address);
    check_status("CPU_ON to an entry beyond RAM: INVALID_ADDRESS",
                 psci::cpu_on(target.mpidr, u64{1} << 47, 0), Status::invalid_address);
    check_status("CPU_ON to an entry in a device: INVALID_ADDRESS",
                 psci::cpu_on(target.mpidr, Node::console()->reg()->begin.value, 0),
                 Status::invalid_address);
    check("the CPU is still off", psci::affinity_info(target.mpidr) == Affinity::off);
    check("all APs go off", stop_all());
    check_status("CPU_OFF of the last CPU: DENIED", psci::cpu_off(), Status::denied);
}

} // namespace

void guest_main() {
    print("guest: smp: {} CPUs, {} in the DTB\n", enabled_cpus(), cpus().size());
    const u64 rounds = option_number("rounds", 5);

    check("all CPUs start", start_all());
    examine_every_cpu();
    refuse();
    if (cpus().size() > 1) {
        Cpu& target = cpus().back().index == this_cpu().index ? cpus().front() : cpus().back();
        turn_off_and_on(rounds);
        watch_one_leave(target);
        if (above_baton()) {
            race_for(target, rounds);
            refuse_exactly(target);
            check("all CPUs start a last time", start_all());
            examine_every_cpu();
        }
    }
}

} // namespace baton::guest
