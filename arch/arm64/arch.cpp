// SPDX-License-Identifier: BSD-2-Clause
//
// hyp/arch.hpp on AArch64.
#include "hyp/arch.hpp"

#include "arch/arm64/console/consoles.hpp"
#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/cache.hpp"
#include "arch/arm64/cpu/sleep.hpp"
#include "arch/arm64/departure.hpp"
#include "arch/arm64/exits/guest_frame.hpp"
#include "arch/arm64/exits/interrupts.hpp"
#include "arch/arm64/firmware.hpp"
#include "arch/arm64/gic/sgi.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/panic/panic.hpp"
#include "hyp/log/format.hpp"
#include "hyp/log/log.hpp"

namespace baton::arch {
namespace {

using namespace arm64;

extern "C" [[noreturn]] void enter_guest_frame(GuestFrame* frame);
extern "C" [[noreturn]] void run_on_fresh_stack(u64 stack_top, void (*function)());

/// baton.fault=panic: runs down the stack into its guard page.
[[gnu::noinline]] u64 overflow_stack(u64 depth) {
    volatile u64 frame[64];
    frame[depth % 64] = depth;
    return (depth < stack_size ? overflow_stack(depth + 1) : 0) + frame[depth % 64];
}

/// A CPU that is in no guest has left the guest's root (the step "root" of steps.cpp): what it
/// walks ahead under a root that is being built would stay in its TLB.
void expect_unused(const Stage2& root) {
    for (const PerCpu& cpu : hypervisor().cpus) {
        if (!root.is_retired() && cpu.vmid.load(std::memory_order_relaxed) == root.vmid()) {
            std::array<char, 80> why;
            panic(format(why, "CPU {} has the root loaded that is to be built anew", cpu.id));
        }
    }
}

/// Of the kernel that runs, or is about to.
Stage2& current_root(const Vm& vm) { return *vm.arch().roots[index(vm.images().running_slot())]; }

/// Baton's own map leaves out some of what a guest's has: build_el2_map's holes.
bool is_mapped_here(PhysAddr address) {
    return std::ranges::none_of(hypervisor().platform.reserved, [&](const ReservedRange& each) {
        return each.opaque && whole_pages(each.range).contains(address);
    });
}

/// SGIs, or settings, that other CPUs left here for the last kernel.
void clear_leftovers() {
    PerCpu& self = this_cpu();
    if (const u64 handover = self.vcpu->vm->lifecycle().taken_down();
        handover != self.clean_since) {
        self.clean_since = handover;
        self.vm->vgic.take_down(self.vgic);
    }
}

/// Sleeps until this CPU's vCPU is to run. Only kicks wake it: to a parked CPU no interrupt of the
/// guest's is signalled (Vgic::turn_off, Vgic::drain).
void park_loop() {
    Hypervisor& baton = hypervisor();
    PerCpu& self = this_cpu();
    for (;;) {
        if (is_departing()) {
            arm64::depart();
        }
        clear_leftovers();
        if (self.cluster.unit != nullptr) {
            baton.clusters.look_after();
        }
        if (const auto start = self.vcpu->vm->lifecycle().take_start()) {
            if (baton.options.panic_cpu == self.id) {
                overflow_stack(0);
            }
            clear_leftovers(); // A handover may have passed since, if the firmware had this CPU.
            prepare_vcpu();
            answer_kicks(); // An order of another VM's may have come with the start.
            enter_guest(start->entry, start->argument);
        }
        self.vcpu->vm->start_if_ordered();
        sleep();
        take_interrupts();
    }
}

} // namespace

Vcpu& self() { return *this_cpu().vcpu; }
Ticks now() { return arm64::now(); }
Ticks frequency() { return arm64::frequency(); }
void kick(const Vcpu& vcpu) { gic::kick(cpu_of(vcpu).mpidr); }
void kick_others(const Vcpu&) {
    PerCpu& self = this_cpu();
    self.vm->vgic.kick_others(self.vgic);
}

// A kick stays pending at the CPU interface until it is acknowledged, so WFI returns at once for
// one that came earlier.
void wait(Ticks deadline) {
    if (deadline == never) {
        sleep();
    } else {
        sleep_until(Deadline::at(deadline));
    }
    take_interrupts();
}

// A lost CPU may run old code until its next access finds no translation: the root that it has
// loaded is emptied and its VMID invalidated on all CPUs before the next kernel is entered.
void fence_lost(Vcpu& boot, std::span<const VcpuId> lost) {
    current_root(*boot.vm).empty();
    for (const VcpuId id : lost) {
        boot.vm->arch().vgic.fence(cpu_of(boot.vm->lifecycle().vcpus()[index(id)]).vgic);
    }
}

void lost_boot_cpu(const Vcpu& boot) {
    std::array<char, 80> why;
    const auto sentence = format(why, "CPU {} began a handover and did not finish it", boot.cpu);
    if (boot.vm->is_host()) {
        panic(sentence);
    }
    if (!boot.vm->arch().is_abandoned.exchange(true, std::memory_order_relaxed)) {
        log::line("{}: VM {} is lost", sentence, boot.vm->setup().name);
        log::flush(); // The UART is Baton's where there is another VM than the host VM.
    }
    park();
}

// Below the guest's frame, which is filled in from there.
void park() { run_on_fresh_stack(reinterpret_cast<u64>(this_cpu().guest_frame()), park_loop); }

void prepare_vcpu() {
    PerCpu& self = this_cpu();
    load_root(current_root(*self.vcpu->vm));
    if (self.cluster.unit != nullptr) {
        hypervisor().clusters.enter();
    }
    self.vm->vgic.turn_on(self.vgic);
}

void enter_guest(GuestAddr entry, u64 argument) {
    GuestFrame* frame = this_cpu().guest_frame();
    *frame = {};
    frame->x[0] = argument;
    write_raw<ELR_EL2>(entry.value);
    write(SPSR_EL2::M_EL1h | SPSR_EL2::DAIF);
    enter_guest_frame(frame);
}

bool is_up(const Vcpu& vcpu) { return cpu_of(vcpu).running.load(std::memory_order_relaxed); }

bool is_guest_memory(const Vm& vm, GuestAddr address) {
    const auto found = current_root(vm).lookup(address);
    return found && found->attributes == GuestMemory::ram && is_mapped_here(to_phys(address));
}

void power_off() {
    log::line("power off");
    log::flush_all();
    firmware::system_off();
}

void reset() {
    log::line("reset");
    log::flush_all();
    firmware::system_reset();
}

void standby() {
    PerCpu& self = this_cpu();
    if (!self.vm->vgic.has_pending_interrupt(self.vgic)) {
        sleep();
    }
}

void set_alarm(Ticks at) {
    write_raw<CNTHP_CVAL_EL2>(at.count);
    write(CNTHP_CTL_EL2::ENABLE);
}

void publish_bytes(PhysRange range) { cache::clean_to_poc(range); }

void publish_instructions() { cache::invalidate_instructions(); }

bool prepare_memory(VmId id, SlotId slot, std::span<const PhysRange> memory) {
    VmArch& vm = hypervisor().vm(id).arch();
    const Stage2Map map{.ram = memory,
                        .shared = {vm.shared_memory.data(), vm.shared_memory.size()},
                        .devices = vm.devices,
                        .holes = {}};
    auto& root = vm.roots[index(slot)];
    expect_unused(*root);
    auto built = root->build(map);
    if (!built && built.error() == Error::busy && !vm.spare_roots.empty()) {
        const VmArch::SpareRoot spare = vm.spare_roots[vm.spare_roots.size() - 1];
        vm.spare_roots.erase(vm.spare_roots.size() - 1);
        root.emplace(*hypervisor().root_format, spare.tables, spare.vmid);
        built = root->build(map);
    }
    return built.has_value();
}

void retire_memory(VmId id, SlotId slot) { hypervisor().vm(id).arch().roots[index(slot)]->empty(); }

std::span<const PhysRange> memory_in_use(VmId id) {
    VmArch& vm = hypervisor().vm(id).arch();
    auto& stuck = vm.stuck_tables;
    stuck.clear();
    vm.vgic.retire_stuck_lpis([&](CpuId cpu, const VgicLpiTables& tables) {
        log::line("warning: CPU {}: LPIs stay on; their tables at {} and {} are reserved, and no "
                  "kernel gets the ITS any more",
                  cpu, tables.config.begin, tables.pending.begin);
        (void)stuck.push(to_phys(tables.config)); // two for each CPU
        (void)stuck.push(to_phys(tables.pending));
    });
    return {stuck.data(), stuck.size()};
}

void flush_console(VmId vm) { arm64::flush_console(vm); }

bool ring_doorbell(VmId vm, u64 region) {
    Hypervisor& baton = hypervisor();
    for (const auto& doorbell : baton.vm(vm).arch().doorbells) {
        if (doorbell.region == region) {
            dsb_ishst(); // What was written to the region is there before the interrupt is.
            baton.vm(doorbell.rings).arch().vgic.pend(doorbell.interrupt);
            return true;
        }
    }
    return false;
}

std::byte* bytes(PhysAddr address) { return reinterpret_cast<std::byte*>(address.value); }

} // namespace baton::arch
