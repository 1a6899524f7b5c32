// SPDX-License-Identifier: BSD-2-Clause
//
// How the boot CPU and its APs meet: commands down, arrivals up, and what happens at the deadline.

#include "hyp/lifecycle/lifecycle.hpp"
#include "hyp/lifecycle/marks.hpp"

#include <algorithm>

namespace baton {
namespace {

/// What an AP is commanded. The number only grows, so an AP that obeys all up to it can neither
/// miss a command nor obey one twice.
constexpr u64 command(u64 handover, Stage stage) {
    return 2 * handover + (stage == Stage::take_down ? 1 : 0);
}

} // namespace

/// The parallel walk commands all APs with one store and one kick; the serial walk none as yet.
void Lifecycle::command_aps(u64 handover, Stage stage) {
    if (!serial_) {
        marks::command_sent();
        // Release: the command brings the boot CPU's name; that of phase 3 brings phase 2 as well.
        commanded_all_.store(command(handover, stage), std::memory_order_release);
        arch::kick_others(arch::self());
    }
}

u64 Lifecycle::taken_down() const {
    const u64 last =
        commanded_all_.load(std::memory_order_acquire); // with phase 2 of that handover
    const Gate::Value gate = gate_.load();
    return last == command(gate.epoch, Stage::take_down) || !gate.handover ? gate.epoch
                                                                           : gate.epoch - 1;
}

/// The parallel walk waits for all APs at the barrier, and after phase 3 for none. The serial walk
/// commands each AP and waits for it before it turns to the next. An AP that is not out of the
/// guest at the deadline is lost.
void Lifecycle::await_aps(Vcpu& self, u64 handover, Stage stage) {
    if (serial_) {
        for (Vcpu& ap : vcpus_) {
            if (&ap != &self) {
                await_ap(ap, handover, stage);
            }
        }
    } else if (stage == Stage::drain) {
        const auto all_arrived = [this] { return gate_.load().count == 1; };
        marks::wait();
        if (!wait_until(all_arrived, in(deadline_))) {
            for (Vcpu& ap : vcpus_) {
                if (&ap != &self) {
                    lose_ap(ap, handover);
                }
            }
        }
        marks::arrival_taken();
    }
}

/// The serial walk's turn of one AP. It looks again every now and then: a CPU_ON that is taken back
/// and a CPU_OFF kick nobody.
void Lifecycle::await_ap(Vcpu& ap, u64 handover, Stage stage) {
    const auto stage_is_over = [&ap, stage] {
        // Acquire: its steps are done.
        const State state = ap.standing.load(std::memory_order_acquire).state;
        return stage == Stage::drain ? !not_yet_out(state) : state != State::teardown;
    };
    if (stage_is_over()) {
        return;
    }
    marks::command_sent();
    ap.commanded.store(command(handover, stage), std::memory_order_release); // as in command_aps
    arch::kick(ap);
    marks::wait();
    if (!wait_until(stage_is_over, in(deadline_), poll_) && stage == Stage::drain) {
        lose_ap(ap, handover);
    }
    marks::arrival_taken();
}

/// The boot CPU's half of the race at the deadline; `become_teardown` is the AP's.
void Lifecycle::lose_ap(Vcpu& ap, u64 handover) {
    Standing seen = ap.standing.load(std::memory_order_relaxed); // the exchange below orders
    while (not_yet_out(seen.state)) {
        // Acquire-release: either the AP sees that it is lost, or this CPU sees it drained.
        if (ap.standing.compare_exchange_weak(seen, {.epoch = seen.epoch, .state = State::lost},
                                              std::memory_order_acq_rel,
                                              std::memory_order_acquire)) {
            ap.lost_in.store(handover, std::memory_order_relaxed); // for reports only
            static_cast<void>(lost_.push(ap.id));                  // it has room for every CPU
            return;
        }
    }
}

/// Whoever does not see the gate closed is seen writing: of the two, each makes its own word known
/// before it looks at the other's.
bool Lifecycle::begin_write() {
    me().writes.store(true, std::memory_order_relaxed); // the fence orders
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (handover_wanted()) {
        end_write();
        return false;
    }
    return true;
}

void Lifecycle::end_write() { me().writes.store(false, std::memory_order_release); }

/// Lost APs may be in the middle of a hypercall. One that does not end a copy of some KiB within
/// another deadline has stopped for good.
void Lifecycle::await_writes() {
    std::atomic_thread_fence(std::memory_order_seq_cst); // behind the gate's closing: begin_write
    const auto none_writes = [this] {
        return std::ranges::none_of(lost_, [this](VcpuId ap) {
            return vcpus_[index(ap)].writes.load(std::memory_order_acquire); // it is in memory
        });
    };
    static_cast<void>(wait_until(none_writes, in(deadline_), poll_));
}

/// @return false for a CPU that is lost
bool Lifecycle::become_teardown(Vcpu& self) {
    // Own word: online, on_pending or lost.
    Standing seen = self.standing.load(std::memory_order_relaxed);
    // Release: who sees this CPU in teardown sees its drain steps done.
    return seen.state != State::lost && self.standing.compare_exchange_strong(
                                            seen, {.epoch = seen.epoch, .state = State::teardown},
                                            std::memory_order_acq_rel, std::memory_order_relaxed);
}

/// Nothing comes of it for a straggler that was lost.
void Lifecycle::become_idle_dead(Vcpu& self) {
    Standing seen = self.standing.load(std::memory_order_relaxed); // own word: teardown or lost
    if (seen.state == State::teardown) {
        // Release: who starts this CPU again, or reuses the old kernel's memory, sees its steps
        // done. Fails if it was lost just now; its caller then parks it for ever.
        self.standing.compare_exchange_strong(seen,
                                              {.epoch = seen.epoch, .state = State::idle_dead},
                                              std::memory_order_release, std::memory_order_relaxed);
    }
}

/// An AP's wait. It has no way out: the boot CPU alone can say what comes next.
void Lifecycle::await_command(Vcpu& self, u64 handover, Stage stage) {
    const std::atomic<u64>& last = serial_ ? self.commanded : commanded_all_;
    const u64 wanted = command(handover, stage);
    const auto is_commanded = [&] { return last.load(std::memory_order_acquire) >= wanted; };
    marks::wait();
    if (!wait_until(is_commanded, in(boot_timeout_))) {
        arch::lost_boot_cpu(boot_vcpu());
    }
    marks::command_taken();
}

} // namespace baton
