// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/barrier.hpp"
#include "arch/arm64/registers.hpp"

namespace baton::arm64 {

/// The physical counter, in ticks of `ticks_per_second`.
inline u64 now() {
    isb(); // CNTPCT may otherwise be read early (Arm ARM D11.2.2).
    return read_raw<CNTPCT_EL0>();
}
inline u64 ticks_per_second() { return read_raw<CNTFRQ_EL0>(); }

/// A moment until which a wait may last.
class Deadline {
  public:
    static Deadline in_ms(u64 ms) { return Deadline{now() + ticks_per_second() * ms / 1000}; }
    static constexpr Deadline at(u64 ticks) { return Deadline{ticks}; }

    bool passed() const { return now() >= at_; }
    u64 ticks() const { return at_; }

  private:
    explicit constexpr Deadline(u64 at) : at_{at} {}
    u64 at_;
};

} // namespace baton::arm64
