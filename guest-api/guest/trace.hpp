// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace baton::guest {

/// Prints the trace of the last handover, an event a line, each after "trace: ": as `batonctl trace
/// --json` has it, in Chrome's trace-event format.
void print_trace();

} // namespace baton::guest
