// SPDX-License-Identifier: BSD-2-Clause
//
// Every system register of AArch64 that software at EL1 or EL0 can write (Arm ARM D19, and what its
// extensions have added), with what a kernel finds in it. docs/clean-cores.md is about the same,
// and tests/tools/test_register_table.py compares this table with the assembler's and with Baton's.
//
// Not here, as they keep nothing of their own: views of what stands here (CNTx_TVAL, PMXEVTYPER,
// PMXEVCNTR, the CLR halves of SET/CLR pairs), commands (PMSWINC, ICC_SGI1R, ICC_EOIR1, ICC_DIR),
// and the debugger's channel (DBGDTR_EL0). ERX* are views of the error records of the machine.

#include "guest-api/guest/gic.hpp"
#include "tests/guests/entry_registers.hpp"

namespace baton::guest {

namespace {

/// What stands here about a register; by default a kernel finds 0.
struct Content {
    u64 flips = 0;
    std::optional<u64> entry = 0;
    u64 defined = ~u64{0};
    std::string_view why_not = {};
    u64 EntryState::* found = nullptr;
};
constexpr auto model_s_own = std::nullopt;

template <u32 op0, u32 op1, u32 crn, u32 crm, u32 op2>
using Any = SystemRegister<struct AnyRegister, op0, op1, crn, crm, op2>;

/// An emulator may take a register for a NOP, which leaves the destination alone: it reads as 0.
template <u32 op0, u32 op1, u32 crn, u32 crm, u32 op2>
u64 load() {
    u64 value = 0;
    asm volatile("mrs %0, S%c1_%c2_C%c3_C%c4_%c5"
                 : "+r"(value)
                 : "i"(op0), "i"(op1), "i"(crn), "i"(crm), "i"(op2)
                 : "memory");
    return value;
}

constexpr Register with(std::string_view name, std::optional<u32> number, u64 (*read)(),
                        void (*write)(u64), Content is) {
    return {name, number, read, write, is.flips, is.entry, is.defined, is.why_not, is.found};
}
template <u32 op0, u32 op1, u32 crn, u32 crm, u32 op2>
constexpr Register row(std::string_view name, Content content,
                       std::optional<u32> number = std::nullopt) {
    return with(name, number, &load<op0, op1, crn, crm, op2>, &Any<op0, op1, crn, crm, op2>::store,
                content);
}

constexpr u64 bit(u32 n) { return u64{1} << n; }
constexpr u64 low(u32 count) { return bit(count) - 1; }
constexpr u64 word = 0x1234'5678'9abc'def0;

using SVCR = Any<3, 3, 4, 2, 2>;

// FP and SVE registers as one each: the OR of all of them.
extern "C" {
u64 join_q_registers();
u64 join_sve_registers();
void fill_q_registers();
void fill_sve_registers(u64 streaming);
}
u64 is_streaming() { return ID_AA64PFR1_EL1::sme(read<ID_AA64PFR1_EL1>()) ? SVCR::load() & 1 : 0; }
/// In streaming mode V registers and FFR cannot be read.
u64 join_q() { return is_streaming() ? ~u64{0} : join_q_registers(); }
void fill_q(u64) {
    if (!is_streaming()) {
        fill_q_registers();
    }
}
u64 join_sve() {
    if (is_streaming()) {
        return ~u64{0};
    }
    const u64 length = read_raw<ZCR_EL1>();
    write_raw<ZCR_EL1>(low(4)); // all there is
    isb();
    const u64 joined = join_sve_registers();
    write_raw<ZCR_EL1>(length);
    isb();
    return joined;
}
/// Streaming mode has vectors of its own, so half of the CPUs are left in it.
void fill_svcr(u64 value) {
    if (this_cpu().index % 2 != 0) {
        SVCR::store(value);
    }
}

// The OS lock is written by one register and read by another; so are claim tags.
using OSLAR_EL1 = Any<2, 0, 1, 0, 4>;
using OSLSR_EL1 = Any<2, 0, 1, 1, 4>;
using DBGCLAIMSET_EL1 = Any<2, 0, 7, 8, 6>;
using DBGCLAIMCLR_EL1 = Any<2, 0, 7, 9, 6>;

constexpr std::string_view el3 = "EL3 may keep it for itself, and an access would go there";
constexpr std::string_view fgt2 = "of CPUs with FEAT_FGT2, which Baton does not know yet";
constexpr std::string_view debugger =
    "the external debugger's; QEMU does not even have all of them";
constexpr u64 timer_control = 0b011; // ISTATUS is unknown while the timer is off

constexpr Register first[] = {
    // An exception changes these.
    row<3, 0, 4, 0, 1>("ELR_EL1", {word}),
    row<3, 0, 4, 0, 0>("SPSR_EL1", {0x3c5}),
    row<3, 0, 5, 2, 0>("ESR_EL1", {0x5600'0000}),
    row<3, 0, 6, 0, 0>("FAR_EL1", {word}),

    // Access to FP, SVE and SME; SCTLR_EL1's reset value differs from model to model.
    row<3, 0, 1, 0, 2>("CPACR_EL1", {0x0333'0000}),
    row<3, 0, 1, 0, 0>("SCTLR_EL1",
                       {.flips = bit(9) | bit(14) | bit(15) | bit(16) | bit(18) | bit(26),
                        .entry = 0x30d0'0800,
                        .found = &EntryState::sctlr}),
    row<3, 0, 1, 0, 1>("ACTLR_EL1", {.entry = model_s_own,
                                     .why_not = "IMPLEMENTATION DEFINED; RES0 on these CPUs"}),
    row<3, 0, 1, 0, 3>("SCTLR2_EL1", {}),

    // Translation. What is in use is only marked: an ASID, attributes of no page, spare bits.
    row<3, 0, 2, 0, 0>("TTBR0_EL1", {.flips = u64{0x34} << 48, .found = &EntryState::ttbr0}),
    row<3, 0, 2, 0, 1>("TTBR1_EL1", {u64{0x56} << 48 | 0x12'3000}),
    row<3, 0, 2, 0, 2>("TCR_EL1",
                       {.flips = low(6) << 24 | bit(37) | bit(38), .found = &EntryState::tcr}),
    row<3, 0, 2, 0, 3>("TCR2_EL1", {}),
    row<3, 0, 10, 2, 0>("MAIR_EL1", {.flips = 0x4444'4444'4444'0000, .found = &EntryState::mair}),
    row<3, 0, 10, 2, 1>("MAIR2_EL1", {word}),
    row<3, 0, 10, 3, 0>("AMAIR_EL1", {word}),
    row<3, 0, 10, 3, 1>("AMAIR2_EL1", {word}),
    row<3, 0, 10, 2, 2>("PIRE0_EL1", {word}),
    row<3, 0, 10, 2, 3>("PIR_EL1", {word}),
    row<3, 0, 10, 2, 4>("POR_EL1", {word}),
    row<3, 3, 10, 2, 4>("POR_EL0", {word}),
    row<3, 0, 10, 2, 5>("S2POR_EL1", {word}),
    row<3, 0, 13, 0, 1>("CONTEXTIDR_EL1", {low(32)}),
    row<3, 0, 13, 0, 3>("RCWSMASK_EL1", {word}),
    row<3, 0, 13, 0, 6>("RCWMASK_EL1", {word}),
    row<3, 0, 10, 4, 0>("LORSA_EL1", {0x1'0001}),
    row<3, 0, 10, 4, 1>("LOREA_EL1", {0x2'0000}),
    row<3, 0, 10, 4, 2>("LORN_EL1", {1}),
    row<3, 0, 10, 4, 3>("LORC_EL1", {0b100}),
    row<3, 0, 10, 5, 0>("MPAM1_EL1", {.entry = model_s_own, .why_not = el3}),
    row<3, 0, 10, 5, 1>("MPAM0_EL1", {.entry = model_s_own, .why_not = el3}),
    row<3, 0, 10, 5, 3>("MPAMSM_EL1", {.entry = model_s_own, .why_not = el3}),
    row<3, 2, 0, 0, 0>("CSSELR_EL1", {0b10}),

    // Faults and errors.
    row<3, 0, 7, 4, 0>("PAR_EL1", {word}),
    row<3, 0, 6, 0, 5>("PFAR_EL1", {.entry = model_s_own, .why_not = fgt2}),
    row<3, 0, 5, 1, 0>("AFSR0_EL1", {low(32)}),
    row<3, 0, 5, 1, 1>("AFSR1_EL1", {low(32)}),
    row<3, 0, 12, 1, 1>("DISR_EL1", {bit(31) | 0x11}),
    row<3, 0, 5, 3, 1>("ERRSELR_EL1", {.entry = model_s_own, .why_not = el3}),

    // Stacks and threads.
    row<3, 0, 4, 1, 0>("SP_EL0", {word}),
    row<3, 3, 13, 0, 2>("TPIDR_EL0", {word}),
    row<3, 3, 13, 0, 3>("TPIDRRO_EL0", {word}),
    row<3, 3, 13, 0, 5>("TPIDR2_EL0", {word}),
    row<3, 0, 13, 0, 7>("SCXTNUM_EL1", {word}),
    row<3, 3, 13, 0, 7>("SCXTNUM_EL0", {word}),
    row<3, 0, 13, 0, 5>("ACCDATA_EL1", {low(32)}),

    // PSTATE.
    row<3, 0, 4, 2, 3>("PAN", {bit(22)}),
    row<3, 0, 4, 2, 4>("UAO", {bit(23)}),
    row<3, 0, 4, 3, 0>("ALLINT", {bit(13)}),
    row<3, 3, 4, 2, 5>("DIT", {bit(24)}),
    row<3, 3, 4, 2, 6>("SSBS", {bit(12)}),
    row<3, 3, 4, 2, 7>("TCO", {bit(25)}),

    // Pointer authentication, memory tagging, control stacks. GCS is left off: it changes RET.
    row<3, 0, 2, 1, 0>("APIAKeyLo_EL1", {word}),
    row<3, 0, 2, 1, 1>("APIAKeyHi_EL1", {word}),
    row<3, 0, 2, 1, 2>("APIBKeyLo_EL1", {word}),
    row<3, 0, 2, 1, 3>("APIBKeyHi_EL1", {word}),
    row<3, 0, 2, 2, 0>("APDAKeyLo_EL1", {word}),
    row<3, 0, 2, 2, 1>("APDAKeyHi_EL1", {word}),
    row<3, 0, 2, 2, 2>("APDBKeyLo_EL1", {word}),
    row<3, 0, 2, 2, 3>("APDBKeyHi_EL1", {word}),
    row<3, 0, 2, 3, 0>("APGAKeyLo_EL1", {word}),
    row<3, 0, 2, 3, 1>("APGAKeyHi_EL1", {word}),
    row<3, 0, 1, 0, 5>("RGSR_EL1", {0xab'cd05}),
    row<3, 0, 1, 0, 6>("GCR_EL1", {low(17)}),
    row<3, 0, 5, 6, 0>("TFSR_EL1", {0b11}),
    row<3, 0, 5, 6, 1>("TFSRE0_EL1", {0b11}),
    row<3, 0, 2, 5, 0>("GCSCR_EL1", {}),
    row<3, 0, 2, 5, 1>("GCSPR_EL1", {word}),
    row<3, 0, 2, 5, 2>("GCSCRE0_EL1", {}),
    row<3, 3, 2, 5, 1>("GCSPR_EL0", {word}),

    // FP, SVE, SME. The vectors come last: SVCR, ZCR and SMCR change them.
    row<3, 3, 4, 4, 0>("FPCR", {0x0780'0000}),
    row<3, 3, 4, 4, 1>("FPSR", {0x0800'001f}),
    row<3, 3, 4, 4, 2>("FPMR", {1}),
    row<3, 0, 1, 2, 0>("ZCR_EL1", {low(4)}),
    row<3, 0, 1, 2, 4>("SMPRI_EL1", {low(4)}),
    row<3, 0, 1, 2, 6>("SMCR_EL1", {low(4)}),
    with("SVCR", {}, &SVCR::load, fill_svcr, {0b11}),
    with("V0-V31", {}, join_q, fill_q, {1}),
    with("Z0-Z31 P0-P15 FFR", {}, join_sve, [](u64) { fill_sve_registers(is_streaming()); }, {1}),

    // Timers.
    row<3, 0, 14, 1, 0>("CNTKCTL_EL1", {low(10)}),
    row<3, 3, 14, 2, 2>("CNTP_CVAL_EL0", {1}),
    row<3, 3, 14, 2, 1>("CNTP_CTL_EL0", {.flips = 1, .defined = timer_control}),
    row<3, 3, 14, 3, 2>("CNTV_CVAL_EL0", {1}),
    row<3, 3, 14, 3, 1>("CNTV_CTL_EL0", {.flips = 1, .defined = timer_control}),

    // PMU and activity monitors. Overflows that ask for an interrupt, and counters that run.
    row<3, 3, 9, 12, 5>("PMSELR_EL0", {3}),
    row<3, 3, 14, 15, 7>("PMCCFILTR_EL0", {bit(30)}),
    row<3, 3, 9, 13, 0>("PMCCNTR_EL0", {word}),
    row<3, 3, 9, 14, 3>("PMOVSSET_EL0", {bit(31) | low(6)}),
    row<3, 0, 9, 14, 1>("PMINTENSET_EL1", {bit(31) | low(6)}),
    row<3, 3, 9, 12, 1>("PMCNTENSET_EL0", {bit(31) | low(6)}),
    row<3, 3, 9, 14, 0>("PMUSERENR_EL0", {low(4)}),
    row<3, 3, 9, 12, 0>("PMCR_EL0", {.flips = 0b11'1001, .defined = 0b10'1011'1111}),
    row<3, 0, 9, 14, 4>("PMUACR_EL1", {.entry = model_s_own, .why_not = fgt2}),
    row<3, 0, 9, 14, 5>("PMECR_EL1", {.entry = model_s_own, .why_not = fgt2}),
    row<3, 0, 9, 14, 7>("PMIAR_EL1", {.entry = model_s_own, .why_not = fgt2}),
    row<3, 0, 9, 13, 3>("PMSSCR_EL1", {.entry = model_s_own, .why_not = fgt2}),
    row<3, 3, 9, 4, 0>("PMICNTR_EL0", {.entry = model_s_own, .why_not = fgt2}),
    row<3, 3, 9, 6, 0>("PMICFILTR_EL0", {.entry = model_s_own, .why_not = fgt2}),
    row<2, 0, 9, 13, 3>("SPMACCESSR_EL1", {.entry = model_s_own, .why_not = fgt2}),
    row<2, 3, 9, 12, 5>("SPMSELR_EL0", {.entry = model_s_own, .why_not = fgt2}),
    row<3, 3, 13, 2, 3>("AMUSERENR_EL0", {1}),

    // Profiling and trace buffers. They are left off: they would write to memory.
    row<3, 0, 9, 9, 0>("PMSCR_EL1", {}),
    row<3, 0, 9, 9, 1>("PMSNEVFR_EL1", {word}),
    row<3, 0, 9, 9, 2>("PMSICR_EL1", {low(32)}),
    row<3, 0, 9, 9, 3>("PMSIRR_EL1", {0x1200}),
    row<3, 0, 9, 9, 4>("PMSFCR_EL1", {0b111}),
    row<3, 0, 9, 9, 5>("PMSEVFR_EL1", {word}),
    row<3, 0, 9, 9, 6>("PMSLATFR_EL1", {0xfff}),
    row<3, 0, 9, 10, 4>("PMSDSFR_EL1", {.entry = model_s_own, .why_not = fgt2}),
    row<3, 0, 9, 10, 0>("PMBLIMITR_EL1", {0x1234'5000}),
    row<3, 0, 9, 10, 1>("PMBPTR_EL1", {0x1234'0000}),
    row<3, 0, 9, 10, 3>("PMBSR_EL1", {bit(17)}),
    row<3, 0, 9, 11, 0>("TRBLIMITR_EL1", {0x1234'5000}),
    row<3, 0, 9, 11, 1>("TRBPTR_EL1", {0x1234'0000}),
    row<3, 0, 9, 11, 2>("TRBBASER_EL1", {0x1234'0000}),
    row<3, 0, 9, 11, 3>("TRBSR_EL1", {bit(22)}),
    row<3, 0, 9, 11, 4>("TRBMAR_EL1", {0xff}),
    row<3, 0, 9, 11, 6>("TRBTRG_EL1", {low(32)}),
    row<3, 0, 1, 2, 1>("TRFCR_EL1", {.entry = model_s_own, .why_not = el3}),
    row<3, 0, 1, 2, 3>("TRCITECR_EL1", {.entry = model_s_own, .why_not = el3}),
    row<2, 1, 0, 1, 0>("TRCPRGCTLR", {.entry = model_s_own, .why_not = el3}),
    row<2, 1, 9, 0, 0>("BRBCR_EL1", {0b11}),
    row<2, 1, 9, 0, 1>("BRBFCR_EL1", {bit(22)}),
    row<2, 1, 9, 0, 2>("BRBTS_EL1", {word}),
    row<2, 1, 9, 1, 0>("BRBINFINJ_EL1", {0x300}),
    row<2, 1, 9, 1, 1>("BRBSRCINJ_EL1", {word}),
    row<2, 1, 9, 1, 2>("BRBTGTINJ_EL1", {word}),

    // Debug. The OS lock is as after a cold reset: set.
    row<2, 0, 0, 2, 0>("MDCCINT_EL1", {0b11 << 29}),
    row<2, 0, 0, 2, 2>("MDSCR_EL1", {bit(0) | bit(12) | bit(13) | bit(15)}),
    row<2, 0, 0, 4, 2>("MDSELR_EL1", {.entry = model_s_own, .why_not = fgt2}),
    row<2, 0, 0, 5, 2>("MDSTEPOP_EL1", {.entry = model_s_own, .why_not = fgt2}),
    row<2, 0, 0, 0, 2>("OSDTRRX_EL1", {.entry = model_s_own, .why_not = debugger}),
    row<2, 0, 0, 3, 2>("OSDTRTX_EL1", {.entry = model_s_own, .why_not = debugger}),
    row<2, 0, 0, 6, 2>("OSECCR_EL1", {.entry = model_s_own, .why_not = debugger}),
    row<2, 0, 1, 4, 4>("DBGPRCR_EL1", {.entry = model_s_own, .why_not = debugger}),
    row<2, 0, 1, 3, 4>("OSDLR_EL1", {1}),
    with("DBGCLAIMCLR_EL1", {}, &DBGCLAIMCLR_EL1::load, &DBGCLAIMSET_EL1::store, {0xff}),
    with("OSLSR_EL1", {}, &OSLSR_EL1::load, [](u64) { OSLAR_EL1::store(0); },
         {.flips = bit(1), .entry = bit(1), .defined = bit(1)}),
};

constexpr Register last[] = {
    // The CPU interface, from its library's use. The least binary point is the model's own.
    row<3, 0, 12, 12, 5>("ICC_SRE_EL1", {.entry = 0b111}),
    row<3, 0, 4, 6, 0>("ICC_PMR_EL1", {0x70}),
    row<3, 0, 12, 8, 3>("ICC_BPR0_EL1", {.flips = 4, .entry = model_s_own}),
    row<3, 0, 12, 12, 3>("ICC_BPR1_EL1", {.flips = 4, .entry = model_s_own}),
    row<3, 0, 12, 12, 4>("ICC_CTLR_EL1", {.flips = 0b11, .defined = 0b100'0011}),
    row<3, 0, 12, 12, 6>("ICC_IGRPEN0_EL1", {}),
    row<3, 0, 12, 12, 7>("ICC_IGRPEN1_EL1", {}),
    row<3, 0, 12, 8, 4>("ICC_AP0R0_EL1", {bit(18)}),
    row<3, 0, 12, 8, 5>("ICC_AP0R1_EL1", {bit(18)}),
    row<3, 0, 12, 8, 6>("ICC_AP0R2_EL1", {bit(18)}),
    row<3, 0, 12, 8, 7>("ICC_AP0R3_EL1", {bit(18)}),
    row<3, 0, 12, 9, 0>("ICC_AP1R0_EL1", {bit(20)}),
    row<3, 0, 12, 9, 1>("ICC_AP1R1_EL1", {bit(20)}),
    row<3, 0, 12, 9, 2>("ICC_AP1R2_EL1", {bit(20)}),
    row<3, 0, 12, 9, 3>("ICC_AP1R3_EL1", {bit(20)}),

    // What exceptions and this_cpu() need.
    row<3, 0, 12, 0, 0>("VBAR_EL1", {.flips = word & ~low(11), .found = &EntryState::vbar}),
    row<3, 0, 13, 0, 4>("TPIDR_EL1", {.flips = word, .found = &EntryState::tpidr}),
};

// Registers of which there are many; those beyond a CPU's number are UNDEFINED.

template <u32... n>
constexpr auto debug_registers(std::integer_sequence<u32, n...>) {
    return std::array{row<2, 0, 0, n, 4>("DBGBVR_EL1", {word & ~low(2)}, n)...,
                      row<2, 0, 0, n, 5>("DBGBCR_EL1", {0x1e7}, n)...,
                      row<2, 0, 0, n, 6>("DBGWVR_EL1", {word & ~low(3)}, n)...,
                      row<2, 0, 0, n, 7>("DBGWCR_EL1", {0x1fff}, n)...};
}
template <u32... n>
constexpr auto event_counters(std::integer_sequence<u32, n...>) {
    return std::array{row<3, 3, 14, 8 + n / 8, n % 8>("PMEVCNTR_EL0", {0x5555}, n)...,
                      row<3, 3, 14, 12 + n / 8, n % 8>("PMEVTYPER_EL0", {bit(30) | 0x11}, n)...};
}
constexpr auto debug = debug_registers(std::make_integer_sequence<u32, 16>{});
constexpr auto events = event_counters(std::make_integer_sequence<u32, 31>{});

constexpr usize count = std::size(first) + debug.size() + events.size() + std::size(last);
static_assert(count <= max_registers);

constexpr auto table = [] {
    std::array<Register, count> all{};
    usize n = 0;
    for (const std::span<const Register> part :
         {std::span<const Register>{first}, {debug}, {events}, {last}}) {
        for (const Register& reg : part) {
            all[n++] = reg;
        }
    }
    return all;
}();

} // namespace

std::span<const Register> registers() { return table; }

} // namespace baton::guest
