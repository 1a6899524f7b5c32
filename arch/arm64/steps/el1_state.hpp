// SPDX-License-Identifier: BSD-2-Clause
#pragma once

/// What a kernel finds in EL1 and EL0 when Baton enters it: each function gives some registers of
/// this core their entry values. Which there are, and in which order they are called: steps.cpp.
///
/// Precondition: no guest runs on this core until it is entered anew; the traps of EL2 that
/// `configure_el2` sets are in force.
namespace baton::arm64 {

// What goes on working while no guest runs, so it comes first.

void stop_physical_timer();
void stop_virtual_timer();
void close_counters(); ///< to EL0, and no event stream

/// Without a PMU these do nothing.
void stop_counting();
void reset_counters();
void clear_overflows(); ///< after both: none can come any more
void mask_overflows();
void clear_events();
void close_pmu(); ///< to EL0, activity monitors too

void stop_profiling();
void stop_tracing();
void stop_branch_records();

void stop_monitor_debug();
void clear_breakpoints();
void clear_watchpoints();
void clear_claims();
void lock_debug(); ///< the OS lock as after a cold reset: set (Arm ARM D19.3, OSLSR_EL1.OSLK)

// Everything else.

void reset_control(); ///< MMU, caches, and access to units off
void reset_translation();
void reset_exceptions();
/// A virtual SError that the last kernel did not take is dropped, and one that it deferred.
void clear_errors();
void reset_threads();
void clear_keys(); ///< of pointer authentication
void reset_tagging();
void reset_control_stacks();
void reset_vectors(); ///< FP, SVE and SME

} // namespace baton::arm64
