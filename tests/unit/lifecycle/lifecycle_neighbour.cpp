// SPDX-License-Identifier: BSD-2-Clause
//
// Two VMs of four CPUs on one machine. What goes wrong in one VM's handover, at each step, is
// nothing to the other: printed as a table.
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <array>
#include <atomic>
#include <barrier>
#include <doctest/doctest.h>
#include <thread>

using namespace baton;
using namespace baton::test;

namespace {

constexpr u32 cpus = 4;

/// Two VMs, all CPUs of which are online.
struct Neighbours {
    explicit Neighbours(Lifecycle::Config config = {})
        : machine{2 * cpus}, one{machine, 0, cpus, config}, other{machine, cpus, cpus, config} {
        one.may_be_abandoned = true;
        machine.start();
        one.start_all(0);
        other.start_all(0);
    }
    ~Neighbours() { machine.stop(); }

    u32 kicks_of_other() {
        u32 kicks = 0;
        for (const Vcpu& vcpu : other.vcpus()) {
            kicks += machine.kicks(vcpu.cpu);
        }
        return kicks;
    }

    ThreadMachine machine;
    TestVm one;
    TestVm other;
};

enum class Fault { lost, late, overdue };
constexpr std::array fault_names{"lost", "late", "overdue"};

void suffer(TestVm& vm, Fault fault) {
    if (fault == Fault::lost) {
        return vm.stall();
    }
    const Ticks deadline = vm.frequency() / 10;
    const Ticks until = vm.now() + (fault == Fault::late ? deadline / 4 : 2 * deadline);
    while (vm.now() < until && !vm.stopping()) {
        vm.wait(until);
    }
}

/// The fault in one VM; in the middle of it the other hands over as well, or does nothing.
/// @return what the other VM has noticed
std::string examine(const Step& step, Fault fault, bool serial, bool both) {
    Neighbours vms{{.serial = serial, .deadline_ms = 100}};
    const u32 victim = step.stage == Stage::gather ? 0 : 3;
    bool suffered = false;
    vms.one.before_step = [&](std::string_view name) {
        if (name == step.name && index(vms.one.self()) == victim && !suffered) {
            suffered = true;
            if (both) {
                vms.other.post(1, [&] { return vms.other.lifecycle.exec(); });
            }
            suffer(vms.one, fault);
        }
    };
    const u32 kicks = vms.kicks_of_other();
    vms.one.exec(0);
    CHECK(suffered);
    CHECK(vms.other.violations == 0);
    CHECK(vms.other.fenced.empty());
    CHECK(vms.other.count(State::lost) == 0);

    std::string said = std::to_string(vms.other.count(State::online)) + " CPUs online, ";
    if (!both) {
        return said + std::to_string(vms.kicks_of_other() - kicks) + " kicks";
    }
    const auto report = vms.other.lifecycle.report();
    REQUIRE(report);
    CHECK(report->cpus == cpus);
    CHECK(report->lost == 0);
    CHECK(report->unfinished == 0);
    said += "handover in " + std::to_string(report->blackout() * 1000 / vms.machine.frequency()) +
            " ms, ";
    vms.other.start_all(1);
    return said + "then " + std::to_string(vms.other.count(State::online));
}

} // namespace

TEST_CASE("a fault in each step of one VM is nothing to the other") {
    for (const bool serial : {false, true}) {
        std::printf("two VMs, %s walk, %u CPUs each: what the neighbour notices\n",
                    serial ? "serial" : "parallel", cpus);
        for (const Step& step : TestVm::table_of_steps()) {
            for (const Fault fault : {Fault::lost, Fault::late, Fault::overdue}) {
                const std::string idle = examine(step, fault, serial, false);
                const std::string busy = examine(step, fault, serial, true);
                std::printf("  %-7s %-8s %s; %s\n", step.name,
                            fault_names[static_cast<usize>(fault)], idle.c_str(), busy.c_str());
                CAPTURE(serial);
                CAPTURE(step.name);
                CHECK(idle == "4 CPUs online, 0 kicks");
                CHECK(busy == "1 CPUs online, handover in 0 ms, then 4");
            }
        }
    }
    std::fflush(stdout);
}

TEST_CASE("both hand over at the same time, many times over") {
    for (const bool serial : {false, true}) {
        Neighbours vms{{.serial = serial}};
        for (u64 round = 1; round <= 50; round++) {
            for (TestVm* vm : {&vms.one, &vms.other}) {
                vm->post(static_cast<u32>(round % cpus), [vm] { return vm->lifecycle.exec(); });
            }
            vms.machine.rest();
            for (TestVm* vm : {&vms.one, &vms.other}) {
                REQUIRE(vm->kernel == round);
                REQUIRE(vm->lifecycle.report()->cpus == cpus);
                vm->start_all(static_cast<u32>(round % cpus));
                REQUIRE(vm->count(State::online) == cpus);
            }
        }
        CHECK(vms.machine.leaps() == 0);
        CHECK(vms.one.violations + vms.other.violations == 0);
    }
}

TEST_CASE("the boot CPUs of both are between the same two phases at once") {
    Neighbours vms;
    std::barrier together{2};
    for (TestVm* vm : {&vms.one, &vms.other}) {
        vm->before_gather = [&] { together.arrive_and_wait(); };
        vm->post(2, [vm] { return vm->lifecycle.exec(); });
    }
    vms.machine.rest();
    for (TestVm* vm : {&vms.one, &vms.other}) {
        CHECK(vm->state(2) == State::online);
        CHECK(vm->count(State::idle_dead) == cpus - 1);
        CHECK(vm->violations == 0);
    }
}

TEST_CASE("a CPU of one VM quiesces the other, running or off") {
    Neighbours vms;
    bool hung = false;
    vms.other.before_take_down = [&] {
        if (index(vms.other.self()) == 3 && !hung) {
            hung = true;
            vms.other.stall();
        }
    };
    std::vector<VcpuId> expected;
    SUBCASE("running, all CPUs come") {
        vms.other.exec(0);
        vms.other.resume(3);
    }
    SUBCASE("running, one does not") {
        vms.other.exec(0);
        expected = {VcpuId{3}};
    }
    SUBCASE("off, all CPUs come") {
        vms.other.exec(0, Then::stop);
        vms.other.resume(3);
    }
    SUBCASE("off, one does not") {
        vms.other.exec(0, Then::stop);
        expected = {VcpuId{3}};
    }
    std::optional<std::vector<VcpuId>> given_up;
    vms.one.on(0, [&] {
        const auto quiesced = vms.other.lifecycle.quiesce(&vms.one.lifecycle);
        if (quiesced) {
            given_up = std::vector(quiesced->begin(), quiesced->end());
        }
        return Next::resume;
    });
    CHECK(given_up == expected);
    CHECK(vms.other.state(3) == (expected.empty() ? State::idle_dead : State::lost));
}

TEST_CASE("a CPU that quiesces another VM gives way to a handover of either") {
    Neighbours vms;
    vms.other.before_take_down = [&] {
        if (index(vms.other.self()) == 3) {
            vms.other.stall();
        }
    };
    vms.other.exec(0);
    TestVm* busy = nullptr;
    SUBCASE("its own") { busy = &vms.one; }
    // The other's goes on while the CPU looks.
    std::atomic<bool> has_begun{false}, has_looked{false};
    SUBCASE("the other's") {
        busy = &vms.other;
        vms.other.before_gather = [&] {
            has_begun = true;
            while (!has_looked) {
                std::this_thread::yield();
            }
        };
    }
    std::optional<Error> error;
    const Ticks before = vms.machine.now();
    vms.one.on(0, [&] {
        busy->post(busy == &vms.one ? 1 : 0, [&] { return busy->lifecycle.exec(); });
        while (!has_begun && !vms.one.lifecycle.handover_wanted()) {
            std::this_thread::yield();
        }
        const auto quiesced = vms.other.lifecycle.quiesce(&vms.one.lifecycle);
        has_looked = true;
        error = quiesced ? std::nullopt : std::optional{quiesced.error()};
        return vms.one.lifecycle.join();
    });
    CHECK(error == Error::busy);
    CHECK(vms.machine.now() - before < vms.machine.frequency() / 10);
    CHECK(vms.one.count(State::lost) + vms.other.count(State::lost) == 0);
    CHECK(vms.one.violations + vms.other.violations == 0);
}
