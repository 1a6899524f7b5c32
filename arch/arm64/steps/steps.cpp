// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/steps/steps.hpp"

#include "arch/arm64/calls/firmware_call.hpp"
#include "arch/arm64/console/consoles.hpp"
#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/device_memory.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/steps/el1_state.hpp"
#include "arch/arm64/steps/faults.hpp"
#include "arch/arm64/steps/step_parts.hpp"
#include "hyp/devices/dma.hpp"
#include "hyp/log/log.hpp"

#include <array>

namespace baton::arm64 {
namespace {

/// A handover drops what the list registers hold: the next kernel must not see it. For a CPU_OFF
/// it goes back to the GIC, for the guest may have routed it to a CPU that stays.
void empty_list_registers(Vcpu& self) {
    PerCpu& cpu = this_cpu();
    if (self.vm->lifecycle().handover_wanted()) {
        cpu.vm->vgic.discard_interrupts(cpu.vgic);
    } else {
        cpu.vm->vgic.withdraw_interrupts(cpu.vgic);
    }
}
void close_interface() {
    PerCpu& cpu = this_cpu();
    cpu.vm->vgic.close_interface(cpu.vgic);
}

/// Before the gathering, for a Redistributor writes to its tables while LPIs are on. A CPU_OFF
/// keeps them on, as kernels expect.
void disable_lpis(Vcpu& self) {
    PerCpu& cpu = this_cpu();
    if (!self.vm->lifecycle().handover_wanted()) {
        cpu.vm->vgic.move_lpis(cpu.vgic);
    } else {
        (void)cpu.vm->vgic.disable_lpis(cpu.vgic); // if they stay on: arch::memory_in_use
    }
}

/// No LPI is made any more, and no table of the ITS's is in memory.
void stop_its(Vm& vm) {
    if (!vm.arch().vgic.reset_its()) {
        log::line("warning: an ITS does not come to rest: it may still write to its tables");
    }
}
/// Of CPUs that are off, which keep them, or lost.
void disable_idle_lpis(Vm& vm) { (void)vm.arch().vgic.disable_lpis_of_others(); }

/// Its last core in the guest stops a cluster's counters.
void leave_unit() {
    if (this_cpu().cluster.share) {
        hypervisor().clusters.leave();
    }
}

void take_shares(Vm& vm) {
    if (!hypervisor().clusters.empty()) {
        hypervisor().clusters.take_away(vm);
    }
}
void clear_sgis(Vm& vm) { vm.arch().vgic.clear_sgis(); }
void reset_spis(Vm& vm) {
    if (!vm.arch().vgic.reset_spis()) {
        log::line("warning: the Distributor did not take its reset in time");
    }
}
void route_spis(Vm& vm) { vm.arch().vgic.route_spis(this_cpu().vgic); }

/// A device that does not stop is named in the log: the next kernel's memory is not safe from it.
void stop_dma(Vm& vm) {
    const VmArch& its = vm.arch();
    MappedDevices devices;
    const DmaOff off =
        dma_off(devices, its.pci_hosts, {its.virtio_mmio.data(), its.virtio_mmio.size()});
    for (const PhysAddr device : off.left) {
        log::line("warning: the device at {} may still write to memory", device);
    }
}

/// The firmware writes to memory as a device does.
void unmap_firmware_buffers(Vm& vm) {
    if (!unmap_buffers(vm)) {
        log::line("warning: the firmware keeps its message buffers: it may still write to them");
    }
}

void end_console(Vm& vm) { reset_console(vm.id()); }
void switch_memory(Vm& vm) { vm.switch_images(); }
void shut_others(Vm& vm) { vm.shut_others(); }

void refuse_1_of_n() {
    PerCpu& cpu = this_cpu();
    cpu.vm->vgic.refuse_1_of_n(cpu.vgic);
}
void reset_redistributor(Vcpu& vcpu) {
    PerCpu& self = this_cpu();
    self.clean_since = vcpu.vm->lifecycle().taken_down();
    if (!self.vm->vgic.reset_own_interrupts(self.vgic)) {
        log::line("warning: CPU {}: the Redistributor did not take its reset in time", self.id);
    }
}

/// The old kernel's root is nowhere loaded after its last CPU has been here: it may be rebuilt for
/// another one, which also invalidates its VMID everywhere. Not the next kernel's instead: a CPU
/// that stays parked takes no part in handovers, and would keep that one for ever.
void leave_root() {
    load_root(*hypervisor().parking_root);
    isb(); // No walk begins at the old one any more before others hear that this CPU is idle_dead.
}

// What each step undoes, in the order in which it does. tests/system/mutate.py leaves out one after
// another, each by its name, to see which test notices.

constexpr Parts timers{"timers", Part{"physical", stop_physical_timer},
                       Part{"virtual", stop_virtual_timer}, Part{"access", close_counters}};
constexpr Parts dsu{"dsu", Part{"share", leave_unit}};
constexpr Parts trace{"trace", Part{"profiling", stop_profiling}, Part{"tracing", stop_tracing},
                      Part{"branches", stop_branch_records}};
constexpr Parts mmu{"mmu", Part{"control", reset_control}};
constexpr Parts vgic{"vgic", Part{"list", empty_list_registers}, Part{"interface", close_interface},
                     Part{"lpis", disable_lpis}};

constexpr Parts vms{"vms", Part{"others", shut_others}};
constexpr Parts irqs{"irqs",
                     Part{"clusters", take_shares},
                     Part{"its", stop_its},
                     Part{"lpis", disable_idle_lpis},
                     Part{"sgis", clear_sgis},
                     Part{"spis", reset_spis},
                     Part{"routes", route_spis}};
constexpr Parts dma{"dma", Part{"devices", stop_dma}, Part{"firmware", unmap_firmware_buffers},
                    Part{"console", end_console}};
constexpr Parts memory{"memory", Part{"images", switch_memory}};

constexpr Parts pmu{"pmu",
                    Part{"enables", stop_counting},
                    Part{"counters", reset_counters},
                    Part{"overflows", clear_overflows},
                    Part{"interrupts", mask_overflows},
                    Part{"events", clear_events},
                    Part{"access", close_pmu}};
constexpr Parts debug{"debug",
                      Part{"monitor", stop_monitor_debug},
                      Part{"breakpoints", clear_breakpoints},
                      Part{"watchpoints", clear_watchpoints},
                      Part{"claims", clear_claims},
                      Part{"locks", lock_debug}};
constexpr Parts el1{"el1",
                    Part{"translation", reset_translation},
                    Part{"exceptions", reset_exceptions},
                    Part{"errors", clear_errors},
                    Part{"threads", reset_threads},
                    Part{"keys", clear_keys},
                    Part{"tagging", reset_tagging},
                    Part{"stacks", reset_control_stacks},
                    Part{"vectors", reset_vectors}};
constexpr Parts gicr{"gicr", Part{"1_of_n", refuse_1_of_n}, Part{"own", reset_redistributor}};
constexpr Parts root{"root", Part{"old", leave_root}};

static_assert(acts_on_vm(vms) && acts_on_vm(irqs) && acts_on_vm(dma) && acts_on_vm(memory));
static_assert(acts_on_core(vgic) && acts_on_core(gicr));

constexpr bool parallel = true;

// In the drain is what must be over before the memory is another kernel's: what writes there, and
// what interrupts. The rest of a core's state nobody but itself can see; the boot CPU does not wait
// for it.
constexpr std::array table{
    Step{"timers", Stage::drain, undo<timers>, parallel},
    Step{"dsu", Stage::drain, undo<dsu>, parallel},
    Step{"trace", Stage::drain, undo<trace>, parallel},
    Step{"mmu", Stage::drain, undo<mmu>, parallel},
    Step{"vgic", Stage::drain, undo<vgic>, parallel},

    Step{"vms", Stage::gather, undo<vms>, parallel},
    Step{"irqs", Stage::gather, undo<irqs>, parallel},
    Step{"dma", Stage::gather, undo<dma>, parallel},
    Step{"memory", Stage::gather, undo<memory>, parallel},

    Step{"pmu", Stage::take_down, undo<pmu>, parallel},
    Step{"debug", Stage::take_down, undo<debug>, parallel},
    Step{"el1", Stage::take_down, undo<el1>, parallel},
    Step{"gicr", Stage::take_down, undo<gicr>, parallel},
    Step{"root", Stage::take_down, undo<root>, parallel},
};
static_assert(well_formed(table));

} // namespace

std::span<const Step> guest_kexec_steps() { return table; }
std::span<const Step> guest_kexec_steps_with_faults() { return with_faults<table>; }

void clean_core(Vcpu& vcpu) {
    undo<timers>(vcpu);
    undo<trace>(vcpu);
    undo<mmu>(vcpu);
    undo<pmu>(vcpu);
    undo<debug>(vcpu);
    undo<el1>(vcpu);
}

} // namespace baton::arm64
