// SPDX-License-Identifier: BSD-2-Clause
//
// How a kernel ends: replaced, restarted, stopped, or given up by the watchdog.
#include "hyp/log/log.hpp"
#include "tests/unit/vm/vm_machine.hpp"

#include <utility>

using namespace baton;
using baton::test::End;
using baton::test::kernel_image;
using baton::test::vm_a;
using baton::test::vm_b;
using baton::test::VmMachine;

namespace {

const std::string kernel = kernel_image(50'000, MiB, 'n');

/// What fills the kernel that a VM runs.
char kernel_of(VmMachine& machine, VmId vm) {
    const auto slot = machine.layout.slots_of(vm)[index(machine.vm(vm).images().running_slot())];
    return machine.memory.text({slot.begin + 1000, 1})[0];
}

void restart(VmMachine& machine, VmId vm) {
    machine.on(vm, [&machine, vm] { machine.vm(vm).restart(); });
}

} // namespace

TEST_CASE("a reset of the host VM starts what is staged, or resets the machine") {
    VmMachine machine;
    machine.stage(host_vm, host_vm, kernel);
    restart(machine, host_vm);
    CHECK_FALSE(machine.end);
    CHECK(kernel_of(machine, host_vm) == 'n');
    restart(machine, host_vm);
    CHECK(machine.end == End::reset);
    CHECK(machine.entries(host_vm) == 1);
}

TEST_CASE("baton.rotate: a reset of the host VM starts its next boot image") {
    VmMachine machine{{.host_rotates = true}};
    for (u32 round = 1; round <= 3; round++) {
        restart(machine, host_vm);
        CHECK(machine.entries(host_vm) == round);
        CHECK(kernel_of(machine, host_vm) == 'h');
        CHECK(machine.host().images().running_slot() == SlotId{round % 2});
    }
    CHECK_FALSE(machine.end);
    machine.memory.has_room_for_tables = false;
    restart(machine, host_vm);
    CHECK(machine.logged("warning: the next image is not staged"));
    CHECK(machine.end == End::reset);
}

TEST_CASE("a reset of another VM does what the boot description says") {
    VmMachine machine;
    machine.start(vm_a);
    machine.start(vm_b);
    CHECK(kernel_of(machine, vm_a) == 'a');
    restart(machine, vm_b);
    CHECK(machine.entries(vm_b) == 2);
    CHECK(kernel_of(machine, vm_b) == 'b');

    machine.stage(vm_a, vm_a, kernel);
    restart(machine, vm_a); // what is staged is started in any case
    CHECK(kernel_of(machine, vm_a) == 'n');
    restart(machine, vm_a);
    CHECK(machine.vm_status(vm_a).state == BATON_VM_OFF);
    CHECK(machine.logged("baton: a: off\n"));
    CHECK(machine.flushed == std::vector{vm_a});

    CHECK(machine.vm_status(vm_b).state == BATON_VM_RUNNING);
    CHECK_FALSE(machine.end);
}

TEST_CASE("a reset in the middle of a load begins anew without it") {
    VmMachine machine;
    machine.start(vm_b);
    REQUIRE(
        machine
            .begin(vm_b, VmMachine::load_request(host_vm, {{BATON_PIECE_KERNEL, 0, kernel.size()}}))
            .status == BATON_OK);
    restart(machine, vm_b);
    CHECK(kernel_of(machine, vm_b) == 'b');
    CHECK(machine.status_of(vm_b).load_state == BATON_EMPTY);
}

TEST_CASE("the host VM's power-off is the machine's, another's its own") {
    VmMachine machine;
    machine.start(vm_b);
    machine.on(vm_b, [&] { machine.b().power_off(); });
    CHECK(machine.vm_status(vm_b).state == BATON_VM_OFF);
    CHECK(machine.flushed == std::vector{vm_b});
    CHECK_FALSE(machine.end);
    machine.on(host_vm, [&] { machine.host().power_off(); });
    CHECK(machine.end == End::power_off);
}

TEST_CASE("a reset waits for a CPU that stages an image just now") {
    VmMachine machine;
    machine.cpu_on(host_vm, 1);
    const u64 id = machine.stage(host_vm, host_vm, kernel);
    REQUIRE(machine.host().images().try_claim());
    machine.post(host_vm, 1, [&] {
        const Ticks done = arch::now() + arch::frequency() / 10;
        while (arch::now() < done) {
            arch::wait(done);
        }
        machine.host().images().unclaim();
    });
    Error why{};
    machine.on(host_vm, [&] { why = machine.host().exec_when_free(id + 1); });
    CHECK(why == Error::stale);
    CHECK(machine.cpu(host_vm, 0).entries.empty());
    machine.on(host_vm, [&] { why = machine.host().exec_when_free(id); });
    CHECK(machine.cpu(host_vm, 0).entries.size() == 1);
}

TEST_CASE("a reset does not wait for ever for a CPU that stages") {
    SUBCASE("the host VM's resets the machine") {
        VmMachine machine;
        REQUIRE(machine.host().images().try_claim());
        machine.machine.be_impatient(1);
        restart(machine, host_vm);
        CHECK(machine.end == End::reset);
        CHECK(machine.logged("warning: a CPU has been staging an image for 10 s"));
    }
    SUBCASE("another's goes on") {
        VmMachine machine;
        machine.start(vm_b);
        REQUIRE(machine.b().images().try_claim());
        machine.machine.be_impatient(1);
        restart(machine, vm_b);
        CHECK(machine.logged("b: warning: a CPU has been staging an image for 10 s"));
        CHECK(machine.entries(vm_b) == 2);
    }
}

TEST_CASE("a CPU that waits to reset its VM is taken along by a handover") {
    VmMachine machine;
    machine.cpu_on(host_vm, 1);
    machine.stage(host_vm, host_vm, kernel);
    REQUIRE(machine.host().images().try_claim()); // the handover's, below
    machine.post(host_vm, 1, [&] { machine.host().restart(); });
    machine.on(host_vm, 0,
               [&] { machine.host().follow(machine.host().lifecycle().exec(Then::enter)); });
    CHECK(machine.cpu(host_vm, 0).entries.size() == 1);
    CHECK_FALSE(machine.cpu(host_vm, 1).in_guest);
    CHECK(machine.status_of(host_vm).parked == machine.status_of(host_vm).cpus - 1);
    CHECK_FALSE(machine.end);
}

TEST_CASE("a kernel that makes no call in time is given up") {
    VmMachine machine{{.watchdog_s = 5}};
    SUBCASE("in the host VM: the machine starts anew") {
        machine.stage(host_vm, host_vm, kernel);
        restart(machine, host_vm);
        CHECK(machine.entries(host_vm) == 1);
        CHECK(machine.logged("baton: watchdog: the new kernel has made no call for 5 s\n"));
        CHECK(machine.end == End::reset);
    }
    SUBCASE("in another, as its reset does it") {
        machine.start(vm_a);
        CHECK(machine.entries(vm_a) == 1);
        CHECK(machine.logged("baton: a: watchdog: the new kernel has made no call for 5 s\n"));
        CHECK(machine.vm_status(vm_a).state == BATON_VM_OFF);
        CHECK(machine.vm_status(vm_a).status.load_state == BATON_EMPTY);
        CHECK_FALSE(machine.end);
    }
    SUBCASE("and what was staged for it meanwhile with it") {
        bool staged = false;
        machine.in_last_step = [&](Vcpu& vcpu) {
            if (!std::exchange(staged, true)) {
                machine.post_later(vcpu, [&] {
                    CHECK(machine.a().claim_images());
                    CHECK(machine.a().images().stage_next());
                    machine.a().unclaim_images();
                });
            }
        };
        machine.start(vm_a);
        CHECK(staged);
        CHECK(machine.entries(vm_a) == 1);
        CHECK(machine.vm_status(vm_a).state == BATON_VM_OFF);
        CHECK(machine.vm_status(vm_a).status.load_state == BATON_EMPTY);
    }
    SUBCASE("one that does lives on") {
        machine.stage(host_vm, host_vm, kernel);
        machine.in_last_step = [&](Vcpu& vcpu) { // behind it, in the new kernel
            machine.post_later(vcpu, [&] { machine.host().note_call(); });
        };
        restart(machine, host_vm);
        CHECK_FALSE(machine.end);
        CHECK_FALSE(machine.logged("watchdog"));
        CHECK(machine.cpu(host_vm).alarm == arch::never); // it came, and meant nothing
    }
}

TEST_CASE("the first call of a new kernel reports the handover") {
    static std::string console;
    log::attach_console([](std::string_view text) { console += text; });
    log::detach_console();
    VmMachine machine{{.report_at_once = true}};
    console.clear();
    machine.cpu_on(host_vm, 1);
    machine.stage(host_vm, host_vm, kernel);
    restart(machine, host_vm);
    CHECK_FALSE(machine.logged("handover"));
    machine.status_of(host_vm);
    CHECK(machine.logged("baton: handover 1: parallel, 2 CPUs, 0 lost, blackout "));
    CHECK(machine.logged("baton: handover 1: slowest CPU "));
    CHECK(console.contains("handover 1: parallel"));
    const std::string once = machine.log();
    machine.status_of(host_vm);
    CHECK(machine.log() == once);
}

TEST_CASE("memory that the interrupt controller goes on using is kept from the next kernel") {
    VmMachine machine;
    machine.in_use = {{{0x4200'0000}, 64 * KiB}};
    machine.stage(host_vm, host_vm, kernel);
    restart(machine, host_vm);
    const u64 dtb = machine.cpu(host_vm).entries[0].argument;
    const Fdt fdt = *Fdt::open(std::as_bytes(std::span{machine.memory.text({{dtb}, 64 * KiB})}));
    u32 times = 0;
    for (u32 i = 0; i < fdt.reservation_count(); i++) {
        times += fdt.reservation(i) == machine.in_use[0] ? 1 : 0;
    }
    CHECK(times == 1);
}
