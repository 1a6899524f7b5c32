// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <atomic>

namespace baton::arm64::dsu {

/// Which cores of a cluster use its counters, and who stops them. Each core has a share from when
/// it enters the guest to when it drains: by CPU_OFF or in a handover. So a kernel may move its
/// context to another core of the cluster as long as one is in the guest, and the last one to leave
/// stops the unit. One word, no lock, and nobody waits on the way out.
///
/// What never comes back (a lost CPU) and what comes too late (a CPU_OFF that a handover overtook)
/// is made up for: the boot CPU takes the shares away when all others have arrived, and the unit is
/// `dirty` until a core of the cluster, which alone can reach it, has stopped it: the first that is
/// parked, or one that enters the next kernel, before it does.
class Share {
  public:
    /// The life of the unit that a share is of. Shares of an earlier one are void.
    using Life = u32;

    /// A core is about to enter the guest. Before that it stops a dirty unit, and waits for a core
    /// that is stopping it.
    /// @param stop stops the unit
    /// @param may_wait passes a moment; false: the other core takes too long, and is not waited for
    template <class Stop, class Wait>
    Life enter(Stop stop, Wait may_wait) {
        Value seen = load();
        for (bool waits = true;;) {
            if (seen.stopping != 0 && waits) {
                waits = may_wait();
                seen = load();
                continue;
            }
            if (seen.dirty != 0) {
                clean(seen, stop);
                seen = load();
                continue;
            }
            Value more = seen;
            more.cores++;
            if (exchange(seen, more)) {
                return seen.life;
            }
        }
    }

    /// A core is out of the guest for good. The last one stops the unit.
    template <class Stop>
    void leave(Life life, Stop stop) {
        Value seen = load();
        Value less{};
        do {
            if (seen.life != life || seen.cores == 0) {
                return; // the share was taken away
            }
            less = seen;
            less.cores--;
            less.stopping += less.cores == 0 ? 1 : 0;
        } while (!exchange(seen, less));
        if (less.cores == 0) {
            stop();
            stopped();
        }
    }

    /// The boot CPU of a handover takes away what shares are left.
    /// @return true if the unit is dirty
    bool take_away() {
        Value seen = load();
        Value none{};
        do {
            if (seen.cores == 0 && seen.stopping == 0) {
                return seen.dirty != 0;
            }
            none = {.life = seen.life + 1, .cores = 0, .stopping = seen.stopping, .dirty = 1};
        } while (!exchange(seen, none));
        return true;
    }

    /// A parked core of the cluster looks after it.
    template <class Stop>
    void look_after(Stop stop) {
        if (const Value seen = load(); seen.dirty != 0 && seen.stopping == 0) {
            clean(seen, stop);
        }
    }

  private:
    struct Value {
        u64 life : 32;
        u64 cores : 16;   ///< that have a share
        u64 stopping : 8; ///< how many are at it
        u64 dirty : 8;    ///< 1: it is to be stopped, and no core has a share
    };

    // Acquire, release: who finds the unit stopped, or is the last one, comes after what the others
    // did to it.
    Value load() const { return value_.load(std::memory_order_acquire); }
    bool exchange(Value& seen, Value wanted) {
        return value_.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel,
                                            std::memory_order_acquire);
    }

    template <class Stop>
    void clean(Value seen, Stop stop) {
        Value claimed = seen;
        claimed.dirty = 0;
        claimed.stopping++;
        if (exchange(seen, claimed)) {
            stop();
            stopped();
        }
    }

    void stopped() {
        Value seen = load();
        Value done{};
        do {
            done = seen;
            done.stopping--;
        } while (!exchange(seen, done));
    }

    /// Whatever ran before Baton may have left the unit at work.
    std::atomic<Value> value_{{.life = 0, .cores = 0, .stopping = 0, .dirty = 1}};
    static_assert(decltype(value_)::is_always_lock_free && sizeof(Value) == sizeof(u64));
};

} // namespace baton::arm64::dsu
