// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/sysreg.hpp"

/// EL1 and EL0 registers that a guest can write and that a reset of its vCPU gives entry values
/// (Arm ARM D19.2, D19.3; the names and encodings are listed there).
namespace baton::arm64 {

struct SCTLR_EL1 : SystemRegister<SCTLR_EL1, 3, 0, 1, 0, 0> {
    /// The RES1 bits of Armv8.0; MMU and caches off, little-endian.
    static constexpr u64 entry_value = 0x30d0'0800;
    static constexpr Value SPAN = bit(23);
    static constexpr Value DSSBS = bit(44);
};

// Translation and context
struct CPACR_EL1 : SystemRegister<CPACR_EL1, 3, 0, 1, 0, 2> {};
struct TTBR0_EL1 : SystemRegister<TTBR0_EL1, 3, 0, 2, 0, 0> {};
struct TTBR1_EL1 : SystemRegister<TTBR1_EL1, 3, 0, 2, 0, 1> {};
struct TCR_EL1 : SystemRegister<TCR_EL1, 3, 0, 2, 0, 2> {};
struct MAIR_EL1 : SystemRegister<MAIR_EL1, 3, 0, 10, 2, 0> {};
struct AMAIR_EL1 : SystemRegister<AMAIR_EL1, 3, 0, 10, 3, 0> {};
struct CONTEXTIDR_EL1 : SystemRegister<CONTEXTIDR_EL1, 3, 0, 13, 0, 1> {};
struct CSSELR_EL1 : SystemRegister<CSSELR_EL1, 3, 2, 0, 0, 0> {};

// Translation, by later extensions
struct SCTLR2_EL1 : SystemRegister<SCTLR2_EL1, 3, 0, 1, 0, 3> {};
struct TCR2_EL1 : SystemRegister<TCR2_EL1, 3, 0, 2, 0, 3> {};
struct MAIR2_EL1 : SystemRegister<MAIR2_EL1, 3, 0, 10, 2, 1> {};
struct AMAIR2_EL1 : SystemRegister<AMAIR2_EL1, 3, 0, 10, 3, 1> {};
struct PIRE0_EL1 : SystemRegister<PIRE0_EL1, 3, 0, 10, 2, 2> {};
struct PIR_EL1 : SystemRegister<PIR_EL1, 3, 0, 10, 2, 3> {};
struct POR_EL1 : SystemRegister<POR_EL1, 3, 0, 10, 2, 4> {};
struct POR_EL0 : SystemRegister<POR_EL0, 3, 3, 10, 2, 4> {};
struct S2POR_EL1 : SystemRegister<S2POR_EL1, 3, 0, 10, 2, 5> {};
struct RCWSMASK_EL1 : SystemRegister<RCWSMASK_EL1, 3, 0, 13, 0, 3> {};
struct RCWMASK_EL1 : SystemRegister<RCWMASK_EL1, 3, 0, 13, 0, 6> {};
struct LORSA_EL1 : SystemRegister<LORSA_EL1, 3, 0, 10, 4, 0> {};
struct LOREA_EL1 : SystemRegister<LOREA_EL1, 3, 0, 10, 4, 1> {};
struct LORN_EL1 : SystemRegister<LORN_EL1, 3, 0, 10, 4, 2> {};
struct LORC_EL1 : SystemRegister<LORC_EL1, 3, 0, 10, 4, 3> {};

// Exceptions
struct VBAR_EL1 : SystemRegister<VBAR_EL1, 3, 0, 12, 0, 0> {};
struct ESR_EL1 : SystemRegister<ESR_EL1, 3, 0, 5, 2, 0> {};
struct FAR_EL1 : SystemRegister<FAR_EL1, 3, 0, 6, 0, 0> {};
struct PAR_EL1 : SystemRegister<PAR_EL1, 3, 0, 7, 4, 0> {};
struct AFSR0_EL1 : SystemRegister<AFSR0_EL1, 3, 0, 5, 1, 0> {};
struct AFSR1_EL1 : SystemRegister<AFSR1_EL1, 3, 0, 5, 1, 1> {};
struct ELR_EL1 : SystemRegister<ELR_EL1, 3, 0, 4, 0, 1> {};
struct SPSR_EL1 : SystemRegister<SPSR_EL1, 3, 0, 4, 0, 0> {};
struct DISR_EL1 : SystemRegister<DISR_EL1, 3, 0, 12, 1, 1> {};

// Stack and thread pointers
struct SP_EL0 : SystemRegister<SP_EL0, 3, 0, 4, 1, 0> {};
struct SP_EL1 : SystemRegister<SP_EL1, 3, 4, 4, 1, 0> {};
struct TPIDR_EL0 : SystemRegister<TPIDR_EL0, 3, 3, 13, 0, 2> {};
struct TPIDRRO_EL0 : SystemRegister<TPIDRRO_EL0, 3, 3, 13, 0, 3> {};
struct TPIDR_EL1 : SystemRegister<TPIDR_EL1, 3, 0, 13, 0, 4> {};

struct ACCDATA_EL1 : SystemRegister<ACCDATA_EL1, 3, 0, 13, 0, 5> {};

// Timers
struct CNTKCTL_EL1 : SystemRegister<CNTKCTL_EL1, 3, 0, 14, 1, 0> {};
struct CNTP_CTL_EL0 : SystemRegister<CNTP_CTL_EL0, 3, 3, 14, 2, 1> {};
struct CNTP_CVAL_EL0 : SystemRegister<CNTP_CVAL_EL0, 3, 3, 14, 2, 2> {};
struct CNTV_CTL_EL0 : SystemRegister<CNTV_CTL_EL0, 3, 3, 14, 3, 1> {};
struct CNTV_CVAL_EL0 : SystemRegister<CNTV_CVAL_EL0, 3, 3, 14, 3, 2> {};

// PMU
struct PMCR_EL0 : SystemRegister<PMCR_EL0, 3, 3, 9, 12, 0> {
    static constexpr Value P = bit(1);
    static constexpr Value C = bit(2);
    static constexpr Value LC = bit(6);
    static constexpr u64 counters(Value v) { return v.field(11, 5); }
};
struct PMCNTENCLR_EL0 : SystemRegister<PMCNTENCLR_EL0, 3, 3, 9, 12, 2> {};
struct PMOVSCLR_EL0 : SystemRegister<PMOVSCLR_EL0, 3, 3, 9, 12, 3> {};
struct PMSELR_EL0 : SystemRegister<PMSELR_EL0, 3, 3, 9, 12, 5> {};
struct PMXEVTYPER_EL0 : SystemRegister<PMXEVTYPER_EL0, 3, 3, 9, 13, 1> {};
struct PMUSERENR_EL0 : SystemRegister<PMUSERENR_EL0, 3, 3, 9, 14, 0> {};
struct PMINTENCLR_EL1 : SystemRegister<PMINTENCLR_EL1, 3, 0, 9, 14, 2> {};
struct PMCCFILTR_EL0 : SystemRegister<PMCCFILTR_EL0, 3, 3, 14, 15, 7> {};

// Activity monitors
struct AMUSERENR_EL0 : SystemRegister<AMUSERENR_EL0, 3, 3, 13, 2, 3> {};

// Debug
struct MDSCR_EL1 : SystemRegister<MDSCR_EL1, 2, 0, 0, 2, 2> {};
struct MDCCINT_EL1 : SystemRegister<MDCCINT_EL1, 2, 0, 0, 2, 0> {};
struct OSLAR_EL1 : SystemRegister<OSLAR_EL1, 2, 0, 1, 0, 4> {};
struct OSDLR_EL1 : SystemRegister<OSDLR_EL1, 2, 0, 1, 3, 4> {};
struct DBGCLAIMCLR_EL1 : SystemRegister<DBGCLAIMCLR_EL1, 2, 0, 7, 9, 6> {};
template <u32 n>
struct DBGBVR_EL1 : SystemRegister<DBGBVR_EL1<n>, 2, 0, 0, n, 4> {};
template <u32 n>
struct DBGBCR_EL1 : SystemRegister<DBGBCR_EL1<n>, 2, 0, 0, n, 5> {};
template <u32 n>
struct DBGWVR_EL1 : SystemRegister<DBGWVR_EL1<n>, 2, 0, 0, n, 6> {};
template <u32 n>
struct DBGWCR_EL1 : SystemRegister<DBGWCR_EL1<n>, 2, 0, 0, n, 7> {};

// Pointer authentication keys (FEAT_PAuth)
struct APIAKeyLo_EL1 : SystemRegister<APIAKeyLo_EL1, 3, 0, 2, 1, 0> {};
struct APIAKeyHi_EL1 : SystemRegister<APIAKeyHi_EL1, 3, 0, 2, 1, 1> {};
struct APIBKeyLo_EL1 : SystemRegister<APIBKeyLo_EL1, 3, 0, 2, 1, 2> {};
struct APIBKeyHi_EL1 : SystemRegister<APIBKeyHi_EL1, 3, 0, 2, 1, 3> {};
struct APDAKeyLo_EL1 : SystemRegister<APDAKeyLo_EL1, 3, 0, 2, 2, 0> {};
struct APDAKeyHi_EL1 : SystemRegister<APDAKeyHi_EL1, 3, 0, 2, 2, 1> {};
struct APDBKeyLo_EL1 : SystemRegister<APDBKeyLo_EL1, 3, 0, 2, 2, 2> {};
struct APDBKeyHi_EL1 : SystemRegister<APDBKeyHi_EL1, 3, 0, 2, 2, 3> {};
struct APGAKeyLo_EL1 : SystemRegister<APGAKeyLo_EL1, 3, 0, 2, 3, 0> {};
struct APGAKeyHi_EL1 : SystemRegister<APGAKeyHi_EL1, 3, 0, 2, 3, 1> {};

// Guarded control stacks
struct GCSCR_EL1 : SystemRegister<GCSCR_EL1, 3, 0, 2, 5, 0> {};
struct GCSPR_EL1 : SystemRegister<GCSPR_EL1, 3, 0, 2, 5, 1> {};
struct GCSCRE0_EL1 : SystemRegister<GCSCRE0_EL1, 3, 0, 2, 5, 2> {};
struct GCSPR_EL0 : SystemRegister<GCSPR_EL0, 3, 3, 2, 5, 1> {};

// MTE, CSV2, FP8, SVE, SME
struct RGSR_EL1 : SystemRegister<RGSR_EL1, 3, 0, 1, 0, 5> {};
struct GCR_EL1 : SystemRegister<GCR_EL1, 3, 0, 1, 0, 6> {};
struct TFSR_EL1 : SystemRegister<TFSR_EL1, 3, 0, 5, 6, 0> {};
struct TFSRE0_EL1 : SystemRegister<TFSRE0_EL1, 3, 0, 5, 6, 1> {};
struct SCXTNUM_EL1 : SystemRegister<SCXTNUM_EL1, 3, 0, 13, 0, 7> {};
struct SCXTNUM_EL0 : SystemRegister<SCXTNUM_EL0, 3, 3, 13, 0, 7> {};
struct FPMR : SystemRegister<FPMR, 3, 3, 4, 4, 2> {};
struct ZCR_EL1 : SystemRegister<ZCR_EL1, 3, 0, 1, 2, 0> {};
struct SMPRI_EL1 : SystemRegister<SMPRI_EL1, 3, 0, 1, 2, 4> {};
struct SMCR_EL1 : SystemRegister<SMCR_EL1, 3, 0, 1, 2, 6> {};
struct TPIDR2_EL0 : SystemRegister<TPIDR2_EL0, 3, 3, 13, 0, 5> {};

} // namespace baton::arm64
