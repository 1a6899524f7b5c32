// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/interrupts.hpp"

#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/panic.hpp"

namespace baton::arm64 {

void take_interrupts() {
    auto& vgic = hypervisor().vgic;
    PerCpu& self = this_cpu();
    const auto came = vgic.handle_interrupts(self.vgic);
    if (came.timer) {
        write_raw<CNTHP_CTL_EL2>(0);
        isb(); // Its line is low before the interrupt can be signalled again.
        vgic.timer_done(self.vgic);
        self.vcpu->vm->on_alarm();
    }
    if (came.kick) {
        self.kicked = true;
        if (panicking()) {
            stop_for_panic();
        }
    }
}

void answer_kicks() {
    PerCpu& self = this_cpu();
    if (!self.kicked) {
        return;
    }
    self.kicked = false;
    Hypervisor& baton = hypervisor();
    self.vcpu->vm->answer_kick();
    baton.vgic.flush(self.vgic);
}

} // namespace baton::arm64
