// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/vgic.hpp"

namespace baton::arm64 {

/// Acknowledges what is pending for this CPU: the guest's interrupts go on to it, Baton's own
/// timer is silenced. Does not return if another CPU has panicked.
Vgic::OwnInterrupts take_interrupts();

} // namespace baton::arm64
