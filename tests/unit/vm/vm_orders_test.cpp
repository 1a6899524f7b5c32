// SPDX-License-Identifier: BSD-2-Clause
//
// What the host VM does with others: it stops and starts them, and takes the machine from them all
// in a host kexec.
#include "tests/unit/vm/vm_machine.hpp"

using namespace baton;
using baton::test::End;
using baton::test::kernel_image;
using baton::test::vm_a;
using baton::test::vm_b;
using baton::test::VmMachine;

namespace {

const std::string kernel = kernel_image(50'000, MiB, 'n');

i64 power(VmMachine& machine, VmId vm, baton_vm_operation operation) {
    return machine.status(host_vm, BATON_VM_POWER, {index(vm), static_cast<u64>(operation)});
}

char kernel_of(VmMachine& machine, VmId vm) {
    const auto slot = machine.layout.slots_of(vm)[index(machine.vm(vm).images().running_slot())];
    return machine.memory.text({slot.begin + 1000, 1})[0];
}

/// By the host VM: what is staged for the whole machine takes over.
void exec_host(VmMachine& machine) {
    CHECK_FALSE(machine.try_call(host_vm, 0, BATON_EXEC, {0, 0}));
}

} // namespace

TEST_CASE("the host VM stops and starts another, which goes on with its next boot image") {
    VmMachine machine;
    for (const char next : {'a', 'A', 'a'}) {
        CHECK(power(machine, vm_a, BATON_VM_START) == BATON_OK);
        CHECK(machine.vm_status(vm_a).state == BATON_VM_RUNNING);
        CHECK(kernel_of(machine, vm_a) == next);
        CHECK(power(machine, vm_a, BATON_VM_START) == BATON_OK); // nothing to do
        machine.cpu_on(vm_a, 1 - machine.lead(vm_a));
        CHECK(power(machine, vm_a, BATON_VM_STOP) == BATON_OK);
        const baton_vm_status status = machine.vm_status(vm_a);
        CHECK(status.state == BATON_VM_OFF);
        CHECK(status.status.parked == 2);
        CHECK(power(machine, vm_a, BATON_VM_STOP) == BATON_OK);
    }
    CHECK(machine.entries(vm_a) == 3 + 3);
    CHECK(machine.entries(host_vm) == 0);
}

TEST_CASE("a start enters the kernel with its DTB, a CPU_ON where it was told") {
    VmMachine machine;
    machine.start(vm_b);
    const u32 first = machine.lead(vm_b);
    const auto& entry = machine.cpu(vm_b, first).entries[0];
    CHECK(entry.entry == to_guest(machine.layout.vms[1].slots[1].begin));
    const auto dtb = machine.memory.text({{entry.argument}, 64 * KiB});
    CHECK(Fdt::open(std::as_bytes(std::span{dtb})));

    const u32 second = 1 - first;
    machine.on(vm_b, [&] {
        CHECK(machine.b().lifecycle().cpu_on(VcpuId{second}, {{0x5900'1000}, 77}) ==
              Lifecycle::CpuOn::success);
    });
    REQUIRE(machine.cpu(vm_b, second).entries.size() == 1);
    CHECK(machine.cpu(vm_b, second).entries[0].entry == GuestAddr{0x5900'1000});
    CHECK(machine.cpu(vm_b, second).entries[0].argument == 77);
}

TEST_CASE("what the host VM cannot order") {
    VmMachine machine;
    CHECK(power(machine, host_vm, BATON_VM_STOP) == BATON_INVALID_PARAMETER);
    CHECK(power(machine, VmId{3}, BATON_VM_START) == BATON_INVALID_PARAMETER);
    CHECK(machine.status(host_vm, BATON_VM_POWER, {1, 2}) == BATON_INVALID_PARAMETER);
    machine.start(vm_a);
    CHECK(machine.status(vm_a, BATON_VM_POWER, {2, BATON_VM_START}) == BATON_NOT_ALLOWED);
    CHECK(machine.status(vm_a, BATON_VM_POWER, {1, BATON_VM_STOP}) == BATON_NOT_ALLOWED);
}

TEST_CASE("a VM without an image is not started") {
    VmMachine machine{{.others_rotate = false}};
    machine.start(vm_b);
    CHECK(power(machine, vm_b, BATON_VM_STOP) == BATON_OK);
    CHECK(power(machine, vm_b, BATON_VM_START) == BATON_NOT_SEALED);
    const u64 id = machine.stage(host_vm, vm_b, kernel);
    CHECK(machine.status(host_vm, BATON_EXEC, {0, id}) == BATON_OK);
    CHECK(kernel_of(machine, vm_b) == 'n');
}

TEST_CASE("an order is refused while another CPU stages, or another order waits") {
    VmMachine machine;
    machine.start(vm_a);
    const u64 id = machine.stage(host_vm, vm_b, kernel);
    REQUIRE(machine.b().images().try_claim());
    CHECK(power(machine, vm_b, BATON_VM_START) == BATON_BUSY);
    CHECK(machine.status(host_vm, BATON_EXEC, {0, id}) == BATON_BUSY);
    machine.b().images().unclaim();

    // An order that waits: its CPU is busy in Baton.
    const u64 of_a = machine.stage(host_vm, vm_a, kernel);
    const CpuId busy = machine.a().lifecycle().vcpus()[machine.lead(vm_a)].cpu;
    machine.on(vm_a, [&] { machine.machine.stall(); });
    CHECK(power(machine, vm_a, BATON_VM_STOP) == BATON_OK);
    CHECK(power(machine, vm_a, BATON_VM_STOP) == BATON_BUSY);
    CHECK(machine.status(host_vm, BATON_EXEC, {0, of_a}) == BATON_BUSY);
    machine.machine.resume(busy);
    machine.machine.rest();
    CHECK(machine.vm_status(vm_a).state == BATON_VM_OFF);
}

TEST_CASE("a running VM that is told to begin anew does, or is off") {
    VmMachine machine;
    machine.start(vm_a);
    REQUIRE(machine.a().lifecycle().give(Order::enter));
    machine.machine.rest();
    CHECK(machine.entries(vm_a) == 2);
    CHECK(kernel_of(machine, vm_a) == 'A');

    machine.memory.has_room_for_tables = false;
    REQUIRE(machine.a().lifecycle().give(Order::enter));
    machine.machine.rest();
    CHECK(machine.logged("a: warning: the next image is not staged"));
    CHECK(machine.vm_status(vm_a).state == BATON_VM_OFF);
}

TEST_CASE("a start waits for a CPU that stages, but not for ever, and comes when it can") {
    VmMachine machine;
    REQUIRE(machine.b().images().try_claim());
    machine.machine.be_impatient(1); // 10 s in small steps
    machine.on(host_vm, [&] { CHECK(machine.b().lifecycle().give(Order::enter)); });
    CHECK(machine.b().lifecycle().is_off());
    CHECK(machine.entries(vm_b) == 0);
    machine.machine.be_impatient(0);
    machine.b().images().unclaim();
    machine.machine.kick(machine.b().lifecycle().vcpus()[0].cpu);
    machine.machine.rest();
    CHECK(machine.vm_status(vm_b).state == BATON_VM_RUNNING);
}

TEST_CASE("a VM that hands over just now takes no load") {
    VmMachine machine;
    machine.in_last_step = [&](Vcpu& vcpu) {
        if (vcpu.vm == &machine.a()) {
            machine.machine.stall(); // its images are switched
        }
    };
    machine.start(vm_a);
    const auto request = VmMachine::load_request(vm_a, {{BATON_PIECE_KERNEL, 0, kernel.size()}});
    CHECK(machine.begin(host_vm, request).status == BATON_BUSY);
    machine.in_last_step = nullptr;
    machine.machine.resume(machine.a().lifecycle().vcpus()[0].cpu);
    machine.machine.resume(machine.a().lifecycle().vcpus()[1].cpu);
    machine.machine.rest();
    CHECK(machine.begin(host_vm, request).status == BATON_OK);
}

TEST_CASE("a host kexec hands the machine to its image when all other VMs are off, for good") {
    VmMachine machine;
    machine.start(vm_a);
    machine.cpu_on(host_vm, 1);
    const u64 id = machine.stage(host_vm, host_vm, kernel, BATON_HOST_KEXEC);
    exec_host(machine);
    CHECK(machine.end == End::left);
    REQUIRE(machine.left_to);
    CHECK(machine.left_to->id == id);
    CHECK(machine.left_to->kexec == Kexec::host);
    CHECK(machine.left_to->entry == to_guest(machine.layout.slots[1].begin));
    CHECK_FALSE(machine.cpus_were_missing);
    CHECK(machine.memory.abandoned.empty());
    CHECK(machine.entries(host_vm) == 1); // by CPU_ON, before

    for (const VmId vm : {vm_a, vm_b}) { // nothing starts them any more
        const usize entries = machine.entries(vm);
        (void)machine.vm(vm).lifecycle().give(Order::enter);
        machine.machine.rest();
        CHECK(machine.entries(vm) == entries);
        CHECK_FALSE(machine.cpu(vm, 0).in_guest);
        CHECK_FALSE(machine.cpu(vm, 1).in_guest);
    }
}

TEST_CASE("memory is taken from a VM that does not stop for a host kexec") {
    VmMachine machine;
    machine.start(vm_a);
    machine.on(vm_a, [&] { machine.machine.stall(); });
    machine.stage(host_vm, host_vm, kernel, BATON_HOST_KEXEC);
    exec_host(machine);
    CHECK(machine.end == End::left);
    CHECK(machine.logged("warning: VM a did not stop within 100 ms: its memory is taken from it"));
    CHECK(machine.memory.abandoned ==
          std::vector{std::pair{vm_a, machine.a().images().running_slot()}});
}

TEST_CASE("a guest's own kexec stops nobody else") {
    VmMachine machine;
    machine.start(vm_a);
    machine.stage(host_vm, host_vm, kernel);
    CHECK_FALSE(machine.try_call(host_vm, 0, BATON_EXEC, {0, 0}));
    CHECK(kernel_of(machine, host_vm) == 'n');
    CHECK(machine.vm_status(vm_a).state == BATON_VM_RUNNING);
    CHECK(machine.entries(vm_a) == 1);
}
