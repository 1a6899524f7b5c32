// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// The intruder's doors to other VMs' interrupts. Each requires that what it writes is not there.
namespace baton::guest {

bool is_own_affinity(u64 affinity);

/// Every field of each SPI that is not this VM's. Returns how many there are.
u32 reach_for_spis();

/// Requires that all SPIs which are this VM's are in its DTB.
void examine_own_spis();

/// The frames of other VMs' CPUs. Returns how many there are.
u32 reach_for_redistributors();

/// In a VM without an ITS: the registers of LPIs in the frames of all CPUs, its own included.
/// Returns how many; 0 if it has an ITS.
u32 reach_for_lpis();

/// To each CPU of the machine, to lists of them, to all others, of every kind.
/// @param affinities those to try are below it
void send_foreign_sgis(u64 affinities);

} // namespace baton::guest
