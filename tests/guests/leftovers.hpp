// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/guests/generation.hpp"

/// What an old kernel can leave behind in a core, and whether a new one finds any of it.
namespace baton::guest {

/// Pending and active SPIs, spread over all CPUs.
void leave_spis();

/// Pending, active and in-service interrupts of this CPU, timers that have fired, a value that no
/// reset has in every register of reset_registers(). Interrupts must be masked for good.
void leave_everything();

/// Requires that this CPU entered as from a cold boot, whose registers are in `cold`.
void examine_entry(const Cpu& cpu, const Generation& cold);

/// Requires that no SPI was enabled, pending or active at entry.
void examine_spis();

} // namespace baton::guest
