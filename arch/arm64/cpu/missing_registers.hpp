// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/panic/panic_frame.hpp"

namespace baton::arm64 {

/// An exception at EL2 in the code that looks at a core from end to end (baton.ld: __survey_text):
/// if its cause is a system register that the architecture asks for and this CPU has not, the
/// access is undone: it reads as zero, and a write is ignored. It is told once for each register.
/// @return false: the cause is another
bool stand_in_for_register(PanicFrame& frame);

} // namespace baton::arm64
