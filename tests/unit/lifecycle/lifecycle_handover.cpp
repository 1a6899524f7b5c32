// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <barrier>
#include <chrono>
#include <doctest/doctest.h>
#include <latch>

using namespace baton;
using namespace baton::test;
using Names = std::vector<std::string>;

namespace {

/// All that a handover leaves behind.
struct EndState {
    std::vector<State> states;
    std::vector<Names> steps;
    u64 kernel = 0;
    u32 violations = 0;
    bool operator==(const EndState&) const = default;
};

EndState end_state_after_exec(u32 cpus, u32 boot_cpu, Lifecycle::Config config) {
    TestVm vm{cpus, config};
    vm.start_all(0);
    vm.exec(boot_cpu);
    EndState end{.states = {}, .steps = {}, .kernel = vm.kernel, .violations = vm.violations};
    for (u32 cpu = 0; cpu < cpus; cpu++) {
        end.states.push_back(vm.state(cpu));
        end.steps.push_back(vm.record(cpu).steps);
    }
    return end;
}

} // namespace

TEST_CASE("parallel and serial walk end in the same state") {
    for (const u32 cpus : {1u, 2u, 8u, 64u}) {
        CAPTURE(cpus);
        const u32 boot_cpu = cpus / 2;
        EndState expected{.states = std::vector(cpus, State::idle_dead),
                          .steps = std::vector(cpus, Names{"vcpu", "timer", "gic", "tlb"}),
                          .kernel = 1};
        expected.states[boot_cpu] = State::online;
        expected.steps[boot_cpu] = {"vcpu", "timer", "dma", "memory", "gic", "tlb"};
        CHECK(end_state_after_exec(cpus, boot_cpu, {.serial = false}) == expected);
        CHECK(end_state_after_exec(cpus, boot_cpu, {.serial = true}) == expected);
    }
}

TEST_CASE("in the parallel walk all CPUs drain at once") {
    TestVm vm{8};
    vm.start_all(0);
    std::barrier together{8};
    vm.before_drain = [&] { together.arrive_and_wait(); };
    vm.exec(0);
    CHECK(vm.most_cpus_in_drain == 8);
    CHECK(vm.count(State::idle_dead) == 7);
}

TEST_CASE("in the serial walk one CPU drains at a time") {
    TestVm vm{8, {.serial = true}};
    vm.start_all(0);
    vm.exec(0);
    CHECK(vm.most_cpus_in_drain == 1);
    const auto report = vm.lifecycle.report();
    REQUIRE(report);
    CHECK(report->serial);
    CHECK(report->fallback == nullptr);
}

TEST_CASE("a step that is not parallel-safe makes the walk serial, and the report names it") {
    TestVm vm{8, {.serial = false}, TestVm::table_with_an_unsafe_step()};
    vm.start_all(0);
    vm.exec(0);
    CHECK(vm.most_cpus_in_drain == 1);
    CHECK(vm.count(State::idle_dead) == 7);
    const auto report = vm.lifecycle.report();
    REQUIRE(report);
    CHECK(report->serial);
    REQUIRE(report->fallback != nullptr);
    CHECK(std::string{report->fallback->name} == "timer");
}

TEST_CASE("a handover without faults waits for no clock") {
    for (const bool serial : {false, true}) {
        TestVm vm{8, {.serial = serial}};
        vm.start_all(0);
        vm.exec(3);
        CHECK(vm.leaps() == 0);
    }
}

TEST_CASE("each phase sees what the phase before did, also without a kick in between") {
    for (const bool serial : {false, true}) {
        TestVm vm{8, {.serial = serial}};
        vm.start_all(0);
        vm.dawdle();
        vm.before_gather = [&] {
            for (u32 cpu = 0; cpu < vm.size; cpu++) {
                vm.demand(vm.record(cpu).drained == 1, "every CPU is drained");
            }
        };
        vm.before_take_down = [&] { vm.demand(vm.kernel == 1, "the memory is switched"); };
        vm.exec(3);
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("CPUs that are off take no part") {
    for (const bool serial : {false, true}) {
        TestVm vm{4, {.serial = serial}};
        vm.cpu_on(0, 2);
        vm.exec(2);
        CHECK(vm.state(0) == State::idle_dead);
        CHECK(vm.state(2) == State::online);
        CHECK(vm.record(1).steps.empty());
        CHECK(vm.record(3).steps.empty());
        CHECK(vm.lifecycle.report()->cpus == 2);
    }
}

TEST_CASE("the next kernel starts all CPUs again, many times over") {
    for (const bool serial : {false, true}) {
        TestVm vm{4, {.serial = serial}};
        u32 boot_cpu = 0;
        for (u64 round = 1; round <= 100; round++) {
            vm.start_all(boot_cpu);
            REQUIRE(vm.count(State::online) == 4);
            boot_cpu = (boot_cpu + 1) % 4;
            vm.exec(boot_cpu);
            REQUIRE(vm.lifecycle.report()->handover == round);
        }
        CHECK(vm.kernel == 100);
        CHECK(vm.violations == 0);
        CHECK(vm.fenced.empty());
    }
}

TEST_CASE("of many execs at once one wins, and the others are its APs") {
    for (const bool serial : {false, true}) {
        TestVm vm{8, {.serial = serial}};
        vm.start_all(0);
        for (u32 cpu = 0; cpu < 8; cpu++) {
            vm.post(cpu, [&] { return vm.lifecycle.exec(); });
        }
        vm.rest();
        CHECK(vm.kernel == 1);
        CHECK(vm.count(State::online) == 1);
        CHECK(vm.count(State::idle_dead) == 7);
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("the next handover does not wait for APs that are still being taken down") {
    TestVm vm{4};
    vm.start_all(0);
    vm.before_take_down = [&] {
        if (index(vm.self()) == 3) {
            vm.stall();
        }
    };
    vm.exec(0);
    CHECK(vm.state(3) == State::teardown);
    CHECK(vm.lifecycle.straggler() == VcpuId{3});
    CHECK(vm.lifecycle.report()->unfinished == 1);

    CHECK(vm.cpu_on(0, 1) == Lifecycle::CpuOn::success);
    vm.exec(1);
    CHECK(vm.kernel == 2);
    CHECK(vm.lifecycle.report()->cpus == 2);
    CHECK(vm.state(3) == State::teardown);

    vm.resume(3);
    vm.rest();
    CHECK(vm.state(3) == State::idle_dead);
    CHECK_FALSE(vm.lifecycle.straggler());
    CHECK(vm.cpu_on(1, 3) == Lifecycle::CpuOn::success);
    CHECK(vm.state(3) == State::online);
    CHECK(vm.violations == 0);
}

TEST_CASE("who quiesces sees the last steps of the CPUs that left the old kernel") {
    TestVm vm{2};
    vm.cpu_on(0, 1);
    int plain = 0;
    std::atomic<bool> nearly_dead{false};
    vm.before_take_down = [&] {
        if (index(vm.self()) == 1) {
            plain = 1;
            nearly_dead.store(true, std::memory_order_relaxed);
        }
    };
    vm.on(0, [&] {
        const Next next = vm.lifecycle.exec();
        while (!nearly_dead.load(std::memory_order_relaxed)) {
            std::this_thread::yield();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
        vm.demand(vm.lifecycle.quiesce().has_value(), "CPU 1 is idle_dead");
        vm.demand(plain == 1, "its steps are done");
        return next;
    });
    CHECK(vm.violations == 0);
}

TEST_CASE("a handover is told as taken down from the begin of its third phase on") {
    TestVm vm{2};
    vm.start_all(0);
    std::vector<u64> told;
    const auto tell = [&] {
        if (vm.self() == VcpuId{0}) {
            told.push_back(vm.lifecycle.taken_down());
        }
    };
    vm.before_drain = vm.before_gather = vm.before_take_down = tell;
    CHECK(vm.lifecycle.taken_down() == 0);
    vm.exec(0);
    CHECK(told == std::vector<u64>{0, 0, 1});
    CHECK(vm.lifecycle.taken_down() == 1);
    vm.exec(0);
    CHECK(told == std::vector<u64>{0, 0, 1, 1, 1, 2});
    CHECK(vm.lifecycle.taken_down() == 2);
}
