// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/registers.hpp"
#include "hyp/ticks.hpp"

namespace baton::arm64 {

/// The physical counter.
inline Ticks now() {
    isb(); // CNTPCT may otherwise be read early (Arm ARM D11.2.2).
    return {read_raw<CNTPCT_EL0>()};
}
/// Of the counter, in a second.
inline Ticks frequency() { return {read_raw<CNTFRQ_EL0>()}; }

/// A moment until which a wait may last.
class Deadline {
  public:
    static Deadline in_ms(u64 ms) { return Deadline{now() + frequency() * ms / 1000}; }
    static constexpr Deadline at(Ticks at) { return Deadline{at}; }

    bool passed() const { return now() >= at_; }
    Ticks ticks() const { return at_; }

  private:
    explicit constexpr Deadline(Ticks at) : at_{at} {}
    Ticks at_;
};

} // namespace baton::arm64
