// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/fdt.hpp"
#include "hyp/types.hpp"

#include <optional>

/// What the description of the machine asks the architecture about nodes of its own.
namespace baton::arch {

/// Is it what every VM has of its own, and none can be given: the interrupt controller, what makes
/// interrupts out of messages, timer, firmware, the CPUs' own counters?
bool is_core_node(FdtNode node);

/// The number of the interrupt that a specifier of the machine's interrupt controller names.
/// Nothing if it names none.
std::optional<u32> interrupt_number(Bytes specifier);

/// Can any CPU take the interrupt with this number, and so belongs it to one VM?
bool is_shared_interrupt(u32 number);

} // namespace baton::arch
