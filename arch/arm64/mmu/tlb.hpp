// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/barrier.hpp"
#include "hyp/address.hpp"

/// TLB maintenance (Arm ARM D8.17), named after the instructions. Each function is a whole
/// sequence: when it returns, no CPU that it reaches uses an old translation, and every access
/// made through one is complete.
namespace baton::arm64::tlb {

/// @param operation one broadcast TLBI
template <class Tlbi>
inline void broadcast(Tlbi operation) {
    dsb_ishst(); // walkers of all CPUs see the changed entries before they refill
    operation();
    dsb_ish(); // wait for all CPUs; a TLBI alone only starts
    // Once more: on some Cortex-A76 (erratum 1286807) and other cores the first round can end
    // before all accesses through the old translation have. Nothing that has to be fast comes here.
    operation();
    dsb_ish();
    isb(); // this CPU drops what it has fetched or translated ahead
}

/// @param operation one TLBI for this CPU alone
template <class Tlbi>
inline void local(Tlbi operation) {
    dsb_nsh(); // this CPU's own earlier stores to tables are seen by its walker
    operation();
    dsb_nsh(); // wait; this CPU is all that it reaches
    isb();
}

/// Both stages of the VMID that stands in VTTBR_EL2, on all CPUs: its stage 2 changed, or the
/// VMID is about to be used for something else.
inline void vmalls12e1is() {
    broadcast([] { asm volatile("tlbi vmalls12e1is" ::: "memory"); });
}
/// The same on this CPU.
inline void vmalls12e1() {
    local([] { asm volatile("tlbi vmalls12e1" ::: "memory"); });
}

/// Stage 1 of the VMID in VTTBR_EL2 on this CPU: a vCPU starts afresh under a kept stage 2.
inline void vmalle1() {
    local([] { asm volatile("tlbi vmalle1" ::: "memory"); });
}

/// Every VMID, both stages, on this CPU: it comes up with unknown TLBs, or leaves a VMID that is
/// no longer in VTTBR_EL2.
inline void alle1() {
    local([] { asm volatile("tlbi alle1" ::: "memory"); });
}
/// Every VMID, both stages, on all CPUs: once at boot, for what ran before Baton.
inline void alle1is() {
    broadcast([] { asm volatile("tlbi alle1is" ::: "memory"); });
}

/// Baton's own translations on this CPU: before its MMU goes on.
inline void alle2() {
    local([] { asm volatile("tlbi alle2" ::: "memory"); });
}
/// Baton's own translations on all CPUs: its tables changed.
inline void alle2is() {
    broadcast([] { asm volatile("tlbi alle2is" ::: "memory"); });
}

/// Stage 2 of one page of the VMID in VTTBR_EL2, on all CPUs. Translations of both stages joined
/// into one TLB entry are not found by their IPA, hence the second TLBI (D8.17.5).
inline void ipas2e1is(GuestAddr page) {
    broadcast([page] {
        asm volatile("tlbi ipas2e1is, %0" ::"r"(page.value >> 12) : "memory");
        dsb_ish(); // stage 2 is gone before stage 1 is, or a walk could join the old one again
        asm volatile("tlbi vmalle1is" ::: "memory");
    });
}

} // namespace baton::arm64::tlb
