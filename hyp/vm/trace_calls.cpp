// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/vm/abi_answer.hpp"
#include "hyp/vm/guest_ram.hpp"

namespace baton {
namespace {

static_assert(max_steps <= BATON_MAX_STEPS);

/// The moments of one handover, in ns from its exec.
class Since {
  public:
    explicit Since(Vm& vm) : exec_{vm.lifecycle().phases().exec.ticks()} {}

    u64 operator()(const Stamp& stamp) const {
        const Ticks at = stamp.ticks();
        return at == Ticks{} ? BATON_NEVER : to_ns(at < exec_ ? Ticks{} : at - exec_);
    }

  private:
    Ticks exec_;
};

u32 fate_of(const Lifecycle& lifecycle, VcpuId cpu, const Report& report) {
    if (lifecycle.lost_in(cpu, report.handover)) {
        return BATON_LOST;
    }
    const VcpuTrace& trace = lifecycle.trace(cpu);
    if (trace.epoch.load(std::memory_order_acquire) != report.handover) {
        return BATON_WAS_OFF;
    }
    if (cpu == report.boot_cpu) {
        return BATON_LED;
    }
    return trace.dead.has_come() ? BATON_FOLLOWED : BATON_UNFINISHED;
}

} // namespace

CallResult trace_call(Vm& vm, const GuestCall& call) {
    Lifecycle& lifecycle = vm.lifecycle();
    baton_trace trace{};
    if (const auto report = lifecycle.report()) {
        const PhaseTrace& phases = lifecycle.phases();
        const Since since{vm};
        trace.handover = report->handover;
        trace.serial = report->serial ? 1 : 0;
        trace.boot_cpu = index(report->boot_cpu);
        trace.cpus = report->cpus;
        trace.lost = report->lost;
        trace.all_cpus = static_cast<u32>(lifecycle.cpu_count());
        trace.kicked = since(phases.kicked);
        trace.gathered = since(phases.gathered);
        trace.switched = since(phases.switched);
        trace.taken_down = since(phases.taken_down);
        trace.entered = since(phases.entered);
        for (const Step& step : lifecycle.steps()) {
            baton_step_info& info = trace.steps[trace.step_count++];
            const std::string_view name{step.name};
            name.copy(info.name, sizeof info.name - 1);
            info.stage = static_cast<u32>(step.stage);
        }
    }
    return answer(write_struct(vm, call.address(0), call.argument(1), trace));
}

CallResult trace_cpu_call(Vm& vm, const GuestCall& call) {
    const Lifecycle& lifecycle = vm.lifecycle();
    if (call.argument(0) >= lifecycle.cpu_count()) {
        return {BATON_INVALID_PARAMETER, true};
    }
    const VcpuId cpu{static_cast<u32>(call.argument(0))};
    baton_trace_cpu record{};
    if (const auto report = lifecycle.report()) {
        const VcpuTrace& trace = lifecycle.trace(cpu);
        const Since since{vm};
        record.handover = report->handover;
        record.fate = fate_of(lifecycle, cpu, *report);
        // What is left of an older handover means nothing.
        const bool took_part = trace.epoch.load(std::memory_order_acquire) == report->handover;
        const auto moment = [&](const Stamp& stamp) {
            return took_part ? since(stamp) : BATON_NEVER;
        };
        record.joined = moment(trace.joined);
        record.arrived = moment(trace.arrived);
        record.dead = moment(trace.dead);
        for (usize row = 0; row < lifecycle.steps().size(); row++) {
            record.steps[row] = {moment(trace.steps[row].begin), moment(trace.steps[row].end)};
        }
    }
    record.mpidr = vm.platform().cpus[index(lifecycle.vcpus()[index(cpu)].cpu)].firmware_id;
    record.number = index(cpu);
    return answer(write_struct(vm, call.address(1), call.argument(2), record));
}

} // namespace baton
