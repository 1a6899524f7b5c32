// SPDX-License-Identifier: BSD-2-Clause
//
// APs that do not come: at the deadline they are lost, and the handover goes on without them.
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <doctest/doctest.h>

using namespace baton;
using namespace baton::test;
using CpuOn = Lifecycle::CpuOn;
using Cpus = std::vector<VcpuId>;

namespace {

/// The guest of `cpu` holds it with a kick pending that it does not answer.
void hang(TestVm& vm, u32 cpu) {
    vm.on(cpu, [&] {
        vm.stall();
        return Next::resume;
    });
}

} // namespace

TEST_CASE("an AP that does not answer is lost, named and fenced; the others go on") {
    for (const bool serial : {false, true}) {
        TestVm vm{8, {.serial = serial, .deadline_ms = 100}};
        vm.start_all(0);
        hang(vm, 3);
        hang(vm, 5);
        vm.exec(0);
        CHECK(vm.state(0) == State::online);
        CHECK(vm.count(State::idle_dead) == 5);
        CHECK(vm.state(3) == State::lost);
        CHECK(vm.state(5) == State::lost);
        CHECK(vm.fenced == Cpus{VcpuId{3}, VcpuId{5}});
        CHECK(vm.kernel == 1);

        const auto report = vm.lifecycle.report();
        REQUIRE(report);
        CHECK(report->cpus == 8);
        CHECK(report->lost == 2);
        CHECK(report->unfinished == 0);
        CHECK(vm.lifecycle.lost_in(VcpuId{3}, report->handover));
        CHECK_FALSE(vm.lifecycle.lost_in(VcpuId{4}, report->handover));
        const Ticks deadline = vm.frequency() / 10;
        CHECK(report->drain >= (serial ? 2 * deadline : deadline));
        CHECK(report->drain < (serial ? 2 * deadline : deadline) + deadline / 10);
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("the next kernel cannot start a lost CPU, and needs none") {
    TestVm vm{4};
    vm.start_all(0);
    hang(vm, 3);
    vm.exec(0);
    CHECK(vm.cpu_on(0, 3) == CpuOn::lost);
    CHECK(vm.cpu_on(0, 1) == CpuOn::success);
    CHECK(vm.cpu_on(0, 2) == CpuOn::success);
    vm.exec(1);
    CHECK(vm.kernel == 2);
    CHECK(vm.count(State::idle_dead) == 2);
    CHECK(vm.state(3) == State::lost);
    CHECK(vm.fenced == Cpus{VcpuId{3}}); // not again
    CHECK(vm.lifecycle.report()->cpus == 3);
    CHECK(vm.lifecycle.report()->lost == 0);
}

TEST_CASE("a late AP finds itself lost and parks for ever") {
    for (const bool serial : {false, true}) {
        TestVm vm{4, {.serial = serial}};
        vm.start_all(0);
        hang(vm, 3);
        vm.exec(0);
        SUBCASE("at once") {}
        SUBCASE("when the next kernel has begun a handover of its own") {
            vm.cpu_on(0, 1);
            vm.exec(1);
        }
        vm.resume(3);
        vm.rest();
        CHECK(vm.state(3) == State::lost);
        CHECK(vm.record(3).launches == 1);
        vm.kick(3);
        vm.rest();
        CHECK(vm.state(3) == State::lost);
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("nothing that a late AP calls changes the next kernel's life") {
    TestVm vm{4};
    vm.start_all(0);
    Next next{};
    CpuOn answer{};
    std::function<Next()> call;
    SUBCASE("CPU_ON") {
        call = [&] {
            answer = vm.call_cpu_on(2, next);
            vm.demand(answer == CpuOn::park, "it is not answered");
            return next;
        };
    }
    SUBCASE("CPU_OFF") {
        call = [&] { return next = vm.lifecycle.cpu_off(); };
    }
    SUBCASE("exec") {
        call = [&] { return next = vm.lifecycle.exec(); };
    }
    vm.on(3, [&] {
        vm.stall();
        return call();
    });
    vm.exec(0);
    vm.cpu_on(0, 1);
    vm.resume(3);
    vm.rest();
    CHECK(next == Next::park);
    CHECK(vm.state(3) == State::lost);
    CHECK(vm.state(2) == State::idle_dead);
    CHECK(vm.kernel == 1);
    vm.exec(0);
    CHECK(vm.lifecycle.report()->cpus == 2);
    CHECK(vm.lifecycle.report()->lost == 0);
    CHECK(vm.violations == 0);
}

TEST_CASE("an AP that hangs in a drain step is lost, too") {
    for (const bool serial : {false, true}) {
        TestVm vm{4, {.serial = serial}};
        vm.start_all(0);
        vm.before_drain = [&] {
            if (index(vm.self()) == 2) {
                vm.stall();
            }
        };
        vm.exec(0);
        CHECK(vm.fenced == Cpus{VcpuId{2}});
        CHECK(vm.count(State::idle_dead) == 2);
        vm.resume(2);
        vm.rest();
        CHECK(vm.state(2) == State::lost);
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("a CPU that hangs in CPU_OFF is not missed") {
    for (const bool serial : {false, true}) {
        TestVm vm{4, {.serial = serial}};
        vm.start_all(0);
        vm.before_drain = [&] {
            if (index(vm.self()) == 2) {
                vm.stall();
            }
        };
        vm.cpu_off(2);
        CHECK(vm.state(2) == State::teardown);
        vm.exec(0);
        CHECK(vm.fenced.empty());
        CHECK(vm.state(0) == State::online);
        CHECK(vm.lifecycle.straggler() == VcpuId{2});
        vm.resume(2);
        vm.rest();
        CHECK(vm.state(2) == State::idle_dead);
        CHECK(vm.cpu_on(0, 2) == CpuOn::success);
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("a boot CPU whose APs are all lost goes on alone") {
    TestVm vm{3};
    vm.start_all(0);
    hang(vm, 0);
    hang(vm, 1);
    vm.exec(2);
    CHECK(vm.state(2) == State::online);
    CHECK(vm.fenced == Cpus{VcpuId{0}, VcpuId{1}});
    vm.cpu_off(2);
    CHECK(vm.state(2) == State::online); // it is the last one
}

TEST_CASE("the next kernel waits for what a lost AP itself writes to the old one's memory") {
    TestVm vm{4};
    vm.start_all(0);
    const Ticks deadline = vm.frequency() / 10;
    bool written = false; // plain: the old kernel's memory
    bool written_at_gather = false;
    vm.before_gather = [&] { written_at_gather = written; };
    vm.on(3, [&] {
        CHECK(vm.lifecycle.begin_write());
        vm.post(0, [&] { return vm.lifecycle.exec(); });
        const Ticks end = vm.now() + deadline * 3 / 2;
        while (vm.now() < end) {
            vm.wait(end);
        }
        written = true;
        vm.lifecycle.end_write();
        return vm.lifecycle.join();
    });
    CHECK(vm.state(3) == State::lost);
    CHECK(written_at_gather);
    CHECK(vm.state(0) == State::online);
    CHECK(vm.violations == 0);
}

TEST_CASE("a write that never ends delays the next kernel by one more deadline") {
    TestVm vm{4};
    vm.start_all(0);
    vm.on(3, [&] {
        CHECK(vm.lifecycle.begin_write());
        vm.stall();
        vm.lifecycle.end_write();
        return Next::resume;
    });
    Ticks gathered{};
    vm.before_gather = [&] { gathered = vm.now(); };
    const Ticks before = vm.now();
    const Ticks deadline = vm.frequency() / 10;
    vm.exec(0);
    CHECK(vm.state(3) == State::lost);
    CHECK(gathered - before >= 2 * deadline);
    CHECK(gathered - before < 3 * deadline);
    CHECK(vm.state(0) == State::online);
    CHECK(vm.violations == 0);
}

TEST_CASE("who comes too late writes nothing") {
    TestVm vm{4};
    vm.start_all(0);
    bool may_write = true;
    vm.on(3, [&] {
        vm.stall();
        may_write = vm.lifecycle.begin_write();
        return vm.lifecycle.join();
    });
    vm.exec(0);
    CHECK(vm.state(3) == State::lost);
    vm.resume(3);
    vm.rest();
    CHECK_FALSE(may_write);
}
