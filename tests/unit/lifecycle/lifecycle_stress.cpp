// SPDX-License-Identifier: BSD-2-Clause
//
// Busy guests that call whatever comes to their mind, many thousand times.
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <doctest/doctest.h>

using namespace baton;
using namespace baton::test;
using CpuOn = Lifecycle::CpuOn;

namespace {

/// One turn of a guest which looks at its kernel's memory, and calls something once in a while.
/// When `execs` are used up it comes to rest.
Next busy_guest(TestVm& vm, std::atomic<int>& execs) {
    TestVm::Record& self = vm.here();
    vm.demand(self.in_guest, "only a CPU in the guest runs");
    vm.demand(vm.read_memory().value_or(self.kernel) == self.kernel,
              "the memory is that of this CPU's kernel");
    if (execs.load(std::memory_order_relaxed) <= 0) {
        vm.wait(arch::never);
        return vm.lifecycle.join();
    }
    const u32 dice = static_cast<u32>(self.random() % 64);
    if (dice < 24) {
        Next next{};
        vm.call_cpu_on(static_cast<u32>(self.random() % vm.size), next);
        return next;
    }
    if (dice < 32) {
        return vm.lifecycle.cpu_off();
    }
    if (dice < 34) {
        execs.fetch_sub(1, std::memory_order_relaxed);
        return vm.lifecycle.exec();
    }
    return Next::resume;
}

void check_at_rest(TestVm& vm) {
    CHECK(vm.violations == 0);
    const u32 online = vm.count(State::online);
    CHECK(online >= 1);
    CHECK(online + vm.count(State::idle_dead) + vm.count(State::lost) == vm.size);
    for (u32 cpu = 0; cpu < vm.size; cpu++) {
        CHECK(vm.record(cpu).launches <= vm.record(cpu).starts_given);
    }
}

} // namespace

TEST_CASE("exec against CPU_ON, CPU_OFF and exec") {
    for (const bool serial : {false, true}) {
        for (const u32 cpus : {2u, 4u, 16u}) {
            CAPTURE(serial);
            CAPTURE(cpus);
            std::atomic<int> execs{1000};
            TestVm vm{cpus, {.serial = serial}};
            vm.behaviour = [&] { return busy_guest(vm, execs); };
            vm.on(0, [] { return Next::resume; });
            check_at_rest(vm);
            CHECK(vm.count(State::lost) == 0);
            CHECK(vm.kernel >= 100);
        }
    }
}

TEST_CASE("the same with deadlines that pass too early") {
    for (const bool serial : {false, true}) {
        u32 lost = 0;
        u64 handovers = 0;
        for (int machine = 0; machine < 60; machine++) {
            std::atomic<int> execs{20};
            TestVm vm{8, {.serial = serial}};
            vm.be_impatient(3);
            vm.behaviour = [&] { return busy_guest(vm, execs); };
            vm.on(0, [] { return Next::resume; });
            check_at_rest(vm);
            CHECK(vm.fenced.size() == vm.count(State::lost));
            lost += vm.count(State::lost);
            handovers += vm.kernel;
        }
        CHECK(lost > 0); // or the test is none
        MESSAGE(handovers, " handovers lost ", lost, " CPUs");
    }
}
