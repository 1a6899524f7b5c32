// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/registers.hpp"

namespace baton::arm64 {

/// Sets this core's EL2 controls: guests are AArch64 at EL1 behind stage 2, all interrupts and
/// SErrors come to EL2, and what a guest may use of the core (FP, SVE, SME, pointer
/// authentication, MTE, PMU, timers, debug) it uses without traps.
void configure_el2();

} // namespace baton::arm64
