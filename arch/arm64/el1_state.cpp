// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/el1_state.hpp"

#include "arch/arm64/barrier.hpp"
#include "arch/arm64/el1_registers.hpp"
#include "arch/arm64/registers.hpp"

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

template <u32... n>
void zero_breakpoints(u64 count, std::integer_sequence<u32, n...>) {
    ((n < count ? zero<DBGBCR_EL1<n>, DBGBVR_EL1<n>>() : void()), ...);
}
template <u32... n>
void zero_watchpoints(u64 count, std::integer_sequence<u32, n...>) {
    ((n < count ? zero<DBGWCR_EL1<n>, DBGWVR_EL1<n>>() : void()), ...);
}

void reset_translation_and_exceptions() {
    write_raw<SCTLR_EL1>(SCTLR_EL1::entry_value);
    zero<CPACR_EL1, TTBR0_EL1, TTBR1_EL1, TCR_EL1, MAIR_EL1, AMAIR_EL1, CONTEXTIDR_EL1>();
    zero<VBAR_EL1, ESR_EL1, FAR_EL1, PAR_EL1, AFSR0_EL1, AFSR1_EL1, ELR_EL1, SPSR_EL1>();
    zero<SP_EL0, SP_EL1, TPIDR_EL0, TPIDRRO_EL0, TPIDR_EL1, CSSELR_EL1>();
}

void reset_extensions() {
    const auto pfr0 = read<ID_AA64PFR0_EL1>();
    const auto pfr1 = read<ID_AA64PFR1_EL1>();
    if (ID_AA64ISAR1_EL1::pointer_authentication(read<ID_AA64ISAR1_EL1>()) ||
        ID_AA64ISAR2_EL1::apa3(read<ID_AA64ISAR2_EL1>()) != 0) {
        zero<APIAKeyLo_EL1, APIAKeyHi_EL1, APIBKeyLo_EL1, APIBKeyHi_EL1, APDAKeyLo_EL1,
             APDAKeyHi_EL1, APDBKeyLo_EL1, APDBKeyHi_EL1, APGAKeyLo_EL1, APGAKeyHi_EL1>();
    }
    if (ID_AA64PFR1_EL1::mte(pfr1) >= 2) {
        zero<GCR_EL1, RGSR_EL1, TFSR_EL1, TFSRE0_EL1>();
    }
    if (ID_AA64PFR0_EL1::csv2(pfr0) >= 2 || ID_AA64PFR1_EL1::csv2_frac(pfr1) >= 2) {
        zero<SCXTNUM_EL1, SCXTNUM_EL0>();
    }
    if (ID_AA64PFR0_EL1::ras(pfr0) != 0) {
        zero<DISR_EL1>();
    }
    // Streaming mode has registers of its own: it is left before the others are zeroed.
    if (ID_AA64PFR1_EL1::sme(pfr1) != 0) {
        leave_sme_modes();
        zero<SMCR_EL1, TPIDR2_EL0>();
    }
    zero_fp_registers();
    if (ID_AA64PFR0_EL1::sve(pfr0) != 0) {
        zero_sve_registers();
        zero<ZCR_EL1>();
    }
}

} // namespace

void stop_timers() {
    zero<CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTKCTL_EL1>();
    isb(); // The lines are low before the GIC is looked at.
}

void stop_pmu() {
    const u64 version = ID_AA64DFR0_EL1::pmu_version(read<ID_AA64DFR0_EL1>());
    if (version == 0 || version == 0xf) {
        return;
    }
    constexpr u64 all = ~u64{0} >> 32;
    write_raw<PMCNTENCLR_EL0>(all);
    write_raw<PMINTENCLR_EL1>(all);
    write(PMCR_EL0::P | PMCR_EL0::C | PMCR_EL0::LC);
    // Counters are reset before their overflow flags go, so none can be set again.
    isb();
    write_raw<PMOVSCLR_EL0>(all);
    const u64 counters = PMCR_EL0::counters(read<PMCR_EL0>());
    for (u64 n = 0; n < counters; n++) {
        write_raw<PMSELR_EL0>(n);
        isb(); // PMXEVTYPER names the counter that PMSELR selects.
        zero<PMXEVTYPER_EL0>();
    }
    zero<PMSELR_EL0, PMCCFILTR_EL0, PMUSERENR_EL0>();
    isb(); // The overflow line is low before the GIC is looked at.
}

void stop_debug() {
    zero<MDSCR_EL1, MDCCINT_EL1>();
    const auto features = read<ID_AA64DFR0_EL1>();
    zero_breakpoints(ID_AA64DFR0_EL1::breakpoints(features), std::make_integer_sequence<u32, 16>{});
    zero_watchpoints(ID_AA64DFR0_EL1::watchpoints(features), std::make_integer_sequence<u32, 16>{});
    zero<OSDLR_EL1>();
    write_raw<DBGCLAIMCLR_EL1>(0xff);
    // As after a cold reset: the OS lock is set (Arm ARM D19.3, OSLSR_EL1.OSLK).
    write_raw<OSLAR_EL1>(1);
    isb();
}

void reset_el1_registers() {
    write(read<HCR_EL2>().without(HCR_EL2::VSE));
    reset_translation_and_exceptions();
    reset_extensions();
    isb(); // The guest is entered with all of it in force.
}

} // namespace baton::arm64
