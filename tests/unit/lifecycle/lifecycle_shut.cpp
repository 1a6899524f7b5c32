// SPDX-License-Identifier: BSD-2-Clause
//
// A host kexec: the host VM's boot CPU orders all others to stop, and leaves when they are off. It
// meets whatever goes on in them.
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <doctest/doctest.h>

using namespace baton;
using namespace baton::test;

namespace {

constexpr u32 host_cpus = 2;
constexpr u32 guest_cpus = 4;

/// A host VM and another one. The host's kexec leaves the machine in its last gather step.
struct Hosted {
    explicit Hosted(Lifecycle::Config config = {},
                    TestVm::AtFirst at_first = TestVm::AtFirst::one_online)
        : machine{host_cpus + guest_cpus}, host{machine, 0, host_cpus, config},
          guest{machine, host_cpus, guest_cpus, config, at_first} {
        host.before_step = [this](std::string_view step) {
            if (step == "memory" && leaving) {
                shut = guest.lifecycle.shut(machine.now() + deadline());
                for (u32 cpu = 0; cpu < guest_cpus; cpu++) {
                    host.demand(!*shut || !guest.record(cpu).in_guest,
                                "when the machine leaves, no CPU is in a guest");
                }
                guest.has_kernel = guest.has_kernel && !*shut;
            }
        };
        machine.start();
        if (at_first == TestVm::AtFirst::one_online) {
            guest.start_all(0);
        }
    }
    ~Hosted() { machine.stop(); }

    Ticks deadline() const { return machine.frequency() / 10; }

    /// By the host's CPU 0.
    Next kexec() {
        leaving = true;
        (void)guest.lifecycle.give(Order::stop); // shut sees to it if another order waits
        return host.lifecycle.exec();
    }
    void leave() {
        host.on(0, [this] { return kexec(); });
    }

    ThreadMachine machine;
    TestVm host;
    TestVm guest;
    std::atomic<bool> leaving{false};
    std::optional<bool> shut; ///< plain: by the host's boot CPU
};

void check_gone(Hosted& vms) {
    CHECK(vms.shut == true);
    CHECK(vms.guest.count(State::online) == 0);
    // Nothing starts it any more.
    vms.guest.lifecycle.give(Order::enter);
    vms.machine.rest();
    CHECK(vms.guest.count(State::online) == 0);
    CHECK(vms.guest.violations == 0);
    CHECK(vms.host.violations == 0);
}

} // namespace

TEST_CASE("a host kexec stops the other VM first") {
    for (const bool serial : {false, true}) {
        Hosted vms{{.serial = serial}};
        vms.leave();
        CHECK(vms.guest.count(State::idle_dead) == guest_cpus);
        CHECK(vms.guest.kernel == 1);
        check_gone(vms);
    }
}

TEST_CASE("one that is off need not stop, and is not started any more") {
    Hosted vms{{}, TestVm::AtFirst::off};
    vms.leave();
    CHECK(vms.guest.kernel == 0);
    check_gone(vms);
}

TEST_CASE("a host kexec meets a handover of the other VM in each step") {
    for (const bool serial : {false, true}) {
        for (const Step& step : TestVm::table_of_steps()) {
            for (const Then then : {Then::enter, Then::stop}) {
                CAPTURE(serial);
                CAPTURE(step.name);
                Hosted vms{{.serial = serial}};
                TestVm& guest = vms.guest;
                bool met = false;
                guest.before_step = [&](std::string_view name) {
                    // Of a step that all run, the boot CPU's run.
                    if (name == step.name && index(guest.self()) == 1 && !met) {
                        met = true;
                        vms.host.post(0, [&] { return vms.kexec(); });
                        const Ticks until = guest.now() + vms.deadline() / 2;
                        while (guest.now() < until && !guest.stopping()) {
                            guest.wait(until);
                        }
                    }
                };
                guest.exec(1, then);
                CHECK(met);
                CHECK(guest.kernel == (then == Then::enter ? 2 : 1));
                CHECK(guest.count(State::lost) == 0);
                check_gone(vms);
            }
        }
    }
}

TEST_CASE("a host kexec meets an order to start the other VM") {
    for (u32 round = 0; round < 50; round++) {
        Hosted vms{{}, TestVm::AtFirst::off};
        vms.host.cpu_on(0, 1);
        vms.host.post(0, [&] { return vms.kexec(); });
        vms.host.post(1, [&] {
            (void)vms.guest.lifecycle.give(Order::enter);
            return Next::resume;
        });
        vms.machine.rest();
        CHECK(vms.guest.kernel % 2 == 0); // it was started and stopped, or neither
        check_gone(vms);
    }
}

TEST_CASE("a VM that does not stop in time is left behind") {
    for (const bool serial : {false, true}) {
        Hosted vms{{.serial = serial}};
        bool stuck = false;
        vms.guest.before_gather = [&] {
            stuck = true;
            vms.guest.may_be_abandoned = true;
            vms.guest.stall();
        };
        const Ticks before = vms.machine.now();
        vms.leave();
        CHECK(stuck);
        CHECK(vms.shut == false);
        CHECK(vms.host.lifecycle.report());
        CHECK(vms.host.lifecycle.report()->blackout() >= vms.deadline());
        CHECK(vms.host.lifecycle.report()->blackout() < 2 * vms.deadline());
        CHECK(vms.machine.now() - before >= vms.deadline());
    }
}

namespace {

/// One turn of a guest that makes any call, once in a while.
Next busy_guest(TestVm& vm, std::atomic<int>& calls) {
    vm.demand(vm.here().in_guest, "only a CPU in the guest runs");
    vm.demand(vm.read_memory().value_or(vm.here().kernel) == vm.here().kernel,
              "the memory is that of this CPU's kernel");
    if (calls.fetch_sub(1, std::memory_order_relaxed) <= 0) {
        vm.wait(arch::never);
        return vm.lifecycle.join();
    }
    const auto dice = vm.here().random() % 64;
    if (dice < 24) {
        Next next{};
        vm.call_cpu_on(static_cast<u32>(vm.here().random() % vm.size), next);
        return next;
    }
    return dice < 32   ? vm.lifecycle.cpu_off()
           : dice < 36 ? vm.lifecycle.exec()
           : dice < 38 ? vm.lifecycle.exec(Then::stop)
                       : Next::resume;
}

/// The host's CPUs give orders, as long as there are any.
Next busy_host(Hosted& vms, std::atomic<int>& orders) {
    if (orders.load(std::memory_order_relaxed) <= 0) {
        vms.host.wait(arch::never);
        return vms.host.lifecycle.join();
    }
    const bool enter = vms.host.here().random() % 4 != 0;
    orders.fetch_sub(1, std::memory_order_relaxed);
    if (!vms.guest.lifecycle.give(enter ? Order::enter : Order::stop)) {
        vms.host.wait(vms.host.now() + vms.machine.frequency() / 1000);
    }
    return Next::resume;
}

} // namespace

TEST_CASE("orders against CPU_ON, CPU_OFF, exec and stop") {
    for (const bool serial : {false, true}) {
        for (const bool impatient : {false, true}) {
            u64 handovers = 0;
            u32 lost = 0;
            for (u32 round = 0; round < 20; round++) {
                std::atomic<int> orders{100};
                std::atomic<int> calls{4000};
                Hosted vms{{.serial = serial}};
                TestVm& guest = vms.guest;
                vms.machine.be_impatient(impatient ? 3 : 0);
                guest.behaviour = [&] { return busy_guest(guest, calls); };
                vms.host.behaviour = [&] { return busy_host(vms, orders); };
                vms.host.kick(0);
                guest.on(0, [] { return Next::resume; });

                CHECK(guest.violations == 0);
                const bool all_lost = guest.count(State::lost) == guest_cpus;
                CHECK((all_lost || guest.lifecycle.ordered() == Order::none));
                CHECK((guest.count(State::online) == 0) == guest.lifecycle.is_off());
                CHECK(guest.count(State::online) + guest.count(State::idle_dead) +
                          guest.count(State::lost) ==
                      guest_cpus);
                handovers += guest.kernel;
                lost += guest.count(State::lost);
            }
            CHECK((lost > 0) == impatient); // or the test is none
            MESSAGE(handovers, " handovers lost ", lost, " CPUs");
        }
    }
}

TEST_CASE("a host kexec against orders, CPU_ON, CPU_OFF, exec and stop") {
    for (const bool serial : {false, true}) {
        for (u32 round = 0; round < 100; round++) {
            std::atomic<int> orders{static_cast<int>(round % 7)};
            std::atomic<int> calls{200};
            Hosted vms{{.serial = serial}};
            vms.host.cpu_on(0, 1);
            vms.guest.behaviour = [&] { return busy_guest(vms.guest, calls); };
            vms.host.behaviour = [&] {
                return orders.load(std::memory_order_relaxed) <= 0 && !vms.leaving.exchange(true)
                           ? vms.kexec()
                           : busy_host(vms, orders);
            };
            vms.host.kick(0);
            vms.host.kick(1);
            vms.guest.on(0, [] { return Next::resume; });
            CHECK(vms.guest.count(State::lost) == 0);
            check_gone(vms);
        }
    }
}
