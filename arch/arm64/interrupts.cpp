// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/interrupts.hpp"

#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/panic.hpp"

namespace baton::arm64 {

Vgic::OwnInterrupts take_interrupts() {
    auto& vgic = hypervisor().vgic;
    auto& self = this_cpu().vgic;
    const auto came = vgic.handle_interrupts(self);
    if (came.timer) {
        write_raw<CNTHP_CTL_EL2>(0);
        isb(); // Its line is low before the interrupt can be signalled again.
        vgic.timer_done(self);
    }
    if (came.kick && panicking()) {
        stop_for_panic();
    }
    return came;
}

} // namespace baton::arm64
