// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/vm/vm.hpp"

namespace baton {

/// Logs a handover of the VM in lines that a person reads and tools/demo parses:
///
///     handover 1: parallel, 8 CPUs, 0 lost, blackout 123.4 us (drain 60.1 gather 40.2 takedown
///     20.0 enter 3.1)
///     handover 1: slowest CPU 5, step vgic, 12.3 us
///     handover 1: lost CPU 3
void log_report(const Vm& vm, const Report& report);

} // namespace baton
