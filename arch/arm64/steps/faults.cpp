// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/steps/faults.hpp"

#include "arch/arm64/hypervisor.hpp"
#include "hyp/arch.hpp"
#include "hyp/log/log.hpp"

namespace baton::arm64 {
namespace {

struct PlannedFault {
    StepFault fault;
    usize row;

    bool hits(CpuId cpu, CpuId boot_cpu) const {
        switch (fault.of) {
        case StepFault::Of::one:
            return cpu == fault.cpu;
        case StepFault::Of::boot:
            return cpu == boot_cpu;
        case StepFault::Of::all:
            return true;
        }
        return false;
    }
};
constinit StaticVector<PlannedFault, decltype(Options::step_faults)::capacity> plan{};

std::optional<usize> find_row(std::span<const Step> steps, std::string_view name) {
    for (usize row = 0; row < steps.size(); row++) {
        if (steps[row].name == name) {
            return row;
        }
    }
    return std::nullopt;
}

const char* name_of(FaultKind kind) {
    constexpr const char* names[] = {"lost", "late", "overdue", "kick"};
    return names[static_cast<usize>(kind)];
}

void sleep_for(Ticks span) {
    const Ticks until = arch::now() + span;
    while (arch::now() < until) {
        arch::wait(until);
    }
}

} // namespace

void plan_faults(std::span<const StepFault> faults, std::span<const Step> steps) {
    for (const StepFault& fault : faults) {
        if (const auto row = find_row(steps, fault.step.view())) {
            (void)plan.push({fault, *row}); // it has room for every option
        } else {
            log::line("warning: option baton.fault={}:CPU@{} ignored: no step has that name",
                      name_of(fault.kind), fault.step.view());
        }
    }
}

bool faults_are_planned() { return !plan.empty(); }

void suffer_fault(Vcpu& vcpu, usize row) {
    const Lifecycle& lifecycle = vcpu.vm->lifecycle();
    const CpuId self = vcpu.cpu;
    const u64 handover = vcpu.trace.epoch.load(std::memory_order_relaxed);
    if (!lifecycle.handover_wanted() || handover == 0 || handover > plan.size()) {
        return; // a CPU_OFF, or one handover too many
    }
    const PlannedFault& planned = plan[handover - 1];
    const StepFault& fault = planned.fault;
    const Vcpu& boot =
        lifecycle.vcpus()[lifecycle.phases().boot_cpu.load(std::memory_order_relaxed)];
    if (planned.row != row || !planned.hits(self, boot.cpu)) {
        return;
    }

    const char* const step = lifecycle.steps()[row].name;
    const Ticks deadline = arch::frequency() * lifecycle.deadline_ms() / 1000;
    log::line("fault: handover {}: {}, CPU {} at step {}", handover, name_of(fault.kind), self,
              step);
    switch (fault.kind) {
    case FaultKind::lost:
        for (;;) {
            arch::wait(arch::never); // there it still stops for another CPU's panic
        }
    case FaultKind::late:
        sleep_for(fault.us ? arch::frequency() * *fault.us / 1'000'000 : deadline / 4);
        break;
    case FaultKind::overdue:
        sleep_for(2 * deadline);
        break;
    case FaultKind::kick:
        arch::kick_others(vcpu);
        arch::kick(boot);
        break;
    }
    log::line("fault: handover {}: CPU {} goes on at step {}", handover, self, step);
}

} // namespace baton::arm64
