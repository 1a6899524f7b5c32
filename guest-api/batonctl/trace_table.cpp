// SPDX-License-Identifier: BSD-2-Clause
#include "text.hpp"
#include "trace.hpp"

#include <algorithm>

namespace batonctl {
namespace {

std::string moment(baton_u64 time) {
    return time == BATON_NEVER ? "-" : format("%.1f", static_cast<double>(time) / 1000);
}

/// How long a step took there; 0 if it did not run, or did not end.
baton_u64 duration(const baton_step_time& time) {
    return time.begin == BATON_NEVER || time.end == BATON_NEVER || time.end < time.begin
               ? 0
               : time.end - time.begin;
}

bool ran(const baton_step_time& time) {
    return time.begin != BATON_NEVER && time.end != BATON_NEVER;
}

const char* fate_text(baton_u32 fate) {
    switch (fate) {
    case BATON_LED:
        return "led";
    case BATON_FOLLOWED:
        return "followed";
    case BATON_UNFINISHED:
        return "unfinished";
    case BATON_LOST:
        return "LOST";
    default:
        return "?";
    }
}

unsigned steps_of(const Trace& trace) { return std::min(trace.whole.step_count, BATON_MAX_STEPS); }

std::string step_row(const Trace& trace, unsigned step) {
    unsigned count = 0;
    baton_u64 sum = 0;
    const baton_trace_cpu* slowest = nullptr;
    for (const baton_trace_cpu& cpu : trace.cpus) {
        if (!ran(cpu.steps[step])) {
            continue;
        }
        count++;
        sum += duration(cpu.steps[step]);
        if (!slowest || duration(cpu.steps[step]) > duration(slowest->steps[step])) {
            slowest = &cpu;
        }
    }
    const baton_step_info& info = trace.whole.steps[step];
    const std::string start =
        format("%-13s%-11s%6u", step_name(info).c_str(), stage_name(info.stage), count);
    if (!slowest) {
        return start + "\n";
    }
    return start + format("%12s%12s  on CPU %u\n", moment(sum / count).c_str(),
                          moment(duration(slowest->steps[step])).c_str(), slowest->number);
}

std::string cpu_row(const baton_trace_cpu& cpu) {
    return format("%4u  %-12s%10s%10s%10s\n", cpu.number, fate_text(cpu.fate),
                  moment(cpu.joined).c_str(), moment(cpu.arrived).c_str(),
                  moment(cpu.dead).c_str());
}

} // namespace

std::string trace_table(const Trace& trace) {
    const baton_trace& whole = trace.whole;
    std::string text = format(
        "handover %llu: %s, %u CPUs, %u lost, boot CPU %u; all times in us\n\n", whole.handover,
        whole.serial != 0 ? "serial" : "parallel", whole.cpus, whole.lost, whole.boot_cpu);
    for (const auto& [name, time] : {std::pair{"kicked", whole.kicked},
                                     {"gathered", whole.gathered},
                                     {"switched", whole.switched},
                                     {"taken down", whole.taken_down},
                                     {"entered", whole.entered}}) {
        text += format("%-12s%12s\n", name, moment(time).c_str());
    }
    text += "\nstep         stage        CPUs        mean     slowest\n";
    for (unsigned step = 0; step < steps_of(trace); step++) {
        text += step_row(trace, step);
    }
    text += "\n CPU  fate            joined   arrived      dead\n";
    for (const baton_trace_cpu& cpu : trace.cpus) {
        text += cpu_row(cpu);
    }
    return text;
}

} // namespace batonctl
