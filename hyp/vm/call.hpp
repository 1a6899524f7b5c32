// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/types.hpp"

/// A call that a guest makes to Baton, as the portable core sees it.
namespace baton {

class Vm;

/// The function, and its arguments, of which the function takes the bits that are set in `mask`.
struct GuestCall {
    u32 function;
    u64 mask;
    u64 arguments[5];

    u64 argument(u32 n) const { return arguments[n] & mask; }
    GuestAddr address(u32 n) const { return {argument(n)}; }
};

/// What the first register gets.
using CallStatus = i64;

inline constexpr CallStatus not_supported = -1;

struct CallResult {
    CallStatus status;
    bool has_values = false; ///< what follows goes back in the three registers behind it
    u64 values[3]{};
};

} // namespace baton
