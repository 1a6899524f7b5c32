// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/asm_offsets.hpp"
#include "hyp/types.hpp"

#include <array>
#include <cstddef>

namespace baton::arm64 {

/// What assembly must change before any C++ runs: read at the very entry, and given back by
/// leave_el2 (depart.S).
struct El2Controls {
    u64 hcr = 0;
    u64 sctlr = 0;
    u64 tcr = 0;
    u64 ttbr0 = 0;
    u64 mair = 0;
    u64 vbar = 0;
    u64 tpidr = 0;
};
static_assert(offsetof(El2Controls, sctlr) == EL2_CONTROLS_SCTLR);
static_assert(offsetof(El2Controls, tcr) == EL2_CONTROLS_TCR);
static_assert(offsetof(El2Controls, ttbr0) == EL2_CONTROLS_TTBR0);
static_assert(offsetof(El2Controls, mair) == EL2_CONTROLS_MAIR);
static_assert(offsetof(El2Controls, vbar) == EL2_CONTROLS_VBAR);
static_assert(offsetof(El2Controls, tpidr) == EL2_CONTROLS_TPIDR);

/// The rest of the state in which this CPU came to Baton: what a host kexec gives back to
/// whoever gets the CPU next. Of registers that this CPU does not have nothing is kept.
class EntryState {
  public:
    /// On the CPU itself, before Baton writes any of it.
    void save();
    /// On the CPU itself, when nothing of Baton's or a guest's needs EL2 any more.
    void restore() const;

  private:
    static constexpr usize room = 40;
    std::array<u64, room> registers_{};
};

} // namespace baton::arm64
