// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/cpu/entry_state.hpp"

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/el1_registers.hpp"
#include "arch/arm64/cpu/registers.hpp"
#include "arch/arm64/gic/registers.hpp"
#include "arch/arm64/mmu/registers.hpp"

namespace baton::arm64 {
namespace {

/// Registers that exist together. They are restored in their order.
template <class... Registers>
struct Group {
    static constexpr usize size = sizeof...(Registers);
    static u64* save(u64* to) { return ((*to++ = read_raw<Registers>()), ..., to); }
    static const u64* restore(const u64* from) {
        return (write_raw<Registers>(*from++), ..., from);
    }
};

using Base = Group<MDCR_EL2, CNTHCTL_EL2, CNTVOFF_EL2, CNTHP_CTL_EL2, CNTHP_CVAL_EL2, HSTR_EL2,
                   HACR_EL2, VPIDR_EL2, VMPIDR_EL2, VTCR_EL2, VTTBR_EL2, ACTLR_EL2, AFSR0_EL2,
                   AFSR1_EL2, AMAIR_EL2, ELR_EL2, SPSR_EL2, ESR_EL2, FAR_EL2, HPFAR_EL2>;
/// Of EL1 what a reset leaves to the implementation.
using Reset = Group<SCTLR_EL1>;
using Pmu = Group<PMCR_EL0>;
using Vectors = Group<ZCR_EL2>;
using Matrices = Group<SMCR_EL2>;
using MoreControls = Group<HCRX_EL2>;
using FineTraps = Group<HFGRTR_EL2, HFGWTR_EL2, HFGITR_EL2, HDFGRTR_EL2, HDFGWTR_EL2>;
/// ICC_IGRPEN1_EL1 last: the rest changes while nothing is signalled.
using Interrupts =
    Group<ICC_PMR_EL1, ICC_BPR1_EL1, ICC_CTLR_EL1, ICH_VMCR_EL2, ICH_HCR_EL2, ICC_IGRPEN1_EL1>;

struct Features {
    u64 pmu = ID_AA64DFR0_EL1::pmu_version(read<ID_AA64DFR0_EL1>());
    bool sve = ID_AA64PFR0_EL1::sve(read<ID_AA64PFR0_EL1>()) != 0;
    bool sme = ID_AA64PFR1_EL1::sme(read<ID_AA64PFR1_EL1>()) != 0;
    bool hcx = ID_AA64MMFR1_EL1::hcx(read<ID_AA64MMFR1_EL1>()) != 0;
    bool fgt = ID_AA64MMFR0_EL1::fine_grained_traps(read<ID_AA64MMFR0_EL1>()) != 0;
};

/// Calls visit(group) for all groups that this CPU has.
template <class Visit>
void for_each_group(Visit visit) {
    const Features has;
    visit(Interrupts{});
    visit(Base{});
    visit(Reset{});
    if (has.pmu != 0 && has.pmu != 0xf) {
        visit(Pmu{});
    }
    if (has.sve) {
        visit(Vectors{});
    }
    if (has.sme) {
        visit(Matrices{});
    }
    if (has.hcx) {
        visit(MoreControls{});
    }
    if (has.fgt) {
        visit(FineTraps{});
    }
}

} // namespace

void EntryState::save() {
    static_assert(2 + Base::size + Reset::size + Pmu::size + Vectors::size + Matrices::size +
                      MoreControls::size + FineTraps::size + Interrupts::size <=
                  room);
    u64* at = registers_.data();
    *at++ = read_raw<CPTR_EL2>();
    *at++ = read_raw<ICC_SRE_EL2>();
    // ZCR_EL2 and SMCR_EL2 trap while TZ and TSM are set; without SRE the other registers of the
    // CPU interface are UNDEFINED.
    write(read<CPTR_EL2>().without(CPTR_EL2::TZ | CPTR_EL2::TSM));
    write(read<ICC_SRE_EL2>() | ICC_SRE_EL2::SRE | ICC_SRE_EL2::Enable);
    isb();
    for_each_group([&](auto group) { at = group.save(at); });
}

void EntryState::restore() const {
    const u64* const first = registers_.data();
    const u64* at = first + 2;
    for_each_group([&](auto group) { at = group.restore(at); });
    isb(); // What the two below would make trap has been written.
    write_raw<CPTR_EL2>(first[0]);
    // SRE stays: going from 1 to 0 is UNPREDICTABLE where legacy operation exists (IHI 0069, 12.2).
    write_raw<ICC_SRE_EL2>(first[1] | ICC_SRE_EL2::SRE.value);
    isb();
}

} // namespace baton::arm64
