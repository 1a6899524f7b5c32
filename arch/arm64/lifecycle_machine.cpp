// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/lifecycle_machine.hpp"

#include "arch/arm64/gic/sgi.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/interrupts.hpp"
#include "arch/arm64/panic.hpp"
#include "arch/arm64/sleep.hpp"
#include "hyp/log/format.hpp"

namespace baton::arm64 {

CpuId LifecycleMachine::self() const { return this_cpu().id; }
u64 LifecycleMachine::now() const { return arm64::now(); }
u64 LifecycleMachine::frequency() const { return ticks_per_second(); }
void LifecycleMachine::kick_all_others() { gic::kick_all_others(); }
void LifecycleMachine::kick(CpuId cpu) { gic::kick(hypervisor().cpus[index(cpu)].mpidr); }

// A kick stays pending at the CPU interface until it is acknowledged, so WFI returns at once for
// one that came earlier.
void LifecycleMachine::wait(u64 deadline) {
    if (deadline == never) {
        sleep();
    } else {
        sleep_until(Deadline::at(deadline));
    }
    take_interrupts();
}

// A lost CPU may run old code until its next access finds no translation: the root that it has
// loaded is emptied and its VMID invalidated on all CPUs before the next kernel is entered.
void LifecycleMachine::fence_lost(std::span<const CpuId> lost) {
    Hypervisor& baton = hypervisor();
    baton.current_root().empty();
    for (const CpuId cpu : lost) {
        baton.vgic.fence(baton.cpus[index(cpu)].vgic);
    }
}

void LifecycleMachine::abandoned_by(CpuId boot_cpu) {
    std::array<char, 80> why;
    panic(format(why, "CPU {} began a handover and did not finish it", boot_cpu));
}

} // namespace baton::arm64
