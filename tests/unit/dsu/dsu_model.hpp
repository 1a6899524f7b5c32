// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/dsu/registers.hpp"

#include <cstdio>
#include <string>
#include <vector>

/// The counters of a DSU for the worst case, by its TRM: what is written takes effect at the next
/// ISB, and each counter that may count overflows at every operation.
namespace baton::test {

class DsuUnit {
  public:
    explicit DsuUnit(u32 counters = 6) : counters_{counters}, counters_state_(counters) {}

    /// All of it in use, as the last kernel left it.
    void fill() {
        written_ = {true, counter_mask(), counter_mask(), counters_ == 0 ? 0 : counters_ - 1};
        effective_ = written_;
        overflows_ = counter_mask();
        cycles_ = 0x1234;
        for (Counter& counter : counters_state_) {
            counter = {0x11, 77};
        }
    }

    /// What is left of that; empty: nothing.
    std::string left() const {
        if (written_.enabled || effective_.enabled || effective_.counting != 0) {
            return "it may still count";
        }
        if (overflows_ != 0) {
            return "an overflow is flagged";
        }
        if (effective_.interrupting != 0 || effective_.selection != 0 || written_ != effective_ ||
            cycles_ != 0) {
            return "a register keeps what it held";
        }
        for (const Counter& counter : counters_state_) {
            if (counter.event != 0 || counter.count != 0) {
                return "a counter keeps what it held";
            }
        }
        return {};
    }

    template <class Register>
    u64 read() {
        using namespace arm64::dsu;
        run();
        static_assert(Register::encoding == CLUSTERPMCR_EL1::encoding, "nothing else is needed");
        return u64{counters_} << 11 | u64{written_.enabled};
    }

    template <class Register>
    void write(u64 value) {
        using namespace arm64::dsu;
        constexpr SysregEncoding reg = Register::encoding;
        run();
        if constexpr (reg == CLUSTERPMCR_EL1::encoding) {
            control({value});
        } else if constexpr (reg == CLUSTERPMCNTENCLR_EL1::encoding) {
            written_.counting &= ~value;
        } else if constexpr (reg == CLUSTERPMINTENCLR_EL1::encoding) {
            written_.interrupting &= ~value;
        } else if constexpr (reg == CLUSTERPMOVSCLR_EL1::encoding) {
            overflows_ &= ~value;
        } else if constexpr (reg == CLUSTERPMSELR_EL1::encoding) {
            written_.selection = value;
        } else {
            static_assert(reg == CLUSTERPMXEVTYPER_EL1::encoding, "nothing else is needed");
            if (effective_.selection < counters_) {
                counters_state_[effective_.selection].event = value;
            }
        }
    }

    void isb() {
        run();
        effective_ = written_;
    }

  private:
    using SysregEncoding = arm64::SysregEncoding;
    struct Counter {
        u64 event = 0, count = 0;
    };
    struct Controls {
        bool enabled = false;
        u64 counting = 0, interrupting = 0, selection = 0;
        bool operator==(const Controls&) const = default;
    };

    u64 counter_mask() const { return arm64::dsu::cycle_counter | ((u64{1} << counters_) - 1); }

    void control(arm64::dsu::CLUSTERPMCR_EL1::Value value) {
        using arm64::dsu::CLUSTERPMCR_EL1;
        written_.enabled = value.has(CLUSTERPMCR_EL1::E);
        if (value.has(CLUSTERPMCR_EL1::P)) {
            for (Counter& counter : counters_state_) {
                counter.count = 0;
            }
        }
        if (value.has(CLUSTERPMCR_EL1::C)) {
            cycles_ = 0;
        }
    }

    void run() {
        if (!effective_.enabled) {
            return;
        }
        overflows_ |= effective_.counting;
        cycles_++;
        for (u32 n = 0; n < counters_; n++) {
            counters_state_[n].count += effective_.counting >> n & 1;
        }
    }

    u32 counters_;
    Controls written_, effective_;
    u64 overflows_ = 0, cycles_ = 0;
    std::vector<Counter> counters_state_;
};

/// Leaves out one operation of those that go through it.
struct DsuAccess {
    DsuUnit* unit;
    int* operation; ///< counts them
    int left_out;

    template <class Register>
    u64 read() const {
        return is_left_out() ? 0 : unit->read<Register>();
    }
    template <class Register>
    void write(u64 value) const {
        if (!is_left_out()) {
            unit->write<Register>(value);
        }
    }
    void isb() const {
        if (!is_left_out()) {
            unit->isb();
        }
    }

  private:
    bool is_left_out() const { return (*operation)++ == left_out; }
};

} // namespace baton::test
