// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/vm/vm.hpp"

#include "hyp/arch.hpp"
#include "hyp/log/log.hpp"
#include "hyp/vm/report_lines.hpp"

namespace baton {

void Vm::start(const Setup& setup) {
    setup_ = setup;
    for (Vcpu& vcpu : setup.vcpus) {
        vcpu.vm = this;
    }
    lifecycle_.emplace(setup.steps, setup.vcpus, setup.first, setup.lifecycle);
    load_.emplace(images_);
}

bool Vm::claim_images() {
    if (!images_.try_claim()) {
        return false;
    }
    // A CPU that a handover has lost comes here late, if it was in EL2 then: the claim is not for
    // it.
    if (lifecycle_->handover_wanted()) {
        images_.unclaim();
        return false;
    }
    return true;
}

void Vm::unclaim_images() {
    publish_status();
    images_.unclaim();
}

void Vm::publish_status() {
    image_status_.write({.load = load_->progress(), .running_slot = images_.running_slot()});
}

/// Claims the images for a reset. Another CPU has the claim for no longer than a call takes; if a
/// handover takes this CPU along, it does not come back.
void Vm::await_images() {
    constexpr u64 patience_s = 10;
    const u64 poll = arch::frequency() / 20'000;
    const u64 deadline = arch::now() + patience_s * arch::frequency();
    while (!claim_images()) {
        if (lifecycle_->handover_wanted()) {
            follow(lifecycle_->join());
            arch::park();
        }
        if (arch::now() >= deadline) {
            log::line("warning: a CPU has been staging an image for {} s: reset", patience_s);
            arch::reset();
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
        hand_over();
    }
    const Error why = staged ? Error::stale : Error::nothing_staged;
    unclaim_images();
    return why;
}

void Vm::restart() {
    await_images();
    if (!images_.staged()) {
        stage_in_turn();
    }
    hand_over();
}

/// Whatever stands against it ends in a real reset, which is what the guest asked for.
void Vm::stage_in_turn() {
    if (!images_.can_rotate()) {
        arch::reset();
    }
    (void)load_->drop(0); // its guest has died in the middle of it
    auto staged = vacate_spare_slot();
    if (staged) {
        staged = images_.stage_next();
    }
    if (!staged) {
        log::line("warning: the next image is not staged: {}", describe(staged.error()));
        arch::reset();
    }
}

/// Called with the claim, so this CPU is the only one to begin a handover.
void Vm::hand_over() {
    follow(lifecycle_->exec());
    arch::park();
}

Result<> Vm::vacate_spare_slot() {
    const auto given_up = lifecycle_->quiesce();
    if (!given_up) {
        return std::unexpected(given_up.error());
    }
    for (const VcpuId cpu : *given_up) {
        log::line("lost CPU {}: it did not finish handover {} within {} ms", cpu,
                  lifecycle_->trace(cpu).epoch.load(std::memory_order_relaxed),
                  lifecycle_->deadline_ms());
        images_.exclude(cpu);
    }
    if (!given_up->empty()) {
        arch::abandon_memory(id(), images_.spare_slot());
    }
    return {};
}

void Vm::follow(Next next) {
    switch (next) {
    case Next::resume:
        return;
    case Next::park:
        arch::park();
    case Next::enter:
        enter_next_kernel();
    }
}

void Vm::switch_to_staged_image() {
    entering_ = &images_.consume();
    unclaim_images();
}

void Vm::enter_next_kernel() {
    for (const VcpuId cpu : lifecycle_->lost()) {
        ImageStore::disable_cpu(*entering_, cpu);
        images_.exclude(cpu);
    }
    for (const PhysRange& memory : arch::memory_in_use(id())) {
        images_.keep_in_use(memory, *entering_);
    }
    if (entering_->kexec == Kexec::host) {
        arch::leave(*entering_, images_.excludes_any());
    }
    first_call_due_.store(true, std::memory_order_relaxed);
    arch::prepare_vcpu();
    if (setup_.watchdog_s != 0) {
        watchdog_at_ = arch::now() + arch::frequency() * setup_.watchdog_s;
        arch::set_alarm(watchdog_at_);
    }
    lifecycle_->entering();
    arch::enter_guest(entering_->entry, entering_->dtb.value);
}

void Vm::answer_kick() {
    if (!lifecycle_->handover_wanted()) {
        return;
    }
    if (setup_.deaf_cpu == arch::self().id) {
        return;
    }
    follow(lifecycle_->join());
}

void Vm::leave_if_fenced() {
    if (lifecycle_->handover_wanted()) {
        follow(lifecycle_->join());
    }
}

void Vm::note_first_call() {
    if (!first_call_due_.exchange(false, std::memory_order_relaxed)) {
        return;
    }
    if (const auto report = lifecycle_->report()) {
        log_report(*report, *lifecycle_, arch::frequency());
        if (setup_.report_at_once || report->lost != 0) {
            log::flush();
        }
    }
}

void Vm::on_alarm() {
    // Another CPU's alarm, or that of a wait in EL2, may come at any time.
    const bool over = setup_.watchdog_s != 0 && arch::now() >= watchdog_at_;
    if (over && first_call_due_.load(std::memory_order_relaxed)) {
        log::line("watchdog: the new kernel has made no call for {} s", setup_.watchdog_s);
        arch::reset();
    }
}

} // namespace baton
