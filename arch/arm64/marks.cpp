// SPDX-License-Identifier: BSD-2-Clause
//
// hyp/lifecycle/marks.hpp on AArch64.
#include "hyp/lifecycle/marks.hpp"

#include "arch/arm64/marks.hpp"

namespace baton::marks {

using arm64::mark;

void phase() { mark<MARK_PHASE>(); }
void step() { mark<MARK_STEP>(); }
void wait() { mark<MARK_WAIT>(); }
void command_sent() { mark<MARK_COMMAND_SENT>(); }
void command_taken() { mark<MARK_COMMAND_TAKEN>(); }
void arrival_sent() { mark<MARK_ARRIVAL_SENT>(); }
void arrival_taken() { mark<MARK_ARRIVAL_TAKEN>(); }

} // namespace baton::marks
