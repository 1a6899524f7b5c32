// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/lifecycle/step.hpp"
#include "hyp/ticks.hpp"
#include "hyp/types.hpp"

#include <array>
#include <atomic>

namespace baton {

/// A moment that has come or not. One CPU writes it, any CPU may read it at any time. The
/// release lets a reader who saw a stamp of a new handover see that handover's epoch as well.
class Stamp {
  public:
    void set(Ticks at) { ticks_.store(at.count, std::memory_order_release); }
    void clear() { ticks_.store(0, std::memory_order_relaxed); }
    bool has_come() const { return ticks() != Ticks{}; }
    /// 0: it has not come.
    Ticks ticks() const { return {ticks_.load(std::memory_order_relaxed)}; }

  private:
    std::atomic<u64> ticks_{0};
};

/// What one CPU did in its last handover. Lies in that CPU's own cache lines.
struct VcpuTrace {
    struct StepTrace {
        Stamp begin;
        Stamp end;
    };

    std::atomic<u64> epoch{0};              ///< the handover that the stamps belong to; 0: none yet
    Stamp joined;                           ///< out of the guest, or called exec
    Stamp arrived;                          ///< an AP: drained, at the barrier
    Stamp dead;                             ///< an AP: its last step is done
    std::array<StepTrace, max_steps> steps; ///< by row of the table

    /// Forgets the last handover. Called by the CPU itself.
    void start(u64 handover, Ticks at, usize rows);
};

/// The boot CPU's milestones of the last handover.
struct PhaseTrace {
    Stamp exec;       ///< the gate is closed
    Stamp kicked;     ///< all APs commanded (serial: about to command the first)
    Stamp gathered;   ///< phase 1 is over
    Stamp switched;   ///< phase 2 is over
    Stamp taken_down; ///< phase 3 is over on the boot CPU
    Stamp entered;    ///< the last thing before the next kernel's first instruction

    std::atomic<u32> boot_cpu{0};
    std::atomic<u32> cpus{0}; ///< taken along: boot CPU, APs, lost ones included

    /// Forgets the last handover. Called by the boot CPU.
    void start(VcpuId boot, u32 count, Ticks at);
};

} // namespace baton
