// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <doctest/doctest.h>

using namespace baton;
using namespace baton::test;

namespace {

/// Checks that `moments` came one after another, none of them missing.
void check_in_order(std::initializer_list<const Stamp*> moments) {
    Ticks last{};
    for (const Stamp* stamp : moments) {
        CHECK(stamp->ticks() > last);
        last = stamp->ticks();
    }
}

} // namespace

TEST_CASE("the trace of a handover is complete and in order") {
    for (const bool serial : {false, true}) {
        TestVm vm{8, {.serial = serial}};
        vm.start_all(0);
        for (int round = 0; round < 2; round++) {
            vm.exec(0);
            const PhaseTrace& phases = vm.lifecycle.phases();
            check_in_order({&phases.exec, &phases.kicked, &phases.gathered, &phases.switched,
                            &phases.taken_down, &phases.entered});
            const VcpuTrace& boot = vm.lifecycle.trace(VcpuId{0});
            check_in_order({&boot.steps[0].begin, &boot.steps[0].end, &boot.steps[1].begin,
                            &boot.steps[1].end, &phases.gathered, &boot.steps[2].begin,
                            &boot.steps[2].end, &boot.steps[3].begin, &boot.steps[3].end,
                            &phases.switched, &boot.steps[4].begin, &boot.steps[4].end,
                            &boot.steps[5].begin, &boot.steps[5].end, &phases.taken_down});
            for (u32 cpu = 1; cpu < vm.size; cpu++) {
                const VcpuTrace& ap = vm.lifecycle.trace(VcpuId{cpu});
                CHECK(ap.epoch == vm.lifecycle.report()->handover);
                check_in_order({&phases.exec, &ap.joined, &ap.steps[0].begin, &ap.steps[0].end,
                                &ap.steps[1].begin, &ap.steps[1].end, &ap.arrived, &phases.gathered,
                                &phases.switched, &ap.steps[4].begin, &ap.steps[4].end,
                                &ap.steps[5].begin, &ap.steps[5].end, &ap.dead});
                CHECK(ap.steps[2].end.ticks() == Ticks{}); // gather steps are the boot CPU's
                CHECK(ap.steps[3].end.ticks() == Ticks{});
            }
            vm.start_all(0);
        }
    }
}

TEST_CASE("the report sums up the trace") {
    TestVm vm{4};
    CHECK_FALSE(vm.lifecycle.report());
    vm.start_all(0);
    vm.before_take_down = [&] {
        if (index(vm.self()) == 2) {
            const Ticks end = vm.now() + Ticks{5000}; // its step "gic" is the slow one
            while (vm.now() < end) {
                vm.wait(end);
            }
        }
    };
    vm.exec(1);
    const auto report = vm.lifecycle.report();
    REQUIRE(report);
    CHECK(report->handover == 1);
    CHECK_FALSE(report->serial);
    CHECK(report->cpus == 4);
    CHECK(report->lost == 0);
    CHECK(report->unfinished == 0);
    CHECK(report->boot_cpu == VcpuId{1});
    CHECK(report->slowest_cpu == VcpuId{2});
    REQUIRE(report->slowest_step != nullptr);
    CHECK(std::string{report->slowest_step->name} == "gic");
    CHECK(report->slowest >= Ticks{5000});
    CHECK(report->slowest < Ticks{6000});

    const PhaseTrace& phases = vm.lifecycle.phases();
    CHECK(report->blackout() == phases.entered.ticks() - phases.exec.ticks());
    CHECK(report->drain == phases.gathered.ticks() - phases.exec.ticks());
    CHECK(report->enter == phases.entered.ticks() - phases.taken_down.ticks());
}

TEST_CASE("CPU_OFF leaves the trace of the last handover alone") {
    TestVm vm{2};
    vm.cpu_on(0, 1);
    vm.exec(0);
    vm.cpu_on(0, 1);
    const Ticks dead = vm.lifecycle.trace(VcpuId{1}).dead.ticks();
    const Ticks step = vm.lifecycle.trace(VcpuId{1}).steps[0].begin.ticks();
    vm.cpu_off(1);
    CHECK(vm.lifecycle.trace(VcpuId{1}).dead.ticks() == dead);
    CHECK(vm.lifecycle.trace(VcpuId{1}).steps[0].begin.ticks() == step);
}

TEST_CASE("there is no report while a handover runs") {
    TestVm vm{2};
    vm.cpu_on(0, 1);
    vm.exec(0);
    vm.cpu_on(0, 1);
    vm.before_drain = [&] { vm.demand(!vm.lifecycle.report(), "no mixture of two handovers"); };
    vm.exec(0);
    CHECK(vm.lifecycle.report()->handover == 2);
    CHECK(vm.violations == 0);
}
