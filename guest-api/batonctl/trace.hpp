// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/baton.h"
#include "outcome.hpp"

#include <string>
#include <vector>

namespace batonctl {

class Device;

/// The last handover: what happened on which CPU and when.
struct Trace {
    baton_trace whole;
    std::vector<baton_trace_cpu> cpus; ///< that took part
};

/// Asks until all answers are of one handover.
Outcome<Trace> read_trace(Device& device);

/// A table for a person.
std::string trace_table(const Trace& trace);

/// Chrome's trace-event format, which Perfetto opens too: a track for each CPU, and one for the
/// phases.
std::string trace_json(const Trace& trace);

/// A step's name, which fills its field without a NUL at most.
std::string step_name(const baton_step_info& step);

/// "drain", "gather", "take down".
const char* stage_name(baton_u32 stage);

} // namespace batonctl
