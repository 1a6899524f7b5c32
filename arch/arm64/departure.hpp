// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace baton::arm64 {

/// At boot, with baton.park=wfe: puts code and an empty table into the memory that was set aside.
void prepare_spin_table();

/// Has the boot CPU of a host kexec asked all others to go? Looked at by parked CPUs.
bool is_departing();

/// Gives this CPU back to the firmware, as it came: GIC, EL2 registers, MMU off, CPU_OFF.
[[noreturn]] void depart();

} // namespace baton::arm64
