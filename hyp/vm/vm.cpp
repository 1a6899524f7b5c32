// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/vm/vm.hpp"

#include "hyp/arch.hpp"
#include "hyp/vm/report_lines.hpp"

namespace baton {

void Vm::start(const Setup& setup) {
    setup_ = setup;
    for (Vcpu& vcpu : setup.vcpus) {
        vcpu.vm = this;
    }
    lifecycle_.emplace(setup.steps, setup.vcpus, setup.first, setup.lifecycle);
    load_.emplace(images_);
    prefix_size_ = is_host() ? 0 : format(prefix_, "{}: ", setup.name).size();
}

bool Vm::claim_images() {
    if (!images_.try_claim()) {
        return false;
    }
    // A CPU that a handover of its own VM has lost comes here late, if it was in Baton then: the
    // claim is not for it.
    if (arch::self().vm->lifecycle().handover_wanted()) {
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

Result<> Vm::vacate_spare_slot(const Lifecycle* of_caller) {
    const auto given_up = lifecycle_->quiesce(of_caller);
    if (!given_up) {
        return std::unexpected(given_up.error());
    }
    for (const VcpuId vcpu : *given_up) {
        log::line("{}lost CPU {}: it did not finish handover {} within {} ms", prefix(), vcpu,
                  lifecycle_->trace(vcpu).epoch.load(std::memory_order_relaxed),
                  lifecycle_->deadline_ms());
        images_.exclude(lifecycle_->vcpus()[index(vcpu)]);
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

void Vm::enter_next_kernel() {
    for (const VcpuId lost : lifecycle_->lost()) {
        const Vcpu& vcpu = lifecycle_->vcpus()[index(lost)];
        ImageStore::disable_cpu(*entering_, vcpu);
        images_.exclude(vcpu);
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
    obey_order(); // One that came while no CPU was online.
    lifecycle_->entering();
    arch::enter_guest(entering_->entry, entering_->description.dtb().value);
}

void Vm::answer_kick() {
    if (lifecycle_->handover_wanted()) {
        if (setup_.deaf_cpu == arch::self().id) {
            return;
        }
        follow(lifecycle_->join());
    }
    obey_order();
    if (watchdog_has_come()) {
        log::line("{}watchdog: the new kernel has made no call for {} s", prefix(),
                  setup_.watchdog_s);
        reset_without_image();
    }
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
        log_report(*this, *report);
        if (setup_.report_at_once || report->lost != 0) {
            log::flush();
        }
    }
}

bool Vm::watchdog_has_come() const {
    // Another CPU's alarm, or that of a wait in the hypervisor, may come at any time.
    return setup_.watchdog_s != 0 && first_call_due_.load(std::memory_order_relaxed) &&
           arch::now() >= watchdog_at_;
}

} // namespace baton
