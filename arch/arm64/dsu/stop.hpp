// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/dsu/registers.hpp"

namespace baton::arm64::dsu {

/// Brings the counters of this core's cluster to what a kernel finds after a cold boot: nothing
/// counts, no overflow is flagged or interrupts, all counters and their events are 0.
///
/// `Access` reads and writes the registers: the core's own, those of `baton.dsu=model`, or those of
/// a unit test.
template <class Access>
void stop_counters(Access unit) {
    constexpr u64 all = 0xffff'ffff;
    const u32 counters = CLUSTERPMCR_EL1::counters({unit.template read<CLUSTERPMCR_EL1>()});
    unit.template write<CLUSTERPMCR_EL1>(0);
    unit.template write<CLUSTERPMCNTENCLR_EL1>(all);
    unit.template write<CLUSTERPMINTENCLR_EL1>(all);
    unit.isb(); // nothing counts any more, so nothing overflows after its flag is cleared
    for (u32 n = 0; n < counters; n++) {
        unit.template write<CLUSTERPMSELR_EL1>(n);
        unit.isb(); // the selection counts for what follows
        unit.template write<CLUSTERPMXEVTYPER_EL1>(0);
    }
    unit.template write<CLUSTERPMCR_EL1>((CLUSTERPMCR_EL1::P | CLUSTERPMCR_EL1::C).value);
    unit.template write<CLUSTERPMOVSCLR_EL1>(all);
    unit.template write<CLUSTERPMSELR_EL1>(0);
    unit.isb(); // the interrupt's line is low, and others may use the unit, from here on
}

} // namespace baton::arm64::dsu
