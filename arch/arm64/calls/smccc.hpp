// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/vm/call.hpp"

/// Calls that a guest makes by HVC or SMC (SMCCC 1.2, Arm DEN0028; PSCI 1.1, Arm DEN0022).
namespace baton::arm64 {

/// Which bits of its arguments a function takes: of a 32-bit one (bit 30 clear) only the low halves
/// count (DEN0028 2.6).
constexpr u64 argument_mask(u32 function) {
    constexpr u32 is_64_bit = u32{1} << 30;
    return (function & is_64_bit) != 0 ? ~u64{0} : ~u64{0} >> 32;
}

/// Of the architecture's calls the one that PSCI_FEATURES knows as well.
inline constexpr u32 SMCCC_VERSION = 0x8000'0000;

/// Carries a call out on the calling vCPU. Some calls do not return: the vCPU stops, or another
/// kernel is entered. A function that nobody knows gets NOT_SUPPORTED.
CallResult guest_call(Vm& vm, const GuestCall& call);

/// Those of the standard service range, of which PSCI is all there is.
CallStatus psci_call(Vm& vm, const GuestCall& call);

} // namespace baton::arm64
