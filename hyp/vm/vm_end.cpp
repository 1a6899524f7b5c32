// SPDX-License-Identifier: BSD-2-Clause
//
// How a kernel of a VM ends: replaced, or not.
#include "hyp/arch.hpp"
#include "hyp/vm/report_lines.hpp"
#include "hyp/vm/vm.hpp"

namespace baton {

/// Claims the images for the end of a kernel. Another CPU has the claim for no longer than a call
/// takes; if a handover takes this CPU along, it does not come back.
void Vm::await_images() {
    constexpr u64 timeout_s = 10;
    const Ticks poll = arch::frequency() / 20'000;
    const Ticks deadline = arch::now() + timeout_s * arch::frequency();
    while (!claim_images()) {
        if (lifecycle_->handover_wanted()) {
            follow(lifecycle_->join());
            arch::park();
        }
        if (arch::now() >= deadline) {
            log::line("{}warning: a CPU has been staging an image for {} s", prefix(), timeout_s);
            if (is_host()) {
                arch::reset();
            }
            return; // It was lost in the middle of it: what it had is this CPU's now.
        }
        arch::wait(arch::now() + poll);
    }
}

Error Vm::exec(u64 id) { return claim_images() ? exec_claimed(id) : Error::busy; }

Error Vm::exec_when_free(u64 id) {
    await_images();
    return exec_claimed(id);
}

Error Vm::exec_claimed(u64 id) {
    const StagedImage* const staged = images_.staged();
    if (staged && (id == 0 || id == staged->id)) {
        hand_over(Then::enter);
    }
    const Error why = staged ? Error::stale : Error::nothing_staged;
    unclaim_images();
    return why;
}

void Vm::restart() {
    await_images();
    const bool begins_anew = is_host() || setup_.on_reset == OnReset::restart;
    if (!images_.staged() && !(begins_anew && stage_in_turn(&lifecycle()))) {
        unclaim_images();
        if (is_host()) {
            arch::reset();
        }
        power_off();
    }
    hand_over(Then::enter);
}

void Vm::power_off() {
    if (is_host()) {
        arch::power_off();
    }
    await_images();
    log::line("{}off", prefix());
    arch::flush_console(id());
    hand_over(Then::stop);
}

/// What a real machine's reset button does.
void Vm::reset_without_image() {
    if (is_host()) {
        arch::reset();
    }
    await_images();
    images_.discard();
    unclaim_images();
    restart();
}

/// False: there is none that could be, which is told.
bool Vm::stage_in_turn(const Lifecycle* of_caller) {
    if (!images_.can_rotate()) {
        return false;
    }
    (void)load_->discard(0); // its guest has died in the middle of it
    auto staged = vacate_spare_slot(of_caller);
    if (staged) {
        staged = images_.stage_next();
    }
    if (!staged) {
        log::line("{}warning: the next image is not staged: {}", prefix(),
                  describe(staged.error()));
    }
    return staged.has_value();
}

/// Called with the claim, so this CPU is the only one of its VM to begin a handover.
void Vm::hand_over(Then then) {
    const StagedImage* const staged = images_.staged();
    if (then == Then::enter && staged->kexec == Kexec::host) {
        for (Vm& other : setup_.all) {
            if (&other != this) {
                (void)other.lifecycle().give(Order::stop); // shut_others waits for it
            }
        }
    }
    follow(lifecycle_->exec(then));
    arch::park();
}

void Vm::switch_images() {
    if (lifecycle_->then() == Then::enter) {
        entering_ = &images_.consume();
    }
    unclaim_images();
}

void Vm::shut_others() {
    const StagedImage* const staged = images_.staged();
    if (lifecycle_->then() == Then::stop || staged->kexec != Kexec::host) {
        return;
    }
    const Ticks deadline = arch::now() + arch::frequency() * lifecycle_->deadline_ms() / 1000;
    for (Vm& other : setup_.all) {
        if (&other != this && !other.lifecycle().shut(deadline)) {
            log::line("warning: VM {} did not stop within {} ms: its memory is taken from it",
                      other.setup().name, lifecycle_->deadline_ms());
            arch::retire_memory(other.id(), other.images().running_slot());
        }
    }
}

} // namespace baton
