// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <span>

namespace baton {

/// What the lifecycle engine needs of the machine under it: EL2, or host threads in the unit tests.
///
/// A kick is latched: one that comes while its CPU is awake ends that CPU's next `wait` at once. It
/// carries no message. Who is kicked looks at shared memory, and finds there all that the kicker
/// wrote before the kick.
class Machine {
  public:
    /// A deadline that does not come.
    static constexpr u64 never = ~u64{0};

    /// The CPU that runs this.
    virtual CpuId self() const = 0;

    /// Ticks of one clock that is the same on all CPUs.
    virtual u64 now() const = 0;
    /// Ticks a second.
    virtual u64 frequency() const = 0;

    /// One broadcast to every CPU but this one, parked and foreign ones included.
    virtual void kick_all_others() = 0;
    virtual void kick(CpuId cpu) = 0;

    /// Sleeps until a kick, or `deadline` in ticks; takes the kick, and calls nothing of the
    /// engine. May return early. The kick may have been for other work of this CPU: look for that
    /// before the guest is entered again.
    virtual void wait(u64 deadline) = 0;

    /// Takes all memory away from APs that missed the deadline and may still run guest code: when
    /// this returns they can read, write and execute nothing of it. Keeps them out of the next
    /// kernel's description of the machine, too. The boot CPU calls it if any AP is lost, before
    /// the first gather step.
    virtual void fence_lost(std::span<const CpuId> lost) = 0;

    /// An AP waited far beyond any deadline for its boot CPU. Neither kernel can run: stop the
    /// machine and name the boot CPU.
    [[noreturn]] virtual void abandoned_by(CpuId boot_cpu) = 0;

  protected:
    ~Machine() = default;
};

} // namespace baton
