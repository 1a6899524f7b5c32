// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/exits/interrupts.hpp"

#include "arch/arm64/console/consoles.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/panic/panic.hpp"

namespace baton::arm64 {

void take_interrupts() {
    PerCpu& self = this_cpu();
    Vgic& vgic = self.vm->vgic;
    const auto came = vgic.handle_interrupts(self.vgic);
    if (came.timer) {
        write_raw<CNTHP_CTL_EL2>(0);
        isb(); // Its line is low before the interrupt can be signalled again.
        vgic.timer_done(self.vgic);
        self.kicked = true; // Its VM looks what the alarm was for.
    }
    if (came.spi != InterruptId{}) {
        take_console_input();
        vgic.own_spi_done(self.vgic, came.spi);
    }
    if (came.kick) {
        self.kicked = true;
        if (panicking()) {
            stop_for_panic();
        }
    }
}

namespace {

/// Not inlined: every exit would save what it needs.
[[gnu::noinline]] void answer_kick(PerCpu& self) {
    self.kicked = false;
    self.vcpu->vm->answer_kick();
    self.vm->vgic.flush(self.vgic);
}

} // namespace

void answer_kicks() {
    if (PerCpu& self = this_cpu(); self.kicked) {
        answer_kick(self);
    }
}

} // namespace baton::arm64
