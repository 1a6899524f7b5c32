// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/cpu/el2_setup.hpp"

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/el1_registers.hpp"

// An extension that the ID registers do not tell of is closed where there is a control for it: what
// a CPU has of it all the same (an emulator's `pmu=off`) no step of a handover would clean.

namespace baton::arm64 {
namespace {

void set_hcr() {
    const auto pfr1 = read<ID_AA64PFR1_EL1>();
    // SWIO turns a guest's DC ISW into a clean-and-invalidate: it may not discard Baton's lines.
    auto hcr = HCR_EL2::VM | HCR_EL2::SWIO | HCR_EL2::FMO | HCR_EL2::IMO | HCR_EL2::AMO |
               HCR_EL2::TSC | HCR_EL2::TIDCP | HCR_EL2::RW;
    if (ID_AA64ISAR1_EL1::pointer_authentication(read<ID_AA64ISAR1_EL1>()) ||
        ID_AA64ISAR2_EL1::apa3(read<ID_AA64ISAR2_EL1>()) != 0) {
        hcr = hcr | HCR_EL2::APK | HCR_EL2::API;
    }
    if (ID_AA64PFR1_EL1::mte(pfr1) >= 2) {
        hcr = hcr | HCR_EL2::ATA;
    }
    if (ID_AA64PFR0_EL1::csv2(read<ID_AA64PFR0_EL1>()) >= 2 ||
        ID_AA64PFR1_EL1::csv2_frac(pfr1) >= 2) {
        hcr = hcr | HCR_EL2::EnSCXT;
    }
    if (ID_AA64MMFR1_EL1::lo(read<ID_AA64MMFR1_EL1>()) == 0) {
        hcr = hcr | HCR_EL2::TLOR;
    }
    write(hcr);
}

void allow_vector_units() {
    const bool sve = ID_AA64PFR0_EL1::sve(read<ID_AA64PFR0_EL1>()) != 0;
    const bool sme = ID_AA64PFR1_EL1::sme(read<ID_AA64PFR1_EL1>()) != 0;
    auto cptr = CPTR_EL2::res1;
    if (!sve) {
        cptr = cptr | CPTR_EL2::TZ;
    }
    if (!sme) {
        cptr = cptr | CPTR_EL2::TSM;
    }
    if (ID_AA64PFR0_EL1::amu(read<ID_AA64PFR0_EL1>()) == 0) {
        cptr = cptr | CPTR_EL2::TAM;
    }
    write(cptr);
    isb(); // ZCR_EL2 and SMCR_EL2 trap while TZ and TSM are set.
    // The longest vectors there are: a kernel limits them further in ZCR_EL1 and SMCR_EL1.
    if (sve) {
        write_raw<ZCR_EL2>(ZCR_EL2::longest);
    }
    if (sme) {
        write_raw<SMCR_EL2>(SMCR_EL2::all_allowed);
    }
}

void allow_pmu_and_debug() {
    const auto features = read<ID_AA64DFR0_EL1>();
    const u64 pmu = ID_AA64DFR0_EL1::pmu_version(features);
    auto mdcr = MDCR_EL2::Value{};
    if (pmu != 0 && pmu != 0xf) {
        mdcr = mdcr | MDCR_EL2::hpmn(PMCR_EL0::counters(read<PMCR_EL0>()));
    } else {
        mdcr = mdcr | MDCR_EL2::TPM | MDCR_EL2::TPMCR;
    }
    if (ID_AA64DFR0_EL1::spe(features) != 0) {
        mdcr = mdcr | MDCR_EL2::E2PB_el1;
    }
    if (ID_AA64DFR0_EL1::trace_buffer(features) != 0) {
        mdcr = mdcr | MDCR_EL2::E2TB_el1;
    }
    write(mdcr);
}

void allow_later_extensions() {
    if (ID_AA64MMFR1_EL1::hcx(read<ID_AA64MMFR1_EL1>()) != 0) {
        write_raw<HCRX_EL2>(HCRX_EL2::guest_enables);
    }
    if (ID_AA64MMFR0_EL1::fine_grained_traps(read<ID_AA64MMFR0_EL1>()) != 0) {
        write_raw<HFGRTR_EL2>(HFGRTR_EL2::no_traps);
        write_raw<HFGWTR_EL2>(HFGRTR_EL2::no_traps);
        write_raw<HFGITR_EL2>(HFGITR_EL2::no_traps);
        write_raw<HDFGRTR_EL2>(HDFGRTR_EL2::no_traps);
        write_raw<HDFGWTR_EL2>(HDFGWTR_EL2::no_traps);
    }
}

void pass_counters_through() {
    write(CNTHCTL_EL2::EL1PCTEN | CNTHCTL_EL2::EL1PCEN);
    // The boot protocol wants it equal on all CPUs; zero also survives a handover unchanged.
    write_raw<CNTVOFF_EL2>(0);
    write_raw<CNTHP_CTL_EL2>(0);
}

} // namespace

void configure_el2() {
    set_hcr();
    write_raw<HSTR_EL2>(0);
    write_raw<VPIDR_EL2>(read_raw<MIDR_EL1>());
    write_raw<VMPIDR_EL2>(read_raw<MPIDR_EL1>());
    allow_vector_units();
    allow_pmu_and_debug();
    allow_later_extensions();
    pass_counters_through();
    isb(); // In force before a guest is entered or its registers are reset.
}

} // namespace baton::arm64
