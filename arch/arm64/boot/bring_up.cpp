// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/boot/bring_up.hpp"

#include "arch/arm64/boot/image.hpp"
#include "arch/arm64/calls/firmware_call.hpp"
#include "arch/arm64/cpu/cache.hpp"
#include "arch/arm64/cpu/el2_setup.hpp"
#include "arch/arm64/cpu/sleep.hpp"
#include "arch/arm64/cpu/time.hpp"
#include "arch/arm64/firmware.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/mmu/tlb.hpp"
#include "arch/arm64/panic/panic.hpp"
#include "arch/arm64/steps/steps.hpp"
#include "hyp/arch.hpp"
#include "hyp/log/log.hpp"

namespace baton::arm64 {
namespace {

extern "C" void secondary_entry();

/// Firmware takes its time, and an emulator with hundreds of CPUs on few cores takes longer.
constexpr u64 bring_up_ms = 20'000;

bool start(PerCpu& cpu) {
    const auto status = firmware::cpu_on(cpu.mpidr, {reinterpret_cast<u64>(&secondary_entry)},
                                         reinterpret_cast<u64>(&cpu));
    if (status != firmware::PsciStatus::success) {
        log::line("warning: CPU {} (MPIDR {x}) is not used: CPU_ON returned {}", cpu.id,
                  bits(cpu.mpidr), static_cast<i64>(status));
        return false;
    }
    return true;
}

u32 count_running() {
    u32 running = 0;
    for (const PerCpu& cpu : hypervisor().cpus) {
        running += cpu.running.load(std::memory_order_acquire) ? 1 : 0;
    }
    return running;
}

} // namespace

void set_up_this_cpu() {
    PerCpu& self = this_cpu();
    write(hypervisor().parking_root->vtcr_el2()); // the same for every root
    load_root(*hypervisor().parking_root);
    configure_el2(); // Stage 2 is on from here.
    tlb::alle1();    // Whatever ran here before Baton may have left translations of any VMID.
    if (auto done = self.vm->vgic.init_cpu(self.vgic); !done) {
        log::line("CPU {}: GIC: {}", self.id, describe(done.error()));
        panic("a CPU without its part of the GIC");
    }
    silence_firmware_events();
    clean_core(*self.vcpu);
    self.running.store(true, std::memory_order_release);
}

void bring_up_other_cpus() {
    Hypervisor& baton = hypervisor();
    // A CPU that comes up reads code and its PerCpu past the caches.
    cache::clean_to_poc(image::whole());
    for (PerCpu& cpu : baton.cpus) {
        cpu.translation = baton.map->translation();
    }
    cache::clean_to_poc({{reinterpret_cast<u64>(baton.cpus.data())}, baton.cpus.size_bytes()});

    u32 expected = 1;
    for (PerCpu& cpu : baton.cpus) {
        if (&cpu != &this_cpu() && start(cpu)) {
            expected++;
        }
    }
    const Deadline deadline = Deadline::in_ms(bring_up_ms);
    while (count_running() < expected && !deadline.passed()) {
        sleep_until(Deadline::in_ms(1)); // Not a spin: the others may need this host core.
    }
    for (const PerCpu& cpu : baton.cpus) {
        if (count_running() < expected && !cpu.running.load(std::memory_order_acquire)) {
            log::line("warning: CPU {} (MPIDR {x}) did not come up", cpu.id, bits(cpu.mpidr));
        }
    }
    log::line("{} of {} CPUs up", count_running(), baton.cpus.size());
}

extern "C" [[noreturn]] void secondary_main(PerCpu* self) {
    self->entry_state.save();
    set_up_this_cpu();
    arch::park();
}

} // namespace baton::arm64
