// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/affinity.hpp"

/// Baton's one physical SGI. A kick says "look at the work left for you"; what was written before
/// it is visible to whoever has taken it.
namespace baton::arm64::gic {

/// Kicks that CPU; it may be the caller.
void kick(Mpidr mpidr);

/// Kicks every other CPU, also those that are parked or never came up, at the cost of one register
/// write. Does nothing as long as this CPU's interface has not been brought up.
void kick_all_others();

} // namespace baton::arm64::gic
