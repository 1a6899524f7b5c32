// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/spinlock.hpp"
#include "arch/arm64/cpu/time.hpp"
#include "arch/arm64/dsu/model.hpp"
#include "arch/arm64/dsu/registers.hpp"
#include "arch/arm64/dsu/share.hpp"

#include <optional>
#include <utility>

namespace baton {
class Vm;
}

namespace baton::arm64::dsu {

/// `baton.dsu=model`. Cores that access it at once take turns.
class ModelUnit {
  public:
    u64 read(SysregEncoding encoding) {
        const Spinlock::Guard guard{lock_};
        const u64 value = model_.read(encoding, now().count);
        follow_line();
        return value;
    }
    void write(SysregEncoding encoding, u64 value) {
        const Spinlock::Guard guard{lock_};
        model_.write(encoding, value, now().count);
        follow_line();
    }
    /// Has the interrupt's line risen since the last call, and not gone down again?
    bool take_rise() {
        const Spinlock::Guard guard{lock_};
        return std::exchange(rose_, false);
    }

    InterruptId interrupt{}; ///< an SPI

  private:
    void follow_line() {
        const bool high = model_.interrupts();
        rose_ = high && (rose_ || !high_);
        high_ = high;
    }

    Spinlock lock_;
    Model model_;
    bool high_ = false;
    bool rose_ = false;
};

/// The counters of one cluster.
struct alignas(64) Unit {
    Share share;
    std::optional<ModelUnit> model;
    const Vm* vm = nullptr; ///< whose cores have it
};

/// The registers of the cluster that this CPU is of.
struct Hardware {
    template <class Register>
    static u64 read() {
        // DSU erratum 2313941: a read may stall without a maintenance operation just before it.
        // Of any line; this one nobody else has.
        u64 line = 0;
        asm volatile("dc civac, %0" ::"r"(&line) : "memory");
        return read_raw<Register>();
    }
    template <class Register>
    static void write(u64 value) {
        write_raw<Register>(value);
    }
    static void isb() { arm64::isb(); }
};

struct Modelled {
    ModelUnit* unit;

    template <class Register>
    u64 read() const {
        return unit->read(Register::encoding);
    }
    template <class Register>
    void write(u64 value) const {
        unit->write(Register::encoding, value);
    }
    static void isb() {}
};

} // namespace baton::arm64::dsu

namespace baton::arm64 {

/// What a CPU has to do with the counters of its cluster.
struct ClusterSeat {
    dsu::Unit* unit = nullptr; ///< null: there are none that Baton knows of
    std::optional<dsu::Share::Life> share{};
};

} // namespace baton::arm64
