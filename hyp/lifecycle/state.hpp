// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

namespace baton {

/// Where a CPU stands in its VM. One atomic word per CPU; who may make which step:
///
///                 CPU_ON's caller             the CPU itself
///                 ─────────────────────────   ─────────────────────────
///     idle_dead ──▶ claimed ──▶ on_pending ──────▶ online ──┐
///      ▲  ▲            │             └──────────────────────┤ CPU_OFF, or a handover
///      │  └────────────┘ (handover)                         ▼
///      └──────────────────────────────────────────────── teardown
///
///     claimed, on_pending, online ──▶ lost: the boot CPU, at the deadline. There is no way back.
///
/// Each arrow out of a state that two CPUs may want to leave is a compare-and-swap, so one wins.
enum class State : u32 {
    idle_dead,  ///< parked in EL2, nothing of a guest loaded; PSCI's OFF
    claimed,    ///< a CPU_ON has chosen it and asks the gate; not counted there yet
    on_pending, ///< started, counted by the gate, not yet in the guest
    online,     ///< in the guest, or in EL2 on its behalf
    teardown,   ///< out of the guest, on its way to idle_dead
    lost,       ///< missed the deadline of a handover: fenced, never trusted again
};

/// True for a CPU that the guest may still hold, or is about to get.
constexpr bool not_yet_out(State state) {
    return state == State::claimed || state == State::on_pending || state == State::online;
}

/// True for a state that ends by itself soon: whoever needs the CPU waits.
constexpr bool between_states(State state) {
    return state == State::claimed || state == State::teardown;
}

} // namespace baton
