// SPDX-License-Identifier: BSD-2-Clause
//
// What another VM orders. The handover that carries it out may meet any other, and any CPU_ON or
// CPU_OFF, in the VM; the gate says who was first.

#include "hyp/arch.hpp"
#include "hyp/lifecycle/lifecycle.hpp"

namespace baton {

bool Lifecycle::give(Order order) {
    const bool given = orders_.give(order);
    // All are told also of one that waits: one that came while the VM stopped had the boot CPU of
    // that to see it, which may have died since.
    kick_all();
    return given;
}

void Lifecycle::kick_all() {
    for (const Vcpu& vcpu : vcpus_) {
        arch::kick(vcpu);
    }
}

Next Lifecycle::obey() {
    const Orders::Value order = orders_.load();
    if (order.order == Order::none) {
        return join(); // a handover has taken it
    }
    Vcpu& self = me();
    const Ticks began = arch::now();
    if (gate_.close(own_epoch()) != Gate::Passage::granted) {
        return join(); // the order waits for the next kernel's CPUs
    }
    orders_.take(order);
    return lead(self, began, order.order == Order::stop ? Then::stop : Then::enter);
}

Next Lifecycle::start() {
    // The gate before the order: nobody takes an order to start the VM without closing the gate,
    // so one that is seen while the gate stays as it is still waits.
    const Gate::Value gate = gate_.load();
    if (!Gate::is_off(gate)) {
        return Next::park;
    }
    const Orders::Value order = orders_.load();
    if (order.order == Order::stop && is_off()) {
        // The order before the gate, here: nobody can start the VM while this one waits.
        orders_.take(order);
    }
    Vcpu& self = me();
    if (order.order != Order::enter || !claim_self(self, gate.epoch)) {
        return Next::park;
    }
    const Ticks began = arch::now();
    if (gate_.start(gate.epoch) != Gate::Passage::granted) {
        // Another CPU was first. Relaxed: nothing was done. Fails if it lost this CPU meanwhile.
        Standing own{.epoch = gate.epoch, .state = State::claimed};
        self.standing.compare_exchange_strong(own, {.epoch = gate.epoch, .state = State::idle_dead},
                                              std::memory_order_relaxed);
        return Next::park;
    }
    orders_.take(order);
    return lead(self, began, Then::enter);
}

/// A claim by a CPU that an earlier handover has lost is void: the gate does not let it pass. One
/// by a CPU of a later kernel is not.
/// @return false: this CPU is lost, or wanted
bool Lifecycle::claim_self(Vcpu& self, u64 epoch) {
    Standing seen = self.standing.load(std::memory_order_relaxed);
    while (seen.state == State::idle_dead || (seen.state == State::claimed && seen.epoch < epoch)) {
        // Relaxed: own steps are done, and nothing is handed over.
        if (self.standing.compare_exchange_weak(seen, {.epoch = epoch, .state = State::claimed},
                                                std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

bool Lifecycle::shut(Ticks deadline) {
    const auto is_shut = [this] {
        if (gate_.shut()) {
            return true;
        }
        if (orders_.give(Order::stop)) { // again: another order may have waited
            kick_all();
        }
        return false;
    };
    return wait_until(is_shut, deadline, poll_);
}

} // namespace baton
