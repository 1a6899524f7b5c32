// SPDX-License-Identifier: BSD-2-Clause
//
// The handover: one kernel gives all CPUs of its VM to the next, in three phases.
//
//         boot CPU                                   every AP, for itself
//
//         exec: closes the gate
//     1   commands the APs ──────── kick ──────────▶ leaves the guest
//         runs its drain steps                       runs its drain steps
//         waits at the barrier ◀─── the last kicks ─ is in teardown: arrives
//     2   fences lost APs
//         runs the gather steps
//     3   commands the APs ──────── kick ──────────▶ runs its take_down steps
//         runs its take_down steps                   is idle_dead
//         opens the gate, enters the kernel
//
// With Then::stop it parks instead. A start is the same with no APs, by a CPU that was parked.
//
// In the serial walk the boot CPU commands one AP after another and waits for each.

#include "hyp/arch.hpp"
#include "hyp/lifecycle/lifecycle.hpp"
#include "hyp/lifecycle/marks.hpp"

namespace baton {

Next Lifecycle::exec(Then then) {
    Vcpu& self = me();
    const Ticks began = arch::now();
    if (gate_.close(own_epoch()) != Gate::Passage::granted) {
        return join(); // another CPU was first: this one is an AP of its handover
    }
    return lead(self, began, then);
}

/// Called behind the closed gate.
/// @param began when
Next Lifecycle::lead(Vcpu& self, Ticks began, Then then) {
    const Gate::Value gate = gate_.load();
    const u64 handover = gate.epoch;
    lost_.clear();
    then_ = then;
    phases_.start(self.id, gate.count, began);
    self.trace.start(handover, began, steps_.size());

    // Phase 1, drain: every CPU out of the guest, all at once.
    command_aps(handover, Stage::drain);
    reach(phases_.kicked);
    run(self, Stage::drain);
    await_aps(self, handover, Stage::drain);
    reach(phases_.gathered);

    // Phase 2, gather: this CPU alone, for the whole VM. Lost APs come first, because they could
    // still undo what follows.
    if (!lost_.empty()) {
        await_writes();
        arch::fence_lost(self, {lost_.begin(), lost_.size()});
    }
    run(self, Stage::gather);
    reach(phases_.switched);

    // Phase 3, take down: every CPU for itself. The next kernel does not wait for the APs.
    command_aps(handover, Stage::take_down);
    run(self, Stage::take_down);
    await_aps(self, handover, Stage::take_down);
    reach(phases_.taken_down);

    // Relaxed: the gate's release follows, and no other CPU changes the word of a boot CPU.
    const bool enters = then == Then::enter;
    self.standing.store({.epoch = handover, .state = enters ? State::online : State::idle_dead},
                        std::memory_order_relaxed);
    gate_.open(handover, enters ? 1 : 0);
    return enters ? Next::enter : Next::park;
}

void Lifecycle::follow(Vcpu& self, u64 handover) {
    self.trace.start(handover, arch::now(), steps_.size());

    // Phase 1, drain.
    await_command(self, handover, Stage::drain);
    run(self, Stage::drain);
    if (!become_teardown(self)) {
        return; // lost: the boot CPU has gone on without this CPU, and so must everyone
    }
    self.trace.arrived.set(arch::now());
    marks::arrival_sent();
    if (gate_.arrive(handover) || serial_) {
        arch::kick(boot_vcpu());
    }

    // Phase 2 is the boot CPU's.

    // Phase 3, take down.
    await_command(self, handover, Stage::take_down);
    run(self, Stage::take_down);
    self.trace.dead.set(arch::now());
    marks::arrival_sent();
    become_idle_dead(self);
    if (serial_) {
        arch::kick(boot_vcpu());
    }
}

Next Lifecycle::join() {
    Vcpu& self = me();
    if (!handover_wanted()) {
        return Next::resume;
    }
    follow(self, own_epoch() + 1);
    return Next::park;
}

void Lifecycle::reach(Stamp& milestone) {
    milestone.set(arch::now());
    marks::phase();
}

void Lifecycle::run(Vcpu& self, Stage stage) {
    for (usize row = 0; row < steps_.size(); row++) {
        if (steps_[row].stage == stage) {
            self.trace.steps[row].begin.set(arch::now());
            steps_[row].teardown(self);
            self.trace.steps[row].end.set(arch::now());
            marks::step();
        }
    }
}

} // namespace baton
