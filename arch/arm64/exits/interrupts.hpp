// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/vgic/vgic.hpp"

namespace baton::arm64 {

/// Acknowledges what is pending for this CPU: the guest's interrupts go on to it, Baton's own
/// timer is silenced, a kick is noted. Does not return if another CPU has panicked.
void take_interrupts();

/// Before the guest goes on: does what this CPU was kicked for since it was there last, also when
/// the kick was taken by a wait inside Baton. Does not return if a handover wants the CPU.
void answer_kicks();

} // namespace baton::arm64
