// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/calls/smccc_registers.hpp"
#include "arch/arm64/exits/guest_frame.hpp"
#include "hyp/vm/call.hpp"

/// Calls that a guest makes by HVC or SMC (SMCCC 1.2, Arm DEN0028; PSCI 1.1, Arm DEN0022).
namespace baton::arm64 {

/// Of the architecture's calls the one that PSCI_FEATURES knows as well.
inline constexpr u32 SMCCC_VERSION = 0x8000'0000;

/// Carries a call out on the calling vCPU. Some calls do not return: the vCPU stops, or another
/// kernel is entered. A function that nobody knows gets NOT_SUPPORTED.
/// @param frame its registers: the firmware may answer in more of them than Baton does
CallResult guest_call(Vm& vm, const GuestCall& call, GuestFrame& frame);

/// Those of the standard service range: PSCI, and what is the firmware's.
CallStatus standard_call(Vm& vm, const GuestCall& call, GuestFrame& frame);

} // namespace baton::arm64
