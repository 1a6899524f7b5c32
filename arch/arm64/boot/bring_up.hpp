// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace baton::arm64 {

/// Starts all other CPUs through the firmware, in parallel, and waits until each is parked in EL2.
/// One that does not come is named in the log and is no CPU of any guest.
void bring_up_other_cpus();

/// This CPU's share, the boot CPU's too: EL2 controls, GIC, a clean EL1.
void set_up_this_cpu();

} // namespace baton::arm64
