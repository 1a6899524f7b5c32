// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/dsu/registers.hpp"

#include <array>
#include <optional>

namespace baton::arm64::dsu {

/// The counters of a cluster that has none: `baton.dsu=model`. The registers behave as the DSU's
/// do; what there is to count are ticks of the system counter. Time is passed in, and nothing
/// happens between two calls: an overflow is flagged, and interrupts, when a register is next
/// looked at. Its users take turns.
class Model {
  public:
    static constexpr u32 event_counters = 6;
    /// Events 0x11 and 0x1d. Others can be chosen, and count nothing.
    static constexpr u64 cycles = 0x11, bus_cycles = 0x1d;

    /// Of a register of this file's lists. Write-only views read as their state does.
    u64 read(SysregEncoding encoding, u64 now) {
        advance(now);
        return at(encoding);
    }
    void write(SysregEncoding encoding, u64 value, u64 now) {
        advance(now);
        set(encoding, value);
    }

    /// The level of nCLUSTERPMUIRQ.
    bool interrupts() const { return enabled_ && (overflows_ & interrupting_) != 0; }

  private:
    static constexpr u64 counters_mask = cycle_counter | ((u64{1} << event_counters) - 1);
    static constexpr u64 event_mask = 0xffff;

    struct Counter {
        u64 event = 0;
        u32 count = 0;
    };

    template <class Register>
    static constexpr bool is(SysregEncoding encoding) {
        return Register::encoding == encoding;
    }

    u64 at(SysregEncoding encoding) {
        Counter* const counter = selected();
        if (is<CLUSTERPMCR_EL1>(encoding)) {
            constexpr u64 arm = u64{0x41} << 24;
            return arm | event_counters << 11 | u64{enabled_};
        }
        if (is<CLUSTERPMCNTENSET_EL1>(encoding) || is<CLUSTERPMCNTENCLR_EL1>(encoding)) {
            return counting_;
        }
        if (is<CLUSTERPMOVSSET_EL1>(encoding) || is<CLUSTERPMOVSCLR_EL1>(encoding)) {
            return overflows_;
        }
        if (is<CLUSTERPMINTENSET_EL1>(encoding) || is<CLUSTERPMINTENCLR_EL1>(encoding)) {
            return interrupting_;
        }
        if (is<CLUSTERPMSELR_EL1>(encoding)) {
            return selection_;
        }
        if (is<CLUSTERPMCCNTR_EL1>(encoding)) {
            return cycles_;
        }
        if (is<CLUSTERPMXEVTYPER_EL1>(encoding)) {
            return counter != nullptr ? counter->event : 0;
        }
        if (is<CLUSTERPMXEVCNTR_EL1>(encoding)) {
            return counter != nullptr ? counter->count : 0;
        }
        return is<CLUSTERPMCEID0_EL1>(encoding) ? u64{1} << cycles | u64{1} << bus_cycles : 0;
    }

    void set(SysregEncoding encoding, u64 value) {
        const u64 mask = value & counters_mask;
        Counter* const counter = selected();
        if (is<CLUSTERPMCR_EL1>(encoding)) {
            control({value});
        } else if (is<CLUSTERPMCNTENSET_EL1>(encoding)) {
            counting_ |= mask;
        } else if (is<CLUSTERPMCNTENCLR_EL1>(encoding)) {
            counting_ &= ~mask;
        } else if (is<CLUSTERPMOVSSET_EL1>(encoding)) {
            overflows_ |= mask;
        } else if (is<CLUSTERPMOVSCLR_EL1>(encoding)) {
            overflows_ &= ~mask;
        } else if (is<CLUSTERPMINTENSET_EL1>(encoding)) {
            interrupting_ |= mask;
        } else if (is<CLUSTERPMINTENCLR_EL1>(encoding)) {
            interrupting_ &= ~mask;
        } else if (is<CLUSTERPMSELR_EL1>(encoding)) {
            selection_ = value & 0x1f;
        } else if (is<CLUSTERPMCCNTR_EL1>(encoding)) {
            cycles_ = value;
        } else if (is<CLUSTERPMXEVTYPER_EL1>(encoding) && counter != nullptr) {
            counter->event = value & event_mask;
        } else if (is<CLUSTERPMXEVCNTR_EL1>(encoding) && counter != nullptr) {
            counter->count = static_cast<u32>(value);
        }
    }

    void control(CLUSTERPMCR_EL1::Value value) {
        enabled_ = value.has(CLUSTERPMCR_EL1::E);
        if (value.has(CLUSTERPMCR_EL1::P)) {
            for (Counter& counter : counters_) {
                counter.count = 0;
            }
        }
        if (value.has(CLUSTERPMCR_EL1::C)) {
            cycles_ = 0;
        }
    }

    Counter* selected() { return selection_ < event_counters ? &counters_[selection_] : nullptr; }

    void advance(u64 now) {
        const u64 ticks = now - looked_at_;
        looked_at_ = now;
        if (!enabled_) {
            return;
        }
        if ((counting_ & cycle_counter) != 0 && __builtin_add_overflow(cycles_, ticks, &cycles_)) {
            overflows_ |= cycle_counter;
        }
        for (u32 n = 0; n < event_counters; n++) {
            Counter& counter = counters_[n];
            const bool counts = counter.event == cycles || counter.event == bus_cycles;
            if ((counting_ >> n & 1) != 0 && counts) {
                const u64 sum = counter.count + ticks;
                counter.count = static_cast<u32>(sum);
                overflows_ |= u64{sum >> 32 != 0} << n;
            }
        }
    }

    bool enabled_ = false;
    u64 counting_ = 0;
    u64 overflows_ = 0;
    u64 interrupting_ = 0;
    u64 selection_ = 0;
    u64 cycles_ = 0;
    std::array<Counter, event_counters> counters_{};
    u64 looked_at_ = 0;
};

} // namespace baton::arm64::dsu
