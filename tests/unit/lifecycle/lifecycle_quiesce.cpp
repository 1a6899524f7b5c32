// SPDX-License-Identifier: BSD-2-Clause
//
// Before the last kernel's memory is used again: CPUs that have not left it come, or are given up.
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <doctest/doctest.h>
#include <latch>
#include <optional>

using namespace baton;
using namespace baton::test;
using CpuOn = Lifecycle::CpuOn;
using Cpus = std::vector<VcpuId>;

namespace {

/// Four CPUs; the first handover is over, but CPU 3 hangs in its last phase.
struct Straggling : TestVm {
    Straggling() : TestVm{4} {
        start_all(0);
        before_take_down = [this] {
            if (index(self()) == 3 && !hung.exchange(true)) {
                stall();
            }
        };
        exec(0);
    }
    ~Straggling() { stop(); } // its members outlive the threads

    Next quiesce() {
        begun.count_down();
        const auto result = lifecycle.quiesce();
        if (!result) {
            error = result.error();
            return error == Error::busy ? lifecycle.join() : Next::resume;
        }
        given_up = Cpus(result->begin(), result->end());
        return Next::resume;
    }

    std::atomic<bool> hung{false};
    std::latch begun{1};
    std::optional<Error> error;
    std::optional<Cpus> given_up;
};

} // namespace

TEST_CASE("quiesce waits until the last kernel's CPUs are idle_dead") {
    Straggling vm;
    vm.post(0, [&] { return vm.quiesce(); });
    vm.resume(3);
    vm.rest();
    CHECK(vm.given_up == Cpus{});
    CHECK(vm.state(3) == State::idle_dead);
}

TEST_CASE("quiesce gives up at the deadline, and who is given up stays lost") {
    Straggling vm;
    const Ticks before = vm.now();
    vm.on(0, [&] { return vm.quiesce(); });
    const Ticks took = vm.now() - before;
    CHECK(took >= vm.frequency() / 10);
    CHECK(took < vm.frequency() / 5);
    CHECK(vm.given_up == Cpus{VcpuId{3}});
    CHECK(vm.state(3) == State::lost);
    CHECK(vm.lifecycle.lost_in(VcpuId{3}, 1));
    CHECK_FALSE(vm.lifecycle.straggler());
    CHECK(vm.cpu_on(0, 3) == CpuOn::lost);

    SUBCASE("when it never comes back") {}
    SUBCASE("when it goes on") {
        vm.resume(3);
        vm.rest();
    }
    SUBCASE("when it goes on during the next handover but one") {
        vm.cpu_on(0, 1);
        vm.exec(1);
        vm.cpu_on(1, 0);
        vm.before_gather = [&] { vm.resume(3); };
        vm.exec(0);
        vm.before_gather = nullptr;
    }
    CHECK(vm.state(3) == State::lost);
    vm.on(0, [&] { return vm.quiesce(); });
    CHECK(vm.given_up == Cpus{}); // not again
    vm.cpu_on(0, 1);
    vm.exec(1);
    CHECK(vm.lifecycle.report()->cpus == 2);
    CHECK(vm.lifecycle.report()->lost == 0);
    CHECK(vm.state(3) == State::lost);
    CHECK(vm.record(3).launches == 1);
    CHECK(vm.fenced.empty());
    CHECK(vm.violations == 0);
}

TEST_CASE("quiesce ends when a handover comes first") {
    Straggling vm;
    vm.cpu_on(0, 1);
    vm.post(0, [&] { return vm.quiesce(); });
    vm.post(1, [&] {
        vm.begun.wait();
        return vm.lifecycle.exec();
    });
    vm.rest();
    CHECK(vm.error == Error::busy);
    CHECK(vm.state(0) == State::idle_dead);
    CHECK(vm.state(3) == State::teardown);
}

TEST_CASE("a CPU that leaves this kernel by CPU_OFF is not waited for, and not given up") {
    Straggling vm;
    vm.cpu_on(0, 1);
    vm.before_drain = [&] {
        if (index(vm.self()) == 1) {
            vm.stall();
        }
    };
    vm.cpu_off(1);
    CHECK(vm.state(1) == State::teardown);
    SUBCASE("beside one that hangs") {}
    SUBCASE("alone") {
        vm.resume(3);
        vm.rest();
        const Ticks before = vm.now();
        vm.on(0, [&] { return vm.quiesce(); });
        CHECK(vm.now() - before < vm.frequency() / 10);
    }
    vm.on(0, [&] { return vm.quiesce(); });
    CHECK(vm.state(1) == State::teardown);
    vm.resume(1);
    vm.rest();
    CHECK(vm.state(1) == State::idle_dead);
    CHECK(vm.cpu_on(0, 1) == CpuOn::success);
    CHECK(vm.violations == 0);
}

TEST_CASE("a CPU_OFF that hangs when the gate has let it go is waited for, and given up") {
    TestVm vm{4};
    vm.start_all(0);
    const Standing in_guest = vm.standing(3);
    vm.cpu_off(3);
    vm.standing(3) = in_guest; // as it is right behind the gate
    vm.exec(0);
    CHECK(vm.lifecycle.report()->lost == 0); // the gate did not count it
    CHECK(vm.lifecycle.straggler() == VcpuId{3});

    SUBCASE("CPU_ON does not take it for one of its own kernel") {
        CHECK(vm.cpu_on(0, 3) == CpuOn::timed_out);
    }
    SUBCASE("at the deadline of quiesce") {
        Cpus given_up;
        vm.on(0, [&] {
            const auto result = vm.lifecycle.quiesce();
            given_up = Cpus(result->begin(), result->end());
            return Next::resume;
        });
        CHECK(given_up == Cpus{VcpuId{3}});
        CHECK(vm.state(3) == State::lost);
        CHECK_FALSE(vm.lifecycle.straggler());
        CHECK(vm.cpu_on(0, 3) == CpuOn::lost);
    }
}
