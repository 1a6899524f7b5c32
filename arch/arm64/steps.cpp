// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/steps.hpp"

#include "arch/arm64/barrier.hpp"
#include "arch/arm64/device_memory.hpp"
#include "arch/arm64/el1_state.hpp"
#include "arch/arm64/faults.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "hyp/devices/dma.hpp"
#include "hyp/log/log.hpp"

#include <array>

namespace baton::arm64 {
namespace {

/// A handover drops what the list registers hold: the next kernel must not see it. For a CPU_OFF
/// it goes back to the GIC, for the guest may have routed it to a CPU that stays.
void empty_list_registers(Machine&) {
    Hypervisor& baton = hypervisor();
    if (baton.vm.lifecycle().handover_wanted()) {
        baton.vgic.drain(this_cpu().vgic);
    } else {
        baton.vgic.turn_off(this_cpu().vgic);
    }
}

void silence_interrupts(Machine&) {
    if (!hypervisor().vgic.gather(this_cpu().vgic)) {
        log::line("warning: the Distributor did not take its reset in time");
    }
}

/// A device that does not stop is named in the log: the next kernel's memory is not safe from it.
void stop_dma(Machine&) {
    Hypervisor& baton = hypervisor();
    MappedDevices devices;
    const DmaOff off =
        dma_off(devices, {baton.platform.pci_hosts.data(), baton.platform.pci_hosts.size()},
                {baton.virtio_mmio.data(), baton.virtio_mmio.size()});
    for (const PhysAddr device : off.left) {
        log::line("warning: the device at {} may still write to memory", device);
    }
}

void switch_memory(Machine&) { hypervisor().vm.switch_to_staged_image(); }

void reset_redistributor(Machine&) {
    Hypervisor& baton = hypervisor();
    PerCpu& self = this_cpu();
    self.clean_since = baton.vm.lifecycle().taken_down();
    if (!baton.vgic.take_down(self.vgic)) {
        log::line("warning: CPU {}: the Redistributor did not take its reset in time", self.id);
    }
}

/// The old kernel's root is nowhere loaded after its last CPU has been here: it may be rebuilt for
/// another one, which also invalidates its VMID everywhere. Not the next kernel's instead: a CPU
/// that stays parked takes no part in handovers, and would keep that one for ever.
void leave_root(Machine&) {
    hypervisor().parking_root->load();
    isb(); // No walk begins at the old one any more before others hear that this CPU is idle_dead.
}

constexpr bool parallel = true;

constexpr std::array table{
    Step{"timers", Stage::drain, [](Machine&) { stop_timers(); }, parallel},
    Step{"pmu", Stage::drain, [](Machine&) { stop_pmu(); }, parallel},
    Step{"debug", Stage::drain, [](Machine&) { stop_debug(); }, parallel},
    Step{"el1", Stage::drain, [](Machine&) { reset_el1_registers(); }, parallel},
    Step{"vgic", Stage::drain, empty_list_registers, parallel},

    Step{"irqs", Stage::gather, silence_interrupts, parallel},
    Step{"dma", Stage::gather, stop_dma, parallel},
    Step{"memory", Stage::gather, switch_memory, parallel},

    Step{"gicr", Stage::take_down, reset_redistributor, parallel},
    Step{"root", Stage::take_down, leave_root, parallel},
};
static_assert(well_formed(table));

} // namespace

std::span<const Step> guest_kexec_steps() { return table; }
std::span<const Step> guest_kexec_steps_with_faults() { return with_faults<table>; }

} // namespace baton::arm64
