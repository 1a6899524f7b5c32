// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/vm/vm.hpp"

#include "hyp/log/log.hpp"
#include "hyp/machine.hpp"
#include "hyp/vm/report_lines.hpp"

namespace baton {

void Vm::start(const Setup& setup) {
    setup_ = setup;
    lifecycle_.emplace(*setup.machine, setup.steps, setup.cpus, setup.machine->self(),
                       setup.lifecycle);
}

void Vm::restart() {
    if (!images_.has_staged()) {
        stage_in_turn();
    }
    follow(lifecycle_->exec());
    await_handover();
}

/// Returns when an image is staged. Whatever stands against that ends in a real reset, which is
/// what the guest asked for.
void Vm::stage_in_turn() {
    if (!images_.can_rotate()) {
        machine::reset();
    }
    const auto staged = images_.rotate([this] { return vacate_spare_slot(); });
    if (!staged) {
        if (staged.error() == Error::busy) {
            await_handover();
        }
        log::line("warning: the next image is not staged: {}", describe(staged.error()));
        machine::reset();
    }
}

/// The spare slot and its root are the last kernel's: nobody may be on his way out of it. A CPU
/// that does not come out takes no part any more, and the root that it may still have loaded is
/// left to it. One CPU at a time is here, and nothing is staged meanwhile: no handover can begin.
Result<> Vm::vacate_spare_slot() {
    const auto given_up = lifecycle_->settle();
    if (!given_up) {
        return std::unexpected(given_up.error());
    }
    for (const CpuId cpu : *given_up) {
        log::line("lost CPU {}: it did not finish handover {} within {} ms", cpu,
                  lifecycle_->trace(cpu).epoch.load(std::memory_order_relaxed),
                  lifecycle_->deadline_ms());
        images_.exclude(cpu);
    }
    if (!given_up->empty()) {
        machine::abandon_memory(images_.spare_slot());
    }
    return {};
}

/// Another CPU is about to replace the kernel: this one waits to be taken along.
void Vm::await_handover() {
    while (!lifecycle_->handover_wanted()) {
        setup_.machine->wait(Machine::never);
    }
    follow(lifecycle_->join());
    machine::park();
}

void Vm::follow(Next next) {
    switch (next) {
    case Next::resume:
        return;
    case Next::park:
        machine::park();
    case Next::enter:
        enter_next_kernel();
    }
}

void Vm::switch_to_staged_image() { entering_ = images_.consume(); }

void Vm::enter_next_kernel() {
    for (const CpuId cpu : lifecycle_->lost()) {
        ImageStore::disable_cpu(entering_, cpu);
        images_.exclude(cpu);
    }
    report_due_.store(true, std::memory_order_relaxed);
    machine::prepare_vcpu();
    lifecycle_->entering();
    machine::enter_guest(entering_.entry, entering_.dtb.value);
}

void Vm::answer_kick() {
    if (!lifecycle_->handover_wanted()) {
        return;
    }
    if (setup_.deaf_cpu == setup_.machine->self()) {
        return;
    }
    follow(lifecycle_->join());
}

void Vm::leave_if_fenced() {
    if (lifecycle_->handover_wanted()) {
        follow(lifecycle_->join());
    }
}

void Vm::report_handover() {
    if (!report_due_.exchange(false, std::memory_order_relaxed)) {
        return;
    }
    if (const auto report = lifecycle_->report()) {
        log_report(*report, *lifecycle_, setup_.machine->frequency());
        if (setup_.report_at_once || report->lost != 0) {
            log::flush();
        }
    }
}

} // namespace baton
