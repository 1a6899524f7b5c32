// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/sysreg.hpp"

/// Registers of the units that write what a guest does to its memory (SPE: Arm ARM D17, TRBE: D6)
/// or to registers (BRBE: D18).
namespace baton::arm64 {

struct PMSCR_EL1 : SystemRegister<PMSCR_EL1, 3, 0, 9, 9, 0> {};
struct PMSNEVFR_EL1 : SystemRegister<PMSNEVFR_EL1, 3, 0, 9, 9, 1> {};
struct PMSICR_EL1 : SystemRegister<PMSICR_EL1, 3, 0, 9, 9, 2> {};
struct PMSIRR_EL1 : SystemRegister<PMSIRR_EL1, 3, 0, 9, 9, 3> {};
struct PMSFCR_EL1 : SystemRegister<PMSFCR_EL1, 3, 0, 9, 9, 4> {};
struct PMSEVFR_EL1 : SystemRegister<PMSEVFR_EL1, 3, 0, 9, 9, 5> {};
struct PMSLATFR_EL1 : SystemRegister<PMSLATFR_EL1, 3, 0, 9, 9, 6> {};
struct PMSIDR_EL1 : SystemRegister<PMSIDR_EL1, 3, 0, 9, 9, 7> {
    /// Filtering by events that did not happen: PMSNEVFR_EL1 exists.
    static constexpr Value FnE = bit(6);
};
struct PMBLIMITR_EL1 : SystemRegister<PMBLIMITR_EL1, 3, 0, 9, 10, 0> {};
struct PMBPTR_EL1 : SystemRegister<PMBPTR_EL1, 3, 0, 9, 10, 1> {};
struct PMBSR_EL1 : SystemRegister<PMBSR_EL1, 3, 0, 9, 10, 3> {};
struct PMBIDR_EL1 : SystemRegister<PMBIDR_EL1, 3, 0, 9, 10, 7> {
    /// The buffer belongs to a higher exception level than this one.
    static constexpr Value P = bit(4);
};

struct TRFCR_EL1 : SystemRegister<TRFCR_EL1, 3, 0, 1, 2, 1> {};
struct TRBLIMITR_EL1 : SystemRegister<TRBLIMITR_EL1, 3, 0, 9, 11, 0> {};
struct TRBPTR_EL1 : SystemRegister<TRBPTR_EL1, 3, 0, 9, 11, 1> {};
struct TRBBASER_EL1 : SystemRegister<TRBBASER_EL1, 3, 0, 9, 11, 2> {};
struct TRBSR_EL1 : SystemRegister<TRBSR_EL1, 3, 0, 9, 11, 3> {};
struct TRBMAR_EL1 : SystemRegister<TRBMAR_EL1, 3, 0, 9, 11, 4> {};
struct TRBTRG_EL1 : SystemRegister<TRBTRG_EL1, 3, 0, 9, 11, 6> {};
struct TRBIDR_EL1 : SystemRegister<TRBIDR_EL1, 3, 0, 9, 11, 7> {
    static constexpr Value P = bit(4);
};

struct BRBCR_EL1 : SystemRegister<BRBCR_EL1, 2, 1, 9, 0, 0> {};
struct BRBFCR_EL1 : SystemRegister<BRBFCR_EL1, 2, 1, 9, 0, 1> {};
struct BRBTS_EL1 : SystemRegister<BRBTS_EL1, 2, 1, 9, 0, 2> {};
struct BRBINFINJ_EL1 : SystemRegister<BRBINFINJ_EL1, 2, 1, 9, 1, 0> {};
struct BRBSRCINJ_EL1 : SystemRegister<BRBSRCINJ_EL1, 2, 1, 9, 1, 1> {};
struct BRBTGTINJ_EL1 : SystemRegister<BRBTGTINJ_EL1, 2, 1, 9, 1, 2> {};

} // namespace baton::arm64
