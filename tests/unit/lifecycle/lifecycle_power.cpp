// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <doctest/doctest.h>
#include <latch>

using namespace baton;
using namespace baton::test;
using CpuOn = Lifecycle::CpuOn;

TEST_CASE("CPU_ON starts a CPU once") {
    TestVm vm{3};
    CHECK(vm.state(1) == State::idle_dead);
    CHECK(vm.cpu_on(0, 1) == CpuOn::success);
    CHECK(vm.state(1) == State::online);
    CHECK(vm.cpu_on(0, 1) == CpuOn::already_on);
    CHECK(vm.cpu_on(1, 0) == CpuOn::already_on);
    CHECK(vm.cpu_on(0, 0) == CpuOn::already_on);
    CHECK(vm.record(1).launches == 1);
    CHECK(vm.violations == 0);
}

TEST_CASE("of many CPU_ONs at once one succeeds") {
    TestVm vm{8};
    for (u32 cpu = 1; cpu < 7; cpu++) {
        vm.cpu_on(0, cpu);
    }
    std::atomic<u32> successes{0};
    for (u32 cpu = 0; cpu < 7; cpu++) {
        vm.post(cpu, [&] {
            Next next{};
            const CpuOn answer = vm.call_cpu_on(7, next);
            successes += answer == CpuOn::success;
            vm.demand(answer == CpuOn::success || answer == CpuOn::on_pending ||
                          answer == CpuOn::already_on,
                      "the others hear that it is on");
            return next;
        });
    }
    vm.rest();
    CHECK(successes == 1);
    CHECK(vm.record(7).launches == 1);
    CHECK(vm.violations == 0);
}

TEST_CASE("CPU_OFF runs the CPU's own steps, and CPU_ON brings it back") {
    TestVm vm{2};
    vm.cpu_on(0, 1);
    vm.cpu_off(1);
    CHECK(vm.state(1) == State::idle_dead);
    CHECK(vm.record(1).steps == std::vector<std::string>{"vcpu", "timer", "gic", "tlb"});
    CHECK(vm.cpu_on(0, 1) == CpuOn::success);
    CHECK(vm.state(1) == State::online);
    CHECK(vm.violations == 0);
}

TEST_CASE("the last CPU is not switched off") {
    TestVm vm{2};
    vm.cpu_off(0);
    CHECK(vm.state(0) == State::online);
    vm.cpu_on(0, 1);
    vm.cpu_off(0);
    CHECK(vm.state(0) == State::idle_dead);
    vm.cpu_off(1);
    CHECK(vm.state(1) == State::online);
}

TEST_CASE("of all CPUs in CPU_OFF at once one stays") {
    TestVm vm{8};
    vm.start_all(0);
    for (u32 cpu = 0; cpu < 8; cpu++) {
        vm.post(cpu, [&] { return vm.lifecycle.cpu_off(); });
    }
    vm.rest();
    CHECK(vm.count(State::online) == 1);
    CHECK(vm.count(State::idle_dead) == 7);
}

TEST_CASE("CPU_ON waits for a CPU that is on its way down") {
    TestVm vm{3};
    vm.cpu_on(0, 1);
    vm.before_take_down = [&] { vm.stall(); };
    vm.cpu_off(1);
    CHECK(vm.state(1) == State::teardown);
    CpuOn answer{};
    std::latch begun{1};
    const auto start_1 = [&] {
        begun.count_down();
        Next next{};
        answer = vm.call_cpu_on(1, next);
        return next;
    };
    SUBCASE("in vain") {
        vm.on(0, start_1);
        CHECK(answer == CpuOn::timed_out);
    }
    SUBCASE("in the end") {
        vm.post(0, start_1);
        vm.resume(1);
        vm.rest();
        CHECK(answer == CpuOn::success);
        CHECK(vm.state(1) == State::online);
    }
    SUBCASE("unless a handover comes first") {
        vm.cpu_on(0, 2);
        vm.before_take_down = nullptr;
        vm.post(0, start_1);
        vm.post(2, [&] {
            begun.wait();
            return vm.lifecycle.exec();
        });
        vm.rest();
        CHECK(answer == CpuOn::park);
        CHECK(vm.state(0) == State::idle_dead);
        CHECK(vm.state(2) == State::online);
    }
}

TEST_CASE("a CPU that was started but never reached the guest is an AP like any other") {
    for (const bool serial : {false, true}) {
        TestVm vm{3, {.serial = serial}};
        vm.cpu_on(0, 2);
        // Both at once: whatever CPU 1 has reached when the handover finds it, it ends up dead.
        vm.post(0, [&] {
            Next next{};
            vm.call_cpu_on(1, next);
            return next == Next::park ? next : vm.lifecycle.exec();
        });
        vm.rest();
        CHECK(vm.state(0) == State::online);
        CHECK(vm.state(1) == State::idle_dead);
        CHECK(vm.state(2) == State::idle_dead);
        CHECK(vm.lifecycle.report()->cpus == 3);
        CHECK(vm.record(1).steps == std::vector<std::string>{"vcpu", "timer", "gic", "tlb"});
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("a stale kick is dropped") {
    TestVm vm{4};
    vm.start_all(0);
    vm.exec(0);
    SUBCASE("by a parked CPU") {
        vm.kick(1);
        vm.rest();
        CHECK(vm.state(1) == State::idle_dead);
        CHECK(vm.record(1).launches == 1);
    }
    SUBCASE("by a CPU that the next kernel has started") {
        vm.cpu_on(0, 1);
        vm.kick(1);
        vm.rest();
        CHECK(vm.state(1) == State::online);
        CHECK(vm.record(1).in_guest);
        CHECK(vm.record(1).launches == 2);
    }
    SUBCASE("by the CPU that leads the handover") {
        vm.kick(0);
        vm.rest();
        CHECK(vm.state(0) == State::online);
    }
    CHECK(vm.violations == 0);
}
