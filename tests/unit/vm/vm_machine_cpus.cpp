// SPDX-License-Identifier: BSD-2-Clause
//
// The lives of the machine's CPUs, and what hyp/arch.hpp asks of them.
#include "tests/unit/vm/vm_machine.hpp"

namespace baton::test {
namespace {

// How the functions that do not return leave Baton.
struct Parked {};
struct Entered {};
struct Ended {};

} // namespace

void MachineVm::run(Vcpu& self) {
    VmMachine::Cpu& cpu = machine_.cpu(vm.id(), index(self.id));
    while (!machine_.machine.stopping()) {
        try {
            if (cpu.stopped) {
                machine_.machine.wait(arch::never);
            } else if (cpu.in_guest) {
                turn_in_guest(self);
            } else {
                turn_parked();
            }
        } catch (const Parked&) {
            cpu.in_guest = false;
        } catch (const Entered&) {
            cpu.in_guest = true;
        } catch (const Ended&) {
            cpu.stopped = true;
        }
    }
}

void MachineVm::turn_in_guest(Vcpu& self) {
    VmMachine::Cpu& cpu = machine_.cpu(vm.id(), index(self.id));
    machine_.machine.wait(cpu.alarm);
    if (arch::now() >= cpu.alarm) {
        cpu.alarm = arch::never;
    }
    vm.answer_kick();
    std::function<void()> posted;
    {
        const std::lock_guard lock{cpu.mutex};
        posted.swap(cpu.posted);
    }
    if (posted) {
        posted();
        vm.answer_kick(); // it may have waited, and taken kicks
    }
}

void MachineVm::turn_parked() {
    if (const auto start = vm.lifecycle().take_start()) {
        arch::prepare_vcpu();
        vm.answer_kick();
        arch::enter_guest(start->entry, start->argument);
    }
    vm.start_if_ordered();
    machine_.machine.wait(arch::never);
}

u32 VmMachine::lead(VmId vm) {
    const auto vcpus = static_cast<u32>(vms_[index(vm)].lifecycle().cpu_count());
    for (u32 vcpu = 0; vcpu < vcpus; vcpu++) {
        if (cpu(vm, vcpu).in_guest) {
            return vcpu;
        }
    }
    return 0;
}

usize VmMachine::entries(VmId vm) {
    usize sum = 0;
    for (const Vcpu& vcpu : vms_[index(vm)].lifecycle().vcpus()) {
        sum += cpu(vm, index(vcpu.id)).entries.size();
    }
    return sum;
}

void VmMachine::post(VmId vm, u32 vcpu, std::function<void()> what) {
    REQUIRE(cpu(vm, vcpu).in_guest);
    post_later(vms_[index(vm)].lifecycle().vcpus()[vcpu], std::move(what));
}

void VmMachine::post_later(const Vcpu& vcpu, std::function<void()> what) {
    Cpu& its = cpu(vcpu.vm->id(), index(vcpu.id));
    {
        const std::lock_guard lock{its.mutex};
        its.posted = std::move(what);
    }
    machine.kick(vcpu.cpu);
}

void VmMachine::on(VmId vm, u32 vcpu, std::function<void()> what) {
    post(vm, vcpu, std::move(what));
    machine.rest();
}

void VmMachine::cpu_on(VmId vm, u32 vcpu) {
    on(vm, [&, vcpu] {
        const auto answer =
            vms_[index(vm)].lifecycle().cpu_on(VcpuId{vcpu}, {{0x1234'0000}, 0x5678});
        CHECK(answer == Lifecycle::CpuOn::success);
    });
    CHECK(cpu(vm, vcpu).in_guest);
}

} // namespace baton::test

namespace baton::arch {
namespace {

using test::VmMachine;

VmMachine::Cpu& this_cpu() {
    const Vcpu& vcpu = self();
    return VmMachine::here().cpu(vcpu.vm->id(), index(vcpu.id));
}

[[noreturn]] void end_machine(test::End end) {
    VmMachine::here().end = end;
    throw test::Ended{};
}

} // namespace

void park() { throw test::Parked{}; }
void prepare_vcpu() { this_cpu().alarm = never; }
void enter_guest(GuestAddr entry, u64 argument) {
    this_cpu().entries.push_back({entry, argument});
    throw test::Entered{};
}
void set_alarm(Ticks ticks) { this_cpu().alarm = ticks; }
bool is_up(const Vcpu& vcpu) { return VmMachine::here().down != vcpu.cpu; }

bool is_guest_memory(const Vm& vm, GuestAddr address) {
    return VmMachine::here().memory.maps(vm.id(), vm.images().running_slot(), to_phys(address));
}
std::span<const PhysRange> memory_in_use(VmId vm) {
    const auto& all = VmMachine::here().in_use;
    return vm == host_vm ? std::span<const PhysRange>{all} : std::span<const PhysRange>{};
}
void flush_console(VmId vm) { VmMachine::here().flushed.push_back(vm); }

bool ring_doorbell(VmId vm, u64 region) {
    if (region != 0 || vm == test::vm_a) {
        return false; // the one region is the host VM's and b's
    }
    VmMachine::here().rang.push_back(vm);
    return true;
}

void power_off() { end_machine(test::End::power_off); }
void reset() { end_machine(test::End::reset); }
void depart(const StagedImage& image, bool cpus_are_missing) {
    VmMachine::here().left_to = image;
    VmMachine::here().cpus_were_missing = cpus_are_missing;
    end_machine(test::End::left);
}
bool has_resident_trusted_os() { return VmMachine::here().has_trusted_os; }

} // namespace baton::arch
