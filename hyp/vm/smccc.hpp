// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// Calls that a guest makes by HVC or SMC (SMCCC 1.2, Arm DEN0028; PSCI 1.1, Arm DEN0022).
namespace baton {

class Vm;

/// A call as the guest's registers had it: the function from W0, arguments from X1 on. For a
/// 32-bit function (bit 30 clear) only the low halves of the arguments count (DEN0028 2.6).
struct GuestCall {
    u32 function;
    u64 arguments[5];

    u64 argument(u32 n) const {
        constexpr u32 is_64_bit = u32{1} << 30;
        return (function & is_64_bit) != 0 ? arguments[n] : static_cast<u32>(arguments[n]);
    }
};

/// X0. X1 to X3 are kept (SMCCC 1.1 and later allow it) but by calls that return values there.
using CallStatus = i64;

inline constexpr CallStatus not_supported = -1;

struct CallResult {
    CallStatus status;
    bool has_values = false; ///< what follows goes back in X1 to X3
    u64 values[3]{};
};

/// Carries a call out on the calling vCPU. Some calls do not return: the vCPU stops, or another
/// kernel is entered. A function that nobody knows gets NOT_SUPPORTED.
CallResult guest_call(Vm& vm, const GuestCall& call);

/// Those of the standard service range, of which PSCI is all there is.
CallStatus psci_call(Vm& vm, const GuestCall& call);

} // namespace baton
