// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/sysreg.hpp"

/// EL2 control and identification registers (Arm ARM D19). What the MMU, the GIC and the reset of
/// a vCPU need stands with them.
namespace baton::arm64 {

struct HCR_EL2 : SystemRegister<HCR_EL2, 3, 4, 1, 1, 0> {
    static constexpr Value VM = bit(0);
    static constexpr Value SWIO = bit(1);
    static constexpr Value FMO = bit(3);
    static constexpr Value IMO = bit(4);
    static constexpr Value AMO = bit(5);
    static constexpr Value VSE = bit(8);
    static constexpr Value TSC = bit(19);
    static constexpr Value TIDCP = bit(20);
    static constexpr Value RW = bit(31);
    static constexpr Value E2H = bit(34);
    static constexpr Value TLOR = bit(35);
    static constexpr Value APK = bit(40);
    static constexpr Value API = bit(41);
    static constexpr Value EnSCXT = bit(53);
    static constexpr Value ATA = bit(56);
};

struct HCRX_EL2 : SystemRegister<HCRX_EL2, 3, 4, 1, 2, 2> {
    /// EnAS0, EnALS, EnASR, MSCEn, TCR2En, SCTLR2En, PTTWI, D128En, EnSNERR, EnIDCP128, GCSEn and
    /// EnFPM: each lets EL1 use an extension without a trap, and is RES0 where there is none.
    static constexpr u64 guest_enables = 0b111 | 1 << 11 | 0b11 << 14 | 0b111 << 16 | 0b111 << 21;
};

struct ESR_EL2 : SystemRegister<ESR_EL2, 3, 4, 5, 2, 0> {
    static constexpr u64 exception_class(Value v) { return v.field(26, 6); }
    static constexpr u64 iss(Value v) { return v.field(0, 25); }
    static constexpr Value IL = bit(25);
};

/// ESR_ELx.EC (D19.2.37).
enum class ExceptionClass : u64 {
    unknown = 0x00,
    wfx = 0x01,
    sve = 0x19,
    hvc64 = 0x16,
    smc64 = 0x17,
    sysreg = 0x18,
    instruction_abort_lower = 0x20,
    instruction_abort_same = 0x21,
    data_abort_lower = 0x24,
    data_abort_same = 0x25,
    serror = 0x2f,
};

struct FAR_EL2 : SystemRegister<FAR_EL2, 3, 4, 6, 0, 0> {};
struct HPFAR_EL2 : SystemRegister<HPFAR_EL2, 3, 4, 6, 0, 4> {};
struct ELR_EL2 : SystemRegister<ELR_EL2, 3, 4, 4, 0, 1> {};
struct VBAR_EL2 : SystemRegister<VBAR_EL2, 3, 4, 12, 0, 0> {};
struct TPIDR_EL2 : SystemRegister<TPIDR_EL2, 3, 4, 13, 0, 2> {};
struct HSTR_EL2 : SystemRegister<HSTR_EL2, 3, 4, 1, 1, 3> {};
struct HACR_EL2 : SystemRegister<HACR_EL2, 3, 4, 1, 1, 7> {};
struct ACTLR_EL2 : SystemRegister<ACTLR_EL2, 3, 4, 1, 0, 1> {};
struct AFSR0_EL2 : SystemRegister<AFSR0_EL2, 3, 4, 5, 1, 0> {};
struct AFSR1_EL2 : SystemRegister<AFSR1_EL2, 3, 4, 5, 1, 1> {};
struct AMAIR_EL2 : SystemRegister<AMAIR_EL2, 3, 4, 10, 3, 0> {};
struct VPIDR_EL2 : SystemRegister<VPIDR_EL2, 3, 4, 0, 0, 0> {};
struct VMPIDR_EL2 : SystemRegister<VMPIDR_EL2, 3, 4, 0, 0, 5> {};
struct VDISR_EL2 : SystemRegister<VDISR_EL2, 3, 4, 12, 1, 1> {};
struct VSESR_EL2 : SystemRegister<VSESR_EL2, 3, 4, 5, 2, 3> {};

struct SPSR_EL2 : SystemRegister<SPSR_EL2, 3, 4, 4, 0, 0> {
    static constexpr Value M_EL1h = at(0, 0b0101);
    static constexpr Value M_AARCH32 = bit(4);
    static constexpr Value DAIF = at(6, 0b1111);
};

struct CPTR_EL2 : SystemRegister<CPTR_EL2, 3, 4, 1, 1, 2> {
    /// E2H = 0. RES1 bits; TZ (8) and TSM (12) are RES1 where SVE and SME are not.
    static constexpr Value res1 = {0x22ff};
    static constexpr Value TZ = bit(8);
    static constexpr Value TFP = bit(10);
    static constexpr Value TSM = bit(12);
    static constexpr Value TAM = bit(30);
};
struct ZCR_EL2 : SystemRegister<ZCR_EL2, 3, 4, 1, 2, 0> {
    static constexpr u64 longest = 0xf;
};
struct SMCR_EL2 : SystemRegister<SMCR_EL2, 3, 4, 1, 2, 6> {
    /// LEN, EZT0 and FA64; the last two are RES0 where their extension is missing.
    static constexpr u64 all_allowed = 0xf | u64{1} << 30 | u64{1} << 31;
};

struct MDCR_EL2 : SystemRegister<MDCR_EL2, 3, 4, 1, 1, 1> {
    static constexpr Value hpmn(u64 counters) { return at(0, counters); }
    static constexpr Value TPMCR = bit(5);
    static constexpr Value TPM = bit(6);
    static constexpr Value E2PB_el1 = at(12, 0b11);
    static constexpr Value E2TB_el1 = at(24, 0b11);
};

struct CNTHCTL_EL2 : SystemRegister<CNTHCTL_EL2, 3, 4, 14, 1, 0> {
    static constexpr Value EL1PCTEN = bit(0);
    static constexpr Value EL1PCEN = bit(1);
};
struct CNTVOFF_EL2 : SystemRegister<CNTVOFF_EL2, 3, 4, 14, 0, 3> {};
struct CNTHP_CTL_EL2 : SystemRegister<CNTHP_CTL_EL2, 3, 4, 14, 2, 1> {
    static constexpr Value ENABLE = bit(0);
    static constexpr Value IMASK = bit(1);
};
struct CNTHP_CVAL_EL2 : SystemRegister<CNTHP_CVAL_EL2, 3, 4, 14, 2, 2> {};
struct CNTPCT_EL0 : SystemRegister<CNTPCT_EL0, 3, 3, 14, 0, 1> {};
struct CNTFRQ_EL0 : SystemRegister<CNTFRQ_EL0, 3, 3, 14, 0, 0> {};

/// Fine-grained traps (FEAT_FGT): most bits trap when set, those named n... trap when clear.
struct HFGRTR_EL2 : SystemRegister<HFGRTR_EL2, 3, 4, 1, 1, 4> {
    /// nAMAIR2 to nGCS_EL0 and nACCDATA; HFGWTR_EL2 has them at the same places.
    static constexpr u64 no_traps = u64{0xfff4} << 48;
};
struct HFGWTR_EL2 : SystemRegister<HFGWTR_EL2, 3, 4, 1, 1, 5> {};
struct HFGITR_EL2 : SystemRegister<HFGITR_EL2, 3, 4, 1, 1, 6> {
    /// nGCSEPP, nGCSSTR, nGCSPUSHM, nBRBIALL and nBRBINJ.
    static constexpr u64 no_traps = u64{0b11111} << 55;
};
struct HDFGRTR_EL2 : SystemRegister<HDFGRTR_EL2, 3, 4, 3, 1, 4> {
    /// nPMSNEVFR, nBRBDATA, nBRBCTL and nBRBIDR.
    static constexpr u64 no_traps = u64{0b1111} << 59;
};
struct HDFGWTR_EL2 : SystemRegister<HDFGWTR_EL2, 3, 4, 3, 1, 5> {
    /// nPMSNEVFR, nBRBDATA and nBRBCTL.
    static constexpr u64 no_traps = u64{0b111} << 60;
};

struct MIDR_EL1 : SystemRegister<MIDR_EL1, 3, 0, 0, 0, 0> {};
struct MPIDR_EL1 : SystemRegister<MPIDR_EL1, 3, 0, 0, 0, 5> {
    /// Aff3.Aff2.Aff1.Aff0 where a DTB's cpu node and PSCI have them.
    static constexpr u64 affinity_mask = 0xff'00ff'ffff;
};
struct ID_AA64PFR0_EL1 : SystemRegister<ID_AA64PFR0_EL1, 3, 0, 0, 4, 0> {
    static constexpr u64 ras(Value v) { return v.field(28, 4); }
    static constexpr u64 sve(Value v) { return v.field(32, 4); }
    static constexpr u64 amu(Value v) { return v.field(44, 4); }
    static constexpr u64 csv2(Value v) { return v.field(56, 4); }
};
struct ID_AA64PFR2_EL1 : SystemRegister<ID_AA64PFR2_EL1, 3, 0, 0, 4, 2> {
    static constexpr u64 fpmr(Value v) { return v.field(32, 4); }
};
struct ID_AA64PFR1_EL1 : SystemRegister<ID_AA64PFR1_EL1, 3, 0, 0, 4, 1> {
    static constexpr u64 bti(Value v) { return v.field(0, 4); }
    static constexpr u64 mte(Value v) { return v.field(8, 4); }
    static constexpr u64 sme(Value v) { return v.field(24, 4); }
    static constexpr u64 csv2_frac(Value v) { return v.field(32, 4); }
    static constexpr u64 gcs(Value v) { return v.field(44, 4); }
    static constexpr u64 the(Value v) { return v.field(48, 4); }
};
struct ID_AA64DFR0_EL1 : SystemRegister<ID_AA64DFR0_EL1, 3, 0, 0, 5, 0> {
    static constexpr u64 pmu_version(Value v) { return v.field(8, 4); }
    static constexpr u64 breakpoints(Value v) { return v.field(12, 4) + 1; }
    static constexpr u64 watchpoints(Value v) { return v.field(20, 4) + 1; }
    static constexpr u64 spe(Value v) { return v.field(32, 4); }
    static constexpr u64 trace_buffer(Value v) { return v.field(44, 4); }
    static constexpr u64 branch_records(Value v) { return v.field(52, 4); }
};
struct ID_AA64ISAR1_EL1 : SystemRegister<ID_AA64ISAR1_EL1, 3, 0, 0, 6, 1> {
    /// APA and API: either algorithm of pointer authentication.
    static constexpr bool pointer_authentication(Value v) { return v.field(4, 8) != 0; }
    static constexpr u64 ls64(Value v) { return v.field(60, 4); }
};
struct ID_AA64ISAR2_EL1 : SystemRegister<ID_AA64ISAR2_EL1, 3, 0, 0, 6, 2> {
    /// APA3: the third algorithm.
    static constexpr u64 apa3(Value v) { return v.field(12, 4); }
};
struct ID_AA64MMFR0_EL1 : SystemRegister<ID_AA64MMFR0_EL1, 3, 0, 0, 7, 0> {
    static constexpr u64 pa_range(Value v) { return v.field(0, 4); }
    static constexpr u64 fine_grained_traps(Value v) { return v.field(56, 4); }
};
struct ID_AA64MMFR1_EL1 : SystemRegister<ID_AA64MMFR1_EL1, 3, 0, 0, 7, 1> {
    static constexpr u64 lo(Value v) { return v.field(16, 4); }
    static constexpr u64 hcx(Value v) { return v.field(40, 4); }
};
struct ID_AA64MMFR3_EL1 : SystemRegister<ID_AA64MMFR3_EL1, 3, 0, 0, 7, 3> {
    static constexpr u64 tcrx(Value v) { return v.field(0, 4); }
    static constexpr u64 sctlrx(Value v) { return v.field(4, 4); }
    static constexpr u64 s1pie(Value v) { return v.field(8, 4); }
    static constexpr u64 s1poe(Value v) { return v.field(16, 4); }
    static constexpr u64 s2poe(Value v) { return v.field(20, 4); }
    static constexpr u64 aie(Value v) { return v.field(24, 4); }
};

} // namespace baton::arm64
