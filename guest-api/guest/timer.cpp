// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/timer.hpp"

#include "guest-api/guest/cpu.hpp"
#include "guest-api/guest/gic.hpp"

namespace baton::guest {

namespace {
constexpr u64 doze_us = 200;
}

void enable_wait_alarm() {
    gic::set_handler(VirtualTimer::intid(), [](u32) { VirtualTimer::disarm(); });
    gic::enable(VirtualTimer::intid());
}

void doze() {
    // Masked, or in an interrupt's handler: the alarm would not end a WFI.
    constexpr u64 idle_priority = 0xff;
    if (read<DAIF>().has(DAIF::I) || read_raw<ICC_RPR_EL1>() != idle_priority) {
        return yield();
    }
    {
        // Masked, so that an alarm between arming and WFI still ends the WFI.
        const InterruptsMasked masked;
        VirtualTimer::arm_in_us(doze_us);
        wfi();
    }
    isb();
    VirtualTimer::disarm();
}

} // namespace baton::guest
