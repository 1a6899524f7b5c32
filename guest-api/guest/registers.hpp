// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/sysreg.hpp"

/// System registers as a test guest sees them at EL1 (Arm ARM D19; ICC_*: GICv3 specification).
namespace baton::guest {

using namespace arm64;

struct CurrentEL : SystemRegister<CurrentEL, 3, 0, 4, 2, 2> {
    static constexpr Value EL1 = at(2, 1);
};
struct DAIF : SystemRegister<DAIF, 3, 3, 4, 2, 1> {
    static constexpr Value D = bit(9), A = bit(8), I = bit(7), F = bit(6);
};
struct SCTLR_EL1 : SystemRegister<SCTLR_EL1, 3, 0, 1, 0, 0> {
    static constexpr Value M = bit(0), C = bit(2), I = bit(12);
    static constexpr Value EnIA = bit(31);
};
struct CPACR_EL1 : SystemRegister<CPACR_EL1, 3, 0, 1, 0, 2> {
    static constexpr Value ZEN = at(16, 0b11), FPEN = at(20, 0b11), SMEN = at(24, 0b11);
};
struct ZCR_EL1 : SystemRegister<ZCR_EL1, 3, 0, 1, 2, 0> {};
struct ESR_EL1 : SystemRegister<ESR_EL1, 3, 0, 5, 2, 0> {};
struct FAR_EL1 : SystemRegister<FAR_EL1, 3, 0, 6, 0, 0> {};
struct MPIDR_EL1 : SystemRegister<MPIDR_EL1, 3, 0, 0, 0, 5> {
    /// Aff3.Aff2.Aff1.Aff0, as a DTB's cpu node and PSCI have them.
    static constexpr u64 affinity_mask = 0xff'00ff'ffff;
};
struct TPIDR_EL1 : SystemRegister<TPIDR_EL1, 3, 0, 13, 0, 4> {};
struct TTBR0_EL1 : SystemRegister<TTBR0_EL1, 3, 0, 2, 0, 0> {};
struct TTBR1_EL1 : SystemRegister<TTBR1_EL1, 3, 0, 2, 0, 1> {};
struct CONTEXTIDR_EL1 : SystemRegister<CONTEXTIDR_EL1, 3, 0, 13, 0, 1> {};
struct TPIDR_EL0 : SystemRegister<TPIDR_EL0, 3, 3, 13, 0, 2> {};
struct TPIDRRO_EL0 : SystemRegister<TPIDRRO_EL0, 3, 3, 13, 0, 3> {};
struct SP_EL0 : SystemRegister<SP_EL0, 3, 0, 4, 1, 0> {};
struct ELR_EL1 : SystemRegister<ELR_EL1, 3, 0, 4, 0, 1> {};
struct SPSR_EL1 : SystemRegister<SPSR_EL1, 3, 0, 4, 0, 0> {};
struct CSSELR_EL1 : SystemRegister<CSSELR_EL1, 3, 2, 0, 0, 0> {};
struct MDSCR_EL1 : SystemRegister<MDSCR_EL1, 2, 0, 0, 2, 2> {};

struct ID_AA64PFR0_EL1 : SystemRegister<ID_AA64PFR0_EL1, 3, 0, 0, 4, 0> {
    static constexpr bool sve(Value v) { return v.field(32, 4) != 0; }
};
struct ID_AA64PFR1_EL1 : SystemRegister<ID_AA64PFR1_EL1, 3, 0, 0, 4, 1> {
    static constexpr bool sme(Value v) { return v.field(24, 4) != 0; }
};
struct ID_AA64ISAR1_EL1 : SystemRegister<ID_AA64ISAR1_EL1, 3, 0, 0, 6, 1> {
    /// APA, API: address authentication by either algorithm.
    static constexpr bool pauth(Value v) { return v.field(4, 8) != 0; }
};
struct ID_AA64ISAR2_EL1 : SystemRegister<ID_AA64ISAR2_EL1, 3, 0, 0, 6, 2> {
    /// APA3: by the third.
    static constexpr bool pauth(Value v) { return v.field(12, 4) != 0; }
};
struct ID_AA64DFR0_EL1 : SystemRegister<ID_AA64DFR0_EL1, 3, 0, 0, 5, 0> {
    /// 0 and 15: no PMUv3.
    static constexpr u64 pmu(Value v) { return v.field(8, 4); }
};

struct CNTFRQ_EL0 : SystemRegister<CNTFRQ_EL0, 3, 3, 14, 0, 0> {};
struct CNTPCT_EL0 : SystemRegister<CNTPCT_EL0, 3, 3, 14, 0, 1> {};
struct CNTVCT_EL0 : SystemRegister<CNTVCT_EL0, 3, 3, 14, 0, 2> {};
struct CNTP_CTL_EL0 : SystemRegister<CNTP_CTL_EL0, 3, 3, 14, 2, 1> {};
struct CNTP_CVAL_EL0 : SystemRegister<CNTP_CVAL_EL0, 3, 3, 14, 2, 2> {};
struct CNTV_CTL_EL0 : SystemRegister<CNTV_CTL_EL0, 3, 3, 14, 3, 1> {};
struct CNTV_CVAL_EL0 : SystemRegister<CNTV_CVAL_EL0, 3, 3, 14, 3, 2> {};
struct CNTKCTL_EL1 : SystemRegister<CNTKCTL_EL1, 3, 0, 14, 1, 0> {};

struct ICC_SRE_EL1 : SystemRegister<ICC_SRE_EL1, 3, 0, 12, 12, 5> {
    static constexpr Value SRE = bit(0);
};
struct ICC_PMR_EL1 : SystemRegister<ICC_PMR_EL1, 3, 0, 4, 6, 0> {};
struct ICC_BPR0_EL1 : SystemRegister<ICC_BPR0_EL1, 3, 0, 12, 8, 3> {};
struct ICC_BPR1_EL1 : SystemRegister<ICC_BPR1_EL1, 3, 0, 12, 12, 3> {};
struct ICC_CTLR_EL1 : SystemRegister<ICC_CTLR_EL1, 3, 0, 12, 12, 4> {
    static constexpr Value EOImode = bit(1);
};
struct ICC_IGRPEN0_EL1 : SystemRegister<ICC_IGRPEN0_EL1, 3, 0, 12, 12, 6> {};
struct ICC_IGRPEN1_EL1 : SystemRegister<ICC_IGRPEN1_EL1, 3, 0, 12, 12, 7> {};
struct ICC_IAR0_EL1 : SystemRegister<ICC_IAR0_EL1, 3, 0, 12, 8, 0> {};
struct ICC_EOIR0_EL1 : SystemRegister<ICC_EOIR0_EL1, 3, 0, 12, 8, 1> {};
struct ICC_IAR1_EL1 : SystemRegister<ICC_IAR1_EL1, 3, 0, 12, 12, 0> {};
struct ICC_EOIR1_EL1 : SystemRegister<ICC_EOIR1_EL1, 3, 0, 12, 12, 1> {};
struct ICC_HPPIR1_EL1 : SystemRegister<ICC_HPPIR1_EL1, 3, 0, 12, 12, 2> {};
struct ICC_RPR_EL1 : SystemRegister<ICC_RPR_EL1, 3, 0, 12, 11, 3> {};
struct ICC_DIR_EL1 : SystemRegister<ICC_DIR_EL1, 3, 0, 12, 11, 1> {};
struct ICC_AP1R0_EL1 : SystemRegister<ICC_AP1R0_EL1, 3, 0, 12, 9, 0> {};
struct ICC_SGI0R_EL1 : SystemRegister<ICC_SGI0R_EL1, 3, 0, 12, 11, 7> {};
struct ICC_SGI1R_EL1 : SystemRegister<ICC_SGI1R_EL1, 3, 0, 12, 11, 5> {
    /// To every CPU but the sender.
    static constexpr Value IRM = bit(40);
};

struct PMCR_EL0 : SystemRegister<PMCR_EL0, 3, 3, 9, 12, 0> {
    static constexpr Value E = bit(0), C = bit(2), LC = bit(6);
};
struct PMCNTENSET_EL0 : SystemRegister<PMCNTENSET_EL0, 3, 3, 9, 12, 1> {};
struct PMCNTENCLR_EL0 : SystemRegister<PMCNTENCLR_EL0, 3, 3, 9, 12, 2> {};
struct PMOVSCLR_EL0 : SystemRegister<PMOVSCLR_EL0, 3, 3, 9, 12, 3> {};
struct PMOVSSET_EL0 : SystemRegister<PMOVSSET_EL0, 3, 3, 9, 14, 3> {};
struct PMUSERENR_EL0 : SystemRegister<PMUSERENR_EL0, 3, 3, 9, 14, 0> {};
struct PMCCNTR_EL0 : SystemRegister<PMCCNTR_EL0, 3, 3, 9, 13, 0> {};
struct PMCCFILTR_EL0 : SystemRegister<PMCCFILTR_EL0, 3, 3, 14, 15, 7> {};
struct PMINTENSET_EL1 : SystemRegister<PMINTENSET_EL1, 3, 0, 9, 14, 1> {};
struct PMINTENCLR_EL1 : SystemRegister<PMINTENCLR_EL1, 3, 0, 9, 14, 2> {};

} // namespace baton::guest
