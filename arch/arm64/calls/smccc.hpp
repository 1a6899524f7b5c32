// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/vm/call.hpp"

/// Calls that a guest makes by HVC or SMC (SMCCC 1.2, Arm DEN0028; PSCI 1.1, Arm DEN0022).
namespace baton::arm64 {

/// A call as the guest's registers had it: the function from W0, arguments from X1 on. Of a 32-bit
/// function (bit 30 clear) only the low halves of the arguments count (DEN0028 2.6).
/// @param x X0 to X5
constexpr GuestCall call_of(const u64 (&x)[6]) {
    constexpr u32 is_64_bit = u32{1} << 30;
    const auto function = static_cast<u32>(x[0]);
    const u64 mask = (function & is_64_bit) != 0 ? ~u64{0} : ~u64{0} >> 32;
    return {function, {x[1] & mask, x[2] & mask, x[3] & mask, x[4] & mask, x[5] & mask}};
}

/// Carries a call out on the calling vCPU. Some calls do not return: the vCPU stops, or another
/// kernel is entered. A function that nobody knows gets NOT_SUPPORTED.
CallResult guest_call(Vm& vm, const GuestCall& call);

/// Those of the standard service range, of which PSCI is all there is.
CallStatus psci_call(Vm& vm, const GuestCall& call);

} // namespace baton::arm64
