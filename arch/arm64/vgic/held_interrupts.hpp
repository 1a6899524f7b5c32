// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

namespace baton::arm64::gic {

/// What a CPU's virtual interface holds of the 32 interrupts of a bank.
struct HeldInterrupts {
    u32 pending = 0;
    u32 active = 0;
    u32 latched = 0; ///< those of `pending` that stay pending whatever their line does
};

} // namespace baton::arm64::gic
