// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Which HINT each mark is: unallocated ones, so NOPs on every CPU (Arm ARM C6.2, HINT). Macros, for
// assembly and tools/lib/plugin know them too; hyp/lifecycle/marks.hpp says what they mean.

#define MARK_START 0x60 // by the guest: it is about to ask for a handover
#define MARK_END 0x61   // by the guest: its first instruction
#define MARK_PHASE 0x62
#define MARK_STEP 0x63
#define MARK_WAIT 0x64
#define MARK_WOKEN 0x65 // out of WFI, or out of the guest by an interrupt
#define MARK_COMMAND_SENT 0x66
#define MARK_COMMAND_TAKEN 0x67
#define MARK_ARRIVAL_SENT 0x68
#define MARK_ARRIVAL_TAKEN 0x69
#define MARK_WATCH 0x6a   // by a guest: what this CPU executes from now on is watched
#define MARK_UNWATCH 0x6b // by a guest: no longer
