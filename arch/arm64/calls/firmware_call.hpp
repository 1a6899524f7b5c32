// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/exits/guest_frame.hpp"
#include "hyp/vm/call.hpp"

namespace baton::arm64 {

/// A call that Baton does not answer itself: by firmware_table.hpp the firmware gets it with all
/// its registers, and answers in them, or it is refused.
/// @return what X0 gets
CallStatus firmware_call(Vm& vm, GuestFrame& frame);

/// In a handover: the firmware writes to none of the VM's memory any more. False if it may.
bool unmap_buffers(Vm& vm);

/// What an earlier owner of the machine has registered with the firmware would be entered at EL2,
/// over Baton: no event comes to this CPU any more (SDEI, Arm DEN0054).
void silence_firmware_events();

} // namespace baton::arm64
