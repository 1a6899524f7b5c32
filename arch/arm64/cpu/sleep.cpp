// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/cpu/sleep.hpp"

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/marks.hpp"

namespace baton::arm64 {

void sleep_until(Deadline deadline) {
    write_raw<CNTHP_CVAL_EL2>(deadline.ticks().count);
    write(CNTHP_CTL_EL2::ENABLE);
    isb(); // The timer counts before this CPU sleeps.
    sleep();
    write_raw<CNTHP_CTL_EL2>(0);
    isb(); // Its line is low again before the GIC is asked.
}

void sleep() {
    dsb_sy(); // What others wait for is visible before this CPU stops (Arm ARM D1.6.2).
    wfi();
    mark<MARK_WOKEN>();
}

} // namespace baton::arm64
