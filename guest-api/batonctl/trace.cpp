// SPDX-License-Identifier: BSD-2-Clause
#include "trace.hpp"

#include "device.hpp"

#include <cstring>

namespace batonctl {
namespace {

/// Handovers between two answers; there cannot be as many while one kernel runs.
constexpr int most_attempts = 3;

} // namespace

Outcome<Trace> read_trace(Device& device) {
    for (int attempt = 0; attempt < most_attempts; attempt++) {
        Outcome<baton_trace> whole = device.trace();
        if (!whole) {
            return std::unexpected(whole.error());
        }
        if (whole->handover == 0) {
            return fail(Exit::failed, "There was no handover since Baton booted.");
        }
        Trace trace{.whole = *whole, .cpus = {}};
        bool same = true;
        for (unsigned number = 0; same && number < whole->all_cpus; number++) {
            Outcome<baton_trace_cpu> cpu = device.trace_cpu(number);
            if (!cpu) {
                return std::unexpected(cpu.error());
            }
            same = cpu->handover == whole->handover;
            if (cpu->fate != BATON_WAS_OFF) {
                trace.cpus.push_back(*cpu);
            }
        }
        if (same) {
            return trace;
        }
    }
    return fail(Exit::failed, "Baton's trace changes while it is read. Try again.");
}

std::string step_name(const baton_step_info& step) {
    return {step.name, strnlen(step.name, sizeof(step.name))};
}

const char* stage_name(baton_u32 stage) {
    switch (stage) {
    case BATON_DRAIN:
        return "drain";
    case BATON_GATHER:
        return "gather";
    case BATON_TAKE_DOWN:
        return "take down";
    default:
        return "?";
    }
}

} // namespace batonctl
