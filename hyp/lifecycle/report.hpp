// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/ticks.hpp"
#include "hyp/types.hpp"

namespace baton {

struct Step;

/// What a handover cost, computed after it.
struct Report {
    u64 handover = 0; ///< counted from 1 since boot; the gate's epoch
    bool serial = false;
    /// The first row that is not parallel-safe, if that is why the walk was serial; else null.
    const Step* fallback = nullptr;

    u32 cpus = 0; ///< taken along: the boot CPU, all APs, lost ones included
    u32 lost = 0; ///< missed the deadline; Lifecycle::lost_in names them
    VcpuId boot_cpu{};

    Ticks drain{};     ///< exec to the barrier's end
    Ticks gather{};    ///< to the memory switch
    Ticks take_down{}; ///< to the end of the boot CPU's own steps
    Ticks enter{};     ///< to the next kernel's first instruction
    Ticks blackout() const { return drain + gather + take_down + enter; }

    /// The longest run of one step on one CPU; `slowest_step` is null if no step was timed.
    VcpuId slowest_cpu{};
    const Step* slowest_step = nullptr;
    Ticks slowest{};

    /// APs that had not reached idle_dead when the report was made. Their steps are in it as far as
    /// they had come.
    u32 unfinished = 0;
};

} // namespace baton
