// SPDX-License-Identifier: BSD-2-Clause
#pragma once

/// What a kernel finds in EL1 and EL0 when Baton enters it.
namespace baton::arm64 {

/// These give every EL1 and EL0 register of this core that a guest can write its entry value.
///
/// Precondition: no guest runs on this core until it is entered anew; the traps of EL2 that
/// `configure_el2` sets are in force.

/// What goes on working while no guest runs, so it comes first.
void stop_timers();
void stop_pmu();
void stop_debug();

/// All others: MMU and caches off, the rest zero, FP, SVE and SME state too. A virtual SError that
/// the last kernel did not take is dropped.
void reset_el1_registers();

} // namespace baton::arm64
