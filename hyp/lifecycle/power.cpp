// SPDX-License-Identifier: BSD-2-Clause
//
// CPU_ON and CPU_OFF. A handover may begin at any point of either; the gate says who was first.

#include "hyp/arch.hpp"
#include "hyp/lifecycle/lifecycle.hpp"

namespace baton {

Lifecycle::CpuOn Lifecycle::cpu_on(VcpuId target, Start start) {
    const u64 epoch = own_epoch();
    Vcpu& cpu = vcpus_[index(target)];
    if (const CpuOn answer = claim(cpu, epoch); answer != CpuOn::success) {
        return answer;
    }

    Standing seen{.epoch = epoch, .state = State::claimed};
    if (gate_.add(epoch) != Gate::Passage::granted) {
        // A handover was first and does not count the target. Relaxed: nothing was written to it.
        cpu.standing.compare_exchange_strong(seen, {.epoch = epoch, .state = State::idle_dead},
                                             std::memory_order_relaxed);
        join();
        return CpuOn::park;
    }

    // The target is counted: from here on a handover waits for it, whoever of the two is slow.
    cpu.start = start;
    // Release: the target reads it. Fails if it was lost, because this CPU was too slow.
    if (!cpu.standing.compare_exchange_strong(seen, {.epoch = epoch, .state = State::on_pending},
                                              std::memory_order_release,
                                              std::memory_order_relaxed)) {
        return CpuOn::lost;
    }
    arch::kick(cpu);
    return CpuOn::success;
}

/// Of several callers one gets the target. A state that ends by itself is waited out.
Lifecycle::CpuOn Lifecycle::claim(Vcpu& cpu, u64 epoch) {
    const Ticks deadline = in(deadline_);
    for (;;) {
        if (join() == Next::park) { // asked again each time: the wait below takes kicks
            return CpuOn::park;
        }
        Standing seen = cpu.standing.load(std::memory_order_relaxed); // the exchange orders
        while (seen.state == State::idle_dead) {
            // Acquire: the target's own steps, down to idle_dead, are done.
            if (cpu.standing.compare_exchange_weak(seen, {.epoch = epoch, .state = State::claimed},
                                                   std::memory_order_acquire,
                                                   std::memory_order_relaxed)) {
                return CpuOn::success;
            }
        }
        if (!between_states(seen.state) && !is_straggler(epoch, seen)) {
            return seen.state == State::online       ? CpuOn::already_on
                   : seen.state == State::on_pending ? CpuOn::on_pending
                                                     : CpuOn::lost;
        }
        if (arch::now() >= deadline) {
            return CpuOn::timed_out;
        }
        arch::wait(in(poll_)); // nobody kicks this CPU when the state ends
    }
}

std::optional<Start> Lifecycle::take_start() {
    Vcpu& self = me();
    Standing seen = self.standing.load(std::memory_order_acquire); // start belongs to it
    if (seen.state != State::on_pending || join() == Next::park) {
        return std::nullopt;
    }
    // Relaxed: nothing is handed over. Fails if this CPU was lost, because it woke too late.
    if (!self.standing.compare_exchange_strong(seen, {.epoch = seen.epoch, .state = State::online},
                                               std::memory_order_relaxed)) {
        return std::nullopt;
    }
    return self.start;
}

Next Lifecycle::cpu_off() {
    Vcpu& self = me();
    switch (gate_.remove(own_epoch())) {
    case Gate::Passage::last:
        return Next::resume;
    case Gate::Passage::closed:
        return join();
    case Gate::Passage::granted:
        break;
    }
    if (become_teardown(self)) {
        for (const Step& step : steps_) {
            if (step.stage != Stage::gather) {
                step.teardown(self);
            }
        }
        become_idle_dead(self);
    }
    return Next::park;
}

} // namespace baton
