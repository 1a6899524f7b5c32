// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/guests/generation.hpp"

/// What an old kernel can leave behind in a core, and whether a new one finds any of it.
namespace baton::guest {

/// Pending and active SPIs, spread over all CPUs, and a device's line that stays up.
void leave_spis();

/// Pending, active and in-service interrupts of this CPU, timers that have fired, overflows of the
/// PMU and of the cluster's, and all registers filled: returns which. Interrupts must be masked for
/// good.
std::bitset<max_registers> leave_everything();

/// Requires that this CPU entered as it should, and as from a cold boot, whose registers are in
/// `cold`.
void examine_entry(const Cpu& cpu, const Generation& cold);

/// Requires that no SPI was enabled, pending or active at entry, or routed to another CPU.
void examine_spis();

/// Requires that no SGI or PPI of an AP that is off is enabled, pending or active.
void examine_aps();

/// Enables every interrupt that a CPU of the old kernel may have left something of; none may come.
void examine_silence();

/// Requires that a device's line which was left up is still up, and interrupts now that it is asked
/// to: nobody but its kernel's driver can serve it. So far it has not, or it would be a FAIL.
void examine_device_line(bool was_left);

/// A line for each register that this CPU has, as it entered.
void print_entry(const Cpu& cpu);
void print_filled(const std::bitset<max_registers>& filled);

} // namespace baton::guest
