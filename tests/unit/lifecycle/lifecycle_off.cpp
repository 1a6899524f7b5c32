// SPDX-License-Identifier: BSD-2-Clause
//
// A VM that goes off and comes on again, by its own guest and by another VM's orders.
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <doctest/doctest.h>

using namespace baton;
using namespace baton::test;
using CpuOn = Lifecycle::CpuOn;
using Names = std::vector<std::string>;

TEST_CASE("a stop takes all CPUs down and enters nothing") {
    for (const bool serial : {false, true}) {
        TestVm vm{4, {.serial = serial}};
        vm.start_all(0);
        CHECK_FALSE(vm.lifecycle.is_off());
        vm.exec(2, Then::stop);
        CHECK(vm.lifecycle.is_off());
        CHECK(vm.count(State::idle_dead) == 4);
        CHECK(vm.record(1).steps == Names{"vcpu", "timer", "gic", "tlb"});
        CHECK(vm.record(2).steps == Names{"vcpu", "timer", "dma", "memory", "gic", "tlb"});
        CHECK_FALSE(vm.lifecycle.report()); // of what nobody entered
        for (u32 cpu = 0; cpu < vm.size; cpu++) {
            CHECK_FALSE(vm.record(cpu).in_guest);
            vm.kick(cpu);
        }
        vm.rest();
        CHECK(vm.count(State::idle_dead) == 4);
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("of many stops and execs at once one wins") {
    for (const bool serial : {false, true}) {
        for (u32 round = 0; round < 20; round++) {
            TestVm vm{4, {.serial = serial}};
            vm.start_all(0);
            for (u32 cpu = 0; cpu < 4; cpu++) {
                const Then then = cpu % 2 == 0 ? Then::stop : Then::enter;
                vm.post(cpu, [&vm, then] { return vm.lifecycle.exec(then); });
            }
            vm.rest();
            CHECK(vm.kernel == 1);
            CHECK(vm.count(State::online) == (vm.lifecycle.is_off() ? 0 : 1));
            CHECK(vm.count(State::idle_dead) == (vm.lifecycle.is_off() ? 4 : 3));
            CHECK(vm.violations == 0);
        }
    }
}

TEST_CASE("a VM that is off from the beginning is started by an order") {
    for (const bool serial : {false, true}) {
        TestVm vm{4, {.serial = serial}, TestVm::table_of_steps(), TestVm::AtFirst::off};
        CHECK(vm.lifecycle.is_off());
        CHECK(vm.count(State::idle_dead) == 4);
        CHECK(vm.order(Order::enter));
        CHECK_FALSE(vm.lifecycle.is_off());
        CHECK(vm.count(State::online) == 1);
        CHECK(vm.kernel == 1);

        const auto report = vm.lifecycle.report();
        REQUIRE(report);
        CHECK(report->handover == 1);
        CHECK(report->cpus == 1);
        CHECK(report->lost == 0);
        CHECK(vm.state(index(report->boot_cpu)) == State::online);
        CHECK(vm.record(index(report->boot_cpu)).steps ==
              Names{"vcpu", "timer", "dma", "memory", "gic", "tlb"});
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("off and on again, many times over, with all CPUs") {
    for (const bool serial : {false, true}) {
        TestVm vm{4, {.serial = serial}};
        for (u64 round = 1; round <= 50; round++) {
            u32 boot_cpu = 0;
            while (vm.state(boot_cpu) != State::online) {
                boot_cpu++;
            }
            vm.start_all(boot_cpu);
            REQUIRE(vm.count(State::online) == 4);
            if (round % 2 == 0) {
                vm.exec((boot_cpu + 1) % 4, Then::stop);
            } else {
                REQUIRE(vm.order(Order::stop));
            }
            REQUIRE(vm.lifecycle.is_off());
            REQUIRE(vm.order(Order::enter));
            REQUIRE(vm.lifecycle.report()->handover == 2 * round);
        }
        CHECK(vm.violations == 0);
        CHECK(vm.leaps() == 0);
    }
}

TEST_CASE("an order replaces the kernel of a VM that runs") {
    TestVm vm{4};
    vm.start_all(0);
    CHECK(vm.order(Order::enter));
    CHECK(vm.count(State::online) == 1);
    CHECK(vm.kernel == 1);
    CHECK(vm.lifecycle.report()->cpus == 4);
    CHECK(vm.lifecycle.ordered() == Order::none);
    CHECK(vm.violations == 0);
}

TEST_CASE("an order to stop a VM that is off is done already") {
    TestVm vm{2};
    vm.exec(0, Then::stop);
    CHECK(vm.order(Order::stop));
    CHECK(vm.lifecycle.ordered() == Order::none);
    CHECK(vm.kernel == 1);
    CHECK(vm.order(Order::enter));
    CHECK(vm.count(State::online) == 1);
    CHECK(vm.kernel == 2);
}

TEST_CASE("an order that comes in the middle of a handover waits for its end") {
    for (const bool serial : {false, true}) {
        TestVm vm{4, {.serial = serial}};
        vm.start_all(0);
        Order order{};
        Then then{};
        bool is_on = false;
        SUBCASE("stop, while a kernel is replaced") { order = Order::stop; }
        SUBCASE("enter, while a kernel is replaced") {
            order = Order::enter;
            is_on = true;
        }
        SUBCASE("enter, while the VM stops") {
            order = Order::enter;
            then = Then::stop;
            is_on = true;
        }
        SUBCASE("stop, while the VM stops") {
            order = Order::stop;
            then = Then::stop;
        }
        vm.before_gather = [&] {
            if (vm.kernel == 0) {
                vm.demand(vm.lifecycle.give(order), "no other order waits");
                vm.demand(!vm.lifecycle.give(order), "one order waits at a time");
                while (vm.now() < Ticks{1'000'000}) { // its kick is gone before the handover ends
                    vm.wait(Ticks{1'000'000});
                }
            }
        };
        vm.exec(1, then);
        CHECK(vm.lifecycle.ordered() == Order::none);
        CHECK(vm.lifecycle.is_off() == !is_on);
        CHECK(vm.count(State::online) == (is_on ? 1 : 0));
        CHECK(vm.kernel == (order == Order::stop && then == Then::stop ? 1 : 2));
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("an order is carried out though the CPU dies that alone would have seen it") {
    TestVm vm{4};
    vm.start_all(0);
    const auto wait_until_all_sleep = [&] {
        const Ticks until = vm.now() + Ticks{1'000'000};
        while (vm.now() < until) {
            vm.wait(until);
        }
    };
    vm.before_gather = [&] {
        if (vm.kernel == 0) {
            vm.demand(vm.lifecycle.give(Order::enter), "no other order waits");
            wait_until_all_sleep(); // its kick is gone
        }
    };
    vm.before_step = [&](std::string_view step) {
        if (step == "tlb" && index(vm.self()) == 1 && vm.kernel == 1) {
            wait_until_all_sleep(); // the APs have parked in a VM that is not off yet
        }
    };
    vm.on(1, [&] {
        const Next next = vm.lifecycle.exec(Then::stop);
        vm.stall();
        return next;
    });
    CHECK(vm.lifecycle.is_off());
    CHECK(vm.lifecycle.ordered() == Order::enter);
    CHECK_FALSE(vm.order(Order::enter)); // one order waits at a time, but all are told again
    CHECK(vm.lifecycle.ordered() == Order::none);
    CHECK(vm.count(State::online) == 1);
    CHECK(vm.kernel == 2);
    CHECK(vm.violations == 0);
    vm.resume(1);
    vm.rest();
    CHECK(vm.kernel == 2);
    CHECK(vm.violations == 0);
}

TEST_CASE("an order whose kick a call has taken is carried out when the call is over") {
    TestVm vm{2};
    vm.on(0, [&] {
        vm.demand(vm.lifecycle.give(Order::enter), "no order waits");
        vm.wait(arch::never); // takes the kick
        return Next::resume;
    });
    CHECK(vm.kernel == 1);
    CHECK(vm.count(State::online) == 1);
    CHECK(vm.violations == 0);
}

TEST_CASE("a CPU that was lost in a stop stays lost in the next kernel's life") {
    for (const bool serial : {false, true}) {
        TestVm vm{4, {.serial = serial}};
        vm.start_all(0);
        vm.on(3, [&] {
            vm.stall();
            return Next::resume;
        });
        vm.exec(0, Then::stop);
        CHECK(vm.lifecycle.is_off());
        CHECK(vm.state(3) == State::lost);
        CHECK(vm.lifecycle.lost_in(VcpuId{3}, 1));
        CHECK(vm.fenced == std::vector{VcpuId{3}});
        SUBCASE("when it does not come back") {}
        SUBCASE("when it comes back while the VM is off") {
            vm.resume(3);
            vm.rest();
        }
        CHECK(vm.order(Order::enter));
        CHECK(vm.count(State::online) == 1);
        CHECK(vm.count(State::idle_dead) == 2);
        CHECK(vm.state(3) == State::lost);
        u32 boot_cpu = 0;
        while (vm.state(boot_cpu) != State::online) {
            boot_cpu++;
        }
        CHECK(vm.cpu_on(boot_cpu, 3) == CpuOn::lost);
        vm.resume(3);
        vm.rest();
        CHECK(vm.state(3) == State::lost);
        CHECK(vm.violations == 0);
    }
}

TEST_CASE("a VM is started while CPUs of the kernel before are still on their way down") {
    TestVm vm{3};
    vm.start_all(0);
    vm.before_take_down = [&] {
        if (index(vm.self()) == 2 && vm.kernel == 1) {
            vm.stall();
        }
    };
    vm.exec(0, Then::stop);
    CHECK(vm.lifecycle.is_off());
    CHECK(vm.state(2) == State::teardown);
    CHECK(vm.order(Order::enter));
    CHECK(vm.kernel == 2);
    CHECK(vm.lifecycle.straggler() == VcpuId{2});
    vm.resume(2);
    vm.rest();
    CHECK(vm.state(2) == State::idle_dead);
    vm.start_all(index(vm.lifecycle.report()->boot_cpu));
    CHECK(vm.count(State::online) == 3);
    CHECK(vm.violations == 0);
}

TEST_CASE("a claim by a CPU that was lost keeps nobody from starting the VM") {
    TestVm vm{2};
    vm.exec(0, Then::stop);
    const u64 later = 5;
    u64 epoch = 0;
    SUBCASE("") {}
    SUBCASE("but one by a CPU of a later kernel does") { epoch = later; }
    for (u32 cpu = 0; cpu < 2; cpu++) {
        vm.standing(cpu) = Standing{.epoch = epoch, .state = State::claimed};
    }
    vm.order(Order::enter);
    CHECK(vm.count(State::online) == (epoch == later ? 0 : 1));
    CHECK(vm.violations == 0);
}
