// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// Exceptions that the guest of this core takes when it is entered next. They change ELR_EL2,
/// SPSR_EL2 and EL1's exception registers as the architecture would have on taking the exception
/// at EL1 (Arm ARM D1.3.3, AArch64.TakeException).
namespace baton::arm64 {

/// The guest's instruction is UNDEFINED.
void inject_undefined();

/// The access that ESR_EL2 and FAR_EL2 describe (an abort from a lower EL) met a synchronous
/// external abort: what a bus answers where nothing is.
void inject_external_abort();

/// The data abort that ESR_EL2 and FAR_EL2 describe is of the guest's own making: it takes it with
/// the same cause.
void inject_own_abort();

} // namespace baton::arm64
