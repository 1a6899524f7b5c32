// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

namespace baton {

struct Step;

/// What a handover cost, computed after it. Times are in ticks of arch::now().
struct Report {
    u64 handover = 0; ///< counted from 1 since boot; the gate's epoch
    bool serial = false;
    /// The first row that is not parallel-safe, if that is why the walk was serial; else null.
    const Step* fallback = nullptr;

    u32 cpus = 0; ///< taken along: the boot CPU, all APs, lost ones included
    u32 lost = 0; ///< missed the deadline; Lifecycle::lost_in names them
    VcpuId boot_cpu{};

    u64 drain = 0;     ///< exec to the barrier's end
    u64 gather = 0;    ///< to the memory switch
    u64 take_down = 0; ///< to the end of the boot CPU's own steps
    u64 enter = 0;     ///< to the next kernel's first instruction
    u64 blackout() const { return drain + gather + take_down + enter; }

    /// The longest run of one step on one CPU; `slowest_step` is null if no step was timed.
    VcpuId slowest_cpu{};
    const Step* slowest_step = nullptr;
    u64 slowest = 0;

    /// APs that had not reached idle_dead when the report was made. Their steps are in it as far as
    /// they had come.
    u32 unfinished = 0;
};

} // namespace baton
