// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <atomic>

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
///     idle_dead, or claimed by a CPU that an earlier handover lost ──▶ claimed ──▶ online: the
///     CPU itself, when it starts a VM that is off. online ──▶ idle_dead: it stops the VM.
///     claimed, on_pending, online ──▶ lost: the boot CPU, at the deadline.
///     teardown, or online and past the gate ──▶ lost: a CPU of a later kernel that needs what
///     this one still holds (Lifecycle::quiesce), at the deadline. There is no way back from
///     `lost`.
///
/// Each arrow out of a state that two CPUs may want to leave is a compare-and-swap, so one wins.
enum class State : u8 {
    idle_dead,  ///< parked in Baton, nothing of a guest loaded; off to its guest
    claimed,    ///< a CPU_ON has chosen it and asks the gate; not counted there yet
    on_pending, ///< started, counted by the gate, not yet in the guest
    online,     ///< in the guest, or in Baton on its behalf
    teardown,   ///< out of the guest, on its way to idle_dead
    lost,       ///< missed a deadline: what it holds is fenced or left to it, never trusted again
};

/// The one word of a CPU. The epoch is that of the kernel that the CPU is in, was started for, or
/// leaves; it tells a CPU that never got out of an old kernel from one that is leaving this one.
struct Standing {
    u64 epoch : 56;
    State state : 8;
};
static_assert(sizeof(Standing) == sizeof(u64) && std::atomic<Standing>::is_always_lock_free);

/// True for a CPU that the guest may still hold, or is about to get.
constexpr bool not_yet_out(State state) {
    return state == State::claimed || state == State::on_pending || state == State::online;
}

/// True for a state that ends by itself soon: whoever needs the CPU waits.
constexpr bool between_states(State state) {
    return state == State::claimed || state == State::teardown;
}

/// True for a CPU that is still on its way out of a kernel older than that of `epoch`. The word of
/// one that the gate has let go for a CPU_OFF says `online` until its next instruction; the gate
/// does not count it any more, so no handover waits for it.
constexpr bool is_straggler(u64 epoch, Standing standing) {
    return (standing.state == State::teardown || standing.state == State::online) &&
           standing.epoch < epoch;
}

} // namespace baton
