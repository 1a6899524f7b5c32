// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/registers.hpp"
#include "arch/arm64/steps/trace_registers.hpp"

/// Stops what writes a guest's doings to its memory by itself: the Statistical Profiling Extension
/// and the Trace Buffer Extension, and the branch records that stay in registers. While the old
/// kernel's translation is still in force: its buffers are addressed through both stages of it.
///
/// QEMU has none of these, so `Access` is the core's registers here and a model in a unit test.
namespace baton::arm64::trace {

struct Registers {
    template <class Register>
    static Bits<Register> read() {
        return arm64::read<Register>();
    }
    template <class Register>
    static void zero() {
        write_raw<Register>(0);
    }
    static void isb() { arm64::isb(); }
    static void dsb() { arm64::dsb_sy(); }
    // As hints: these are NOPs where the extension is missing.
    static void psb_csync() { asm volatile("hint #17" ::: "memory"); }
    static void tsb_csync() { asm volatile("hint #18" ::: "memory"); }
    static void brb_iall() { asm volatile("sys #1, c7, c2, #4" ::: "memory"); }
};

template <class Access>
void stop_profiling(Access core) {
    if (ID_AA64DFR0_EL1::spe(core.template read<ID_AA64DFR0_EL1>()) == 0 ||
        core.template read<PMBIDR_EL1>().has(PMBIDR_EL1::P)) {
        return;
    }
    core.template zero<PMSCR_EL1>();
    core.isb();       // no sample is begun after this
    core.psb_csync(); // those begun are on their way to the buffer (Arm ARM D17.7)
    core.dsb();       // and have reached memory, for everybody
    core.template zero<PMBLIMITR_EL1>();
    core.isb(); // the buffer is off; what stays is state, and an interrupt
    core.template zero<PMBSR_EL1>();
    core.template zero<PMBPTR_EL1>();
    core.template zero<PMSICR_EL1>();
    core.template zero<PMSIRR_EL1>();
    core.template zero<PMSFCR_EL1>();
    core.template zero<PMSEVFR_EL1>();
    core.template zero<PMSLATFR_EL1>();
    if (core.template read<PMSIDR_EL1>().has(PMSIDR_EL1::FnE)) {
        core.template zero<PMSNEVFR_EL1>();
    }
    core.isb(); // the interrupt's line is low before the GIC is looked at
}

/// The trace unit itself stays as it is, since EL3 may keep its registers (CPTR_EL3.TTA); it makes
/// no trace of EL1 and EL0 any more.
template <class Access>
void stop_tracing(Access core) {
    if (ID_AA64DFR0_EL1::trace_buffer(core.template read<ID_AA64DFR0_EL1>()) == 0 ||
        core.template read<TRBIDR_EL1>().has(TRBIDR_EL1::P)) {
        return;
    }
    core.template zero<TRFCR_EL1>();
    core.isb();       // tracing is prohibited from here on
    core.tsb_csync(); // what was traced is on its way to the buffer (D6.7)
    core.tsb_csync(); // Neoverse N2 (erratum 2067961) and Cortex-A710: the first may do nothing
    core.dsb();       // and has reached memory
    core.template zero<TRBLIMITR_EL1>();
    core.isb(); // the buffer is off
    core.template zero<TRBSR_EL1>();
    core.template zero<TRBPTR_EL1>();
    core.template zero<TRBBASER_EL1>();
    core.template zero<TRBMAR_EL1>();
    core.template zero<TRBTRG_EL1>();
    core.isb(); // as above
}

template <class Access>
void stop_branch_records(Access core) {
    if (ID_AA64DFR0_EL1::branch_records(core.template read<ID_AA64DFR0_EL1>()) == 0) {
        return;
    }
    core.template zero<BRBCR_EL1>();
    core.isb(); // no record is made after this
    core.brb_iall();
    core.template zero<BRBFCR_EL1>();
    core.template zero<BRBTS_EL1>();
    core.template zero<BRBINFINJ_EL1>();
    core.template zero<BRBSRCINJ_EL1>();
    core.template zero<BRBTGTINJ_EL1>();
}

} // namespace baton::arm64::trace
