// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/entry_record.hpp"

#include "guest-api/guest/registers.hpp"

namespace baton::guest {

namespace {

template <class Register>
constexpr ResetRegister entry(std::string_view name, u64 dirty, u64 defined = ~u64{0}) {
    return {name, &Register::load, &Register::store, dirty, defined};
}

/// CNTx_CTL_EL0.ISTATUS is unknown while the timer is off.
constexpr u64 timer_control = 0b011;

constexpr ResetRegister table[] = {
    entry<TTBR1_EL1>("TTBR1_EL1", 0x0012'3000),
    entry<CONTEXTIDR_EL1>("CONTEXTIDR_EL1", 0x1234'5678),
    entry<TPIDR_EL0>("TPIDR_EL0", 0x1122'3344'5566'7788),
    entry<TPIDRRO_EL0>("TPIDRRO_EL0", 0x2233'4455'6677'8899),
    entry<SP_EL0>("SP_EL0", 0x0001'2340),
    entry<ELR_EL1>("ELR_EL1", 0x0004'5670),
    entry<SPSR_EL1>("SPSR_EL1", 0x3c5),
    entry<ESR_EL1>("ESR_EL1", 0x5600'0000),
    entry<FAR_EL1>("FAR_EL1", 0x0099'9990),
    entry<CSSELR_EL1>("CSSELR_EL1", 0b10),
    entry<CPACR_EL1>("CPACR_EL1", CPACR_EL1::FPEN.value),
    entry<MDSCR_EL1>("MDSCR_EL1", 1 << 12),
    entry<CNTKCTL_EL1>("CNTKCTL_EL1", 0b11),
    entry<CNTP_CTL_EL0>("CNTP_CTL_EL0", 0b11, timer_control),
    entry<CNTV_CTL_EL0>("CNTV_CTL_EL0", 0b11, timer_control),
    entry<ICC_PMR_EL1>("ICC_PMR_EL1", 0xf8),
    entry<ICC_BPR0_EL1>("ICC_BPR0_EL1", 4),
    entry<ICC_BPR1_EL1>("ICC_BPR1_EL1", 4),
    entry<ICC_CTLR_EL1>("ICC_CTLR_EL1", ICC_CTLR_EL1::EOImode.value),
    entry<ICC_IGRPEN0_EL1>("ICC_IGRPEN0_EL1", 1),
    entry<ICC_IGRPEN1_EL1>("ICC_IGRPEN1_EL1", 1),
    entry<ICC_AP1R0_EL1>("ICC_AP1R0_EL1", 1 << 20),
    // From here on only with a PMU.
    entry<PMCR_EL0>("PMCR_EL0", 0b1, 0b1'1111),
    entry<PMCNTENSET_EL0>("PMCNTENSET_EL0", u64{1} << 31),
    entry<PMINTENSET_EL1>("PMINTENSET_EL1", u64{1} << 31),
    entry<PMOVSSET_EL0>("PMOVSSET_EL0", u64{1} << 31),
    entry<PMUSERENR_EL0>("PMUSERENR_EL0", 0b1),
    entry<PMCCFILTR_EL0>("PMCCFILTR_EL0", u64{1} << 30),
};
constexpr usize pmu_registers = 6;
static_assert(std::size(table) <= max_reset_registers);

} // namespace

std::span<const ResetRegister> reset_registers() {
    const u64 pmu = ID_AA64DFR0_EL1::pmu(read<ID_AA64DFR0_EL1>());
    return std::span{table}.first(std::size(table) - (pmu == 0 || pmu == 15 ? pmu_registers : 0));
}

void record_registers(EntryRecord& record) {
    for (usize i = 0; const ResetRegister& reg : reset_registers()) {
        record.registers[i++] = reg.read() & reg.defined;
    }
}

} // namespace baton::guest
