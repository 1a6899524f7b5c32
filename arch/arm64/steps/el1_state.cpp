// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/steps/el1_state.hpp"

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/el1_registers.hpp"
#include "arch/arm64/cpu/registers.hpp"
#include "arch/arm64/steps/trace_buffers.hpp"

#include <utility>

namespace baton::arm64 {

extern "C" void zero_fp_registers();
extern "C" void zero_sve_registers();
extern "C" void leave_sme_modes();

namespace {

template <class... Registers>
void zero() {
    (write_raw<Registers>(0), ...);
}
template <class... Registers>
void zero_if(bool there_are) {
    if (there_are) {
        zero<Registers...>();
    }
}

template <u32... n>
void zero_breakpoints(u64 count, std::integer_sequence<u32, n...>) {
    (zero_if<DBGBCR_EL1<n>, DBGBVR_EL1<n>>(n < count), ...);
}
template <u32... n>
void zero_watchpoints(u64 count, std::integer_sequence<u32, n...>) {
    (zero_if<DBGWCR_EL1<n>, DBGWVR_EL1<n>>(n < count), ...);
}

bool has_pmu() {
    const u64 version = ID_AA64DFR0_EL1::pmu_version(read<ID_AA64DFR0_EL1>());
    return version != 0 && version != 0xf;
}
constexpr u64 all_counters = ~u64{0} >> 32;

} // namespace

// The ISB of each stop_: the line is low before the GIC is looked at.

void stop_physical_timer() {
    zero<CNTP_CTL_EL0, CNTP_CVAL_EL0>();
    isb();
}
void stop_virtual_timer() {
    zero<CNTV_CTL_EL0, CNTV_CVAL_EL0>();
    isb();
}
void close_counters() { zero<CNTKCTL_EL1>(); }

void stop_counting() {
    if (has_pmu()) {
        write_raw<PMCNTENCLR_EL0>(all_counters);
    }
}
void reset_counters() {
    if (has_pmu()) {
        write(PMCR_EL0::P | PMCR_EL0::C | PMCR_EL0::LC);
    }
}
void clear_overflows() {
    if (has_pmu()) {
        isb(); // Counters stand still before their overflow flags go, so none can be set again.
        write_raw<PMOVSCLR_EL0>(all_counters);
        isb();
    }
}
void mask_overflows() {
    if (has_pmu()) {
        write_raw<PMINTENCLR_EL1>(all_counters);
        isb();
    }
}
void clear_events() {
    if (!has_pmu()) {
        return;
    }
    const u64 counters = PMCR_EL0::counters(read<PMCR_EL0>());
    for (u64 n = 0; n < counters; n++) {
        write_raw<PMSELR_EL0>(n);
        isb(); // PMXEVTYPER names the counter that PMSELR selects.
        zero<PMXEVTYPER_EL0>();
    }
    zero<PMSELR_EL0, PMCCFILTR_EL0>();
}
void close_pmu() {
    zero_if<PMUSERENR_EL0>(has_pmu());
    zero_if<AMUSERENR_EL0>(ID_AA64PFR0_EL1::amu(read<ID_AA64PFR0_EL1>()) != 0);
}

void stop_profiling() { trace::stop_profiling(trace::Registers{}); }
void stop_tracing() { trace::stop_tracing(trace::Registers{}); }
void stop_branch_records() { trace::stop_branch_records(trace::Registers{}); }

void stop_monitor_debug() { zero<MDSCR_EL1, MDCCINT_EL1>(); }
void clear_breakpoints() {
    zero_breakpoints(ID_AA64DFR0_EL1::breakpoints(read<ID_AA64DFR0_EL1>()),
                     std::make_integer_sequence<u32, 16>{});
}
void clear_watchpoints() {
    zero_watchpoints(ID_AA64DFR0_EL1::watchpoints(read<ID_AA64DFR0_EL1>()),
                     std::make_integer_sequence<u32, 16>{});
}
void clear_claims() { write_raw<DBGCLAIMCLR_EL1>(0xff); }
void lock_debug() {
    zero<OSDLR_EL1>();
    write_raw<OSLAR_EL1>(1);
    isb();
}

void reset_control() {
    write_raw<SCTLR_EL1>(SCTLR_EL1::entry_value);
    zero<CPACR_EL1>();
    zero_if<SCTLR2_EL1>(ID_AA64MMFR3_EL1::sctlrx(read<ID_AA64MMFR3_EL1>()) != 0);
}

void reset_translation() {
    zero<TTBR0_EL1, TTBR1_EL1, TCR_EL1, MAIR_EL1, AMAIR_EL1, CONTEXTIDR_EL1, CSSELR_EL1>();
    const auto mmfr3 = read<ID_AA64MMFR3_EL1>();
    zero_if<TCR2_EL1>(ID_AA64MMFR3_EL1::tcrx(mmfr3) != 0);
    zero_if<MAIR2_EL1, AMAIR2_EL1>(ID_AA64MMFR3_EL1::aie(mmfr3) != 0);
    zero_if<PIR_EL1, PIRE0_EL1>(ID_AA64MMFR3_EL1::s1pie(mmfr3) != 0);
    zero_if<POR_EL1, POR_EL0>(ID_AA64MMFR3_EL1::s1poe(mmfr3) != 0);
    zero_if<S2POR_EL1>(ID_AA64MMFR3_EL1::s2poe(mmfr3) != 0);
    zero_if<RCWMASK_EL1, RCWSMASK_EL1>(ID_AA64PFR1_EL1::the(read<ID_AA64PFR1_EL1>()) != 0);
    zero_if<LORC_EL1, LORSA_EL1, LOREA_EL1, LORN_EL1>(
        ID_AA64MMFR1_EL1::lo(read<ID_AA64MMFR1_EL1>()) != 0);
}

void reset_exceptions() {
    zero<VBAR_EL1, ESR_EL1, FAR_EL1, PAR_EL1, AFSR0_EL1, AFSR1_EL1, ELR_EL1, SPSR_EL1>();
}

void clear_errors() {
    write(read<HCR_EL2>().without(HCR_EL2::VSE));
    // HCR_EL2.AMO gives EL1 the virtual one of the two DISRs.
    zero_if<VSESR_EL2, VDISR_EL2, DISR_EL1>(ID_AA64PFR0_EL1::ras(read<ID_AA64PFR0_EL1>()) != 0);
}

void reset_threads() {
    zero<SP_EL0, SP_EL1, TPIDR_EL0, TPIDRRO_EL0, TPIDR_EL1>();
    constexpr u64 has_accdata = 3;
    zero_if<ACCDATA_EL1>(ID_AA64ISAR1_EL1::ls64(read<ID_AA64ISAR1_EL1>()) >= has_accdata);
    zero_if<SCXTNUM_EL1, SCXTNUM_EL0>(ID_AA64PFR0_EL1::csv2(read<ID_AA64PFR0_EL1>()) >= 2 ||
                                      ID_AA64PFR1_EL1::csv2_frac(read<ID_AA64PFR1_EL1>()) >= 2);
}

void clear_keys() {
    zero_if<APIAKeyLo_EL1, APIAKeyHi_EL1, APIBKeyLo_EL1, APIBKeyHi_EL1, APDAKeyLo_EL1,
            APDAKeyHi_EL1, APDBKeyLo_EL1, APDBKeyHi_EL1, APGAKeyLo_EL1, APGAKeyHi_EL1>(
        ID_AA64ISAR1_EL1::pointer_authentication(read<ID_AA64ISAR1_EL1>()) ||
        ID_AA64ISAR2_EL1::apa3(read<ID_AA64ISAR2_EL1>()) != 0);
}

void reset_tagging() {
    zero_if<GCR_EL1, RGSR_EL1, TFSR_EL1, TFSRE0_EL1>(
        ID_AA64PFR1_EL1::mte(read<ID_AA64PFR1_EL1>()) >= 2);
}

void reset_control_stacks() {
    zero_if<GCSCR_EL1, GCSCRE0_EL1, GCSPR_EL1, GCSPR_EL0>(
        ID_AA64PFR1_EL1::gcs(read<ID_AA64PFR1_EL1>()) != 0);
}

void reset_vectors() {
    // Streaming mode has registers of its own: it is left before the others are zeroed.
    if (ID_AA64PFR1_EL1::sme(read<ID_AA64PFR1_EL1>()) != 0) {
        leave_sme_modes();
        zero<SMCR_EL1, SMPRI_EL1, TPIDR2_EL0>();
    }
    zero_fp_registers();
    zero_if<FPMR>(ID_AA64PFR2_EL1::fpmr(read<ID_AA64PFR2_EL1>()) != 0);
    if (ID_AA64PFR0_EL1::sve(read<ID_AA64PFR0_EL1>()) != 0) {
        zero_sve_registers();
        zero<ZCR_EL1>();
    }
}

} // namespace baton::arm64
