// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/gic.hpp"

/// The ITS: interrupts of an invented device, which the command INT fires. LPIs are INTIDs from
/// `first_lpi` on; here event n of the device is LPI first_lpi + n.
namespace baton::guest::its {

inline constexpr u32 first_lpi = 8192, event_count = 4096;

/// What an ITS and the CPUs' Redistributors have in their registers.
struct State {
    bool enabled, quiescent;
    bool any_base; ///< GITS_CBASER or a GITS_BASER is valid
    u32 page_size; ///< GITS_BASER0.Page_Size
};
struct LpiState {
    u32 control;
    u64 config_base, pending_base;
};

/// False: the DTB has none, or there is no memory for its tables.
bool find();
State state();
LpiState lpi_state(const Cpu& cpu);

/// GITS_CBASER, GITS_BASER0 and a CPU's GICR_PROPBASER, GICR_PENDBASER with this address, with the
/// ITS and LPIs off: which of them take it?
struct Taken {
    bool queue, table, config, pending;
};
Taken try_address(const Cpu& cpu, PhysAddr address);

/// The ITS on, with tables of its own and the device's; once, after every CPU is known. The tables
/// lie in memory that no image of any generation uses.
void turn_on();
void turn_off();
/// Every CPU for itself: its LPIs on, and its collection.
void turn_on_lpis();
/// GICR_CTLR.EnableLPIs as asked for; what it reads as afterwards.
bool set_lpis(const Cpu& cpu, bool on);
/// In the configuration table; to be invalidated by `map` or `invalidate`.
void configure(u32 event, u8 priority, bool enabled);
/// Event `event` goes to that CPU.
void map(u32 event, const Cpu& cpu);
void move(u32 event, const Cpu& cpu);
/// The configuration of its LPI is read anew.
void invalidate(u32 event);
/// The device fires it.
void fire(u32 event);
/// All commands so far have had their effect on that CPU.
void sync(const Cpu& cpu);

} // namespace baton::guest::its
