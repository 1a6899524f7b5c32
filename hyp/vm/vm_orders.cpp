// SPDX-License-Identifier: BSD-2-Clause
//
// What the host VM wants of another VM: given by its CPU, carried out by one of the VM's own.
#include "hyp/arch.hpp"
#include "hyp/vm/vm.hpp"

namespace baton {

/// Called with the claim.
bool Vm::has_next_image() { return images_.staged() != nullptr || images_.can_rotate(); }

Result<> Vm::order_kernel() {
    if (!claim_images()) {
        return std::unexpected(Error::busy);
    }
    const bool has_image = has_next_image();
    unclaim_images();
    if (!has_image) {
        return std::unexpected(Error::nothing_staged);
    }
    return lifecycle_->give(Order::enter) ? Result<>{} : std::unexpected(Error::busy);
}

Result<> Vm::order_kernel(u64 id) {
    if (!claim_images()) {
        return std::unexpected(Error::busy);
    }
    const StagedImage* const staged = images_.staged();
    const Error why = staged == nullptr ? Error::nothing_staged : Error::stale;
    const bool is_it = staged != nullptr && staged->id == id;
    unclaim_images();
    if (!is_it) {
        return std::unexpected(why);
    }
    return lifecycle_->give(Order::enter) ? Result<>{} : std::unexpected(Error::busy);
}

Result<> Vm::order_stop() {
    return lifecycle_->give(Order::stop) ? Result<>{} : std::unexpected(Error::busy);
}

/// For an online CPU. Comes back if there is no order (any more).
void Vm::obey_order() {
    const Order order = lifecycle_->ordered();
    if (order == Order::none) {
        return;
    }
    await_images();
    if (order == Order::enter && !images_.staged() && !stage_in_turn(&lifecycle())) {
        unclaim_images();
        power_off(); // It was told to begin anew, and cannot.
    }
    follow(lifecycle_->obey());
    unclaim_images();
}

void Vm::start_if_ordered() {
    constexpr u64 timeout_s = 10;
    const Ticks poll = arch::frequency() / 20'000;
    const Ticks deadline = arch::now() + timeout_s * arch::frequency();
    while (lifecycle_->is_off() && lifecycle_->ordered() == Order::enter) {
        // Not claim_images: to the engine a parked CPU is one of an earlier kernel.
        if (images_.try_claim()) {
            if (images_.staged() || stage_in_turn(nullptr)) {
                follow_start(lifecycle_->start());
            }
            unclaim_images();
            return;
        }
        if (arch::now() >= deadline) {
            return; // Who loads for it was lost in the middle of it; the host VM may try again.
        }
        arch::wait(arch::now() + poll);
    }
    follow_start(lifecycle_->start()); // which also puts away an order to stop
}

/// A start that this CPU does not lead leaves it where it was: in its park loop.
void Vm::follow_start(Next next) {
    if (next == Next::enter) {
        enter_next_kernel();
    }
}

} // namespace baton
