// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/exits/trap_map.hpp"
#include "hyp/types.hpp"

/// The UART of a machine with several VMs: Baton's own, with an emulated one in front of each VM
/// (Vpl011) and all of them on one line (Multiplexer). With one VM nothing of this is there.
namespace baton::arm64 {

bool has_consoles();

/// At boot, before any VM starts: each VM gets a UART at the physical one's address.
void open_consoles();

/// On the CPU that the UART interrupts.
void take_console_input();

/// The VM's kernel is being replaced: what it had not read, or not ended, is not the next one's.
void reset_console(VmId vm);
/// The VM is off.
void flush_console(VmId vm);

/// For whoever gets the machine next.
void close_consoles();

} // namespace baton::arm64
