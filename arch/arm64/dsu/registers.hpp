// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/sysreg.hpp"

/// The counters of a DynamIQ Shared Unit (Arm DSU TRM, cluster PMU registers). All cores of a
/// cluster see the same ones. IMPLEMENTATION DEFINED encodings: they are there only where the DTB
/// has an `arm,dsu-pmu` node, and elsewhere an access may be the firmware's to answer. The
/// cluster's power registers beside them are the firmware's everywhere.
namespace baton::arm64::dsu {

/// Of a mask register: the cycle counter. Bits from 0 on: the event counters.
inline constexpr u64 cycle_counter = u64{1} << 31;

struct CLUSTERPMCR_EL1 : SystemRegister<CLUSTERPMCR_EL1, 3, 0, 15, 5, 0> {
    static constexpr Value E = bit(0); ///< the enabled counters count and interrupt
    static constexpr Value P = bit(1); ///< written: the event counters are 0
    static constexpr Value C = bit(2); ///< written: so is the cycle counter
    /// How many event counters there are, at most 31.
    static constexpr u32 counters(Value v) { return static_cast<u32>(v.field(11, 5)); }
};
struct CLUSTERPMCNTENSET_EL1 : SystemRegister<CLUSTERPMCNTENSET_EL1, 3, 0, 15, 5, 1> {};
struct CLUSTERPMCNTENCLR_EL1 : SystemRegister<CLUSTERPMCNTENCLR_EL1, 3, 0, 15, 5, 2> {};
struct CLUSTERPMOVSSET_EL1 : SystemRegister<CLUSTERPMOVSSET_EL1, 3, 0, 15, 5, 3> {};
struct CLUSTERPMOVSCLR_EL1 : SystemRegister<CLUSTERPMOVSCLR_EL1, 3, 0, 15, 5, 4> {};
/// Which counter XEVTYPER and XEVCNTR are.
struct CLUSTERPMSELR_EL1 : SystemRegister<CLUSTERPMSELR_EL1, 3, 0, 15, 5, 5> {};
struct CLUSTERPMINTENSET_EL1 : SystemRegister<CLUSTERPMINTENSET_EL1, 3, 0, 15, 5, 6> {};
struct CLUSTERPMINTENCLR_EL1 : SystemRegister<CLUSTERPMINTENCLR_EL1, 3, 0, 15, 5, 7> {};
struct CLUSTERPMCCNTR_EL1 : SystemRegister<CLUSTERPMCCNTR_EL1, 3, 0, 15, 6, 0> {};
struct CLUSTERPMXEVTYPER_EL1 : SystemRegister<CLUSTERPMXEVTYPER_EL1, 3, 0, 15, 6, 1> {};
struct CLUSTERPMXEVCNTR_EL1 : SystemRegister<CLUSTERPMXEVCNTR_EL1, 3, 0, 15, 6, 2> {};
/// Read-only: which of the events 0 to 31, and 32 to 63, it can count.
struct CLUSTERPMCEID0_EL1 : SystemRegister<CLUSTERPMCEID0_EL1, 3, 0, 15, 6, 4> {};
struct CLUSTERPMCEID1_EL1 : SystemRegister<CLUSTERPMCEID1_EL1, 3, 0, 15, 6, 5> {};

template <class... Each>
struct RegisterList {
    /// Calls visit.template operator()<Register>() for the one of this encoding.
    /// @return false: there is none
    template <class Visit>
    static bool find(SysregEncoding encoding, Visit visit) {
        return ((Each::encoding == encoding && (visit.template operator()<Each>(), true)) || ...);
    }
};
using Writable = RegisterList<CLUSTERPMCR_EL1, CLUSTERPMCNTENSET_EL1, CLUSTERPMCNTENCLR_EL1,
                              CLUSTERPMOVSSET_EL1, CLUSTERPMOVSCLR_EL1, CLUSTERPMSELR_EL1,
                              CLUSTERPMINTENSET_EL1, CLUSTERPMINTENCLR_EL1, CLUSTERPMCCNTR_EL1,
                              CLUSTERPMXEVTYPER_EL1, CLUSTERPMXEVCNTR_EL1>;
using ReadOnly = RegisterList<CLUSTERPMCEID0_EL1, CLUSTERPMCEID1_EL1>;

} // namespace baton::arm64::dsu
