// SPDX-License-Identifier: BSD-2-Clause
//
// The last instructions of Baton on a CPU, in a host kexec. They run where they are mapped, identity
// mapped as all of Baton is, so they go on when the MMU goes off. From then on there is no stack and
// no access to data: what is in the caches cannot be seen past them.

#include "arch/arm64/asm_offsets.hpp"

// x0 = El2Controls of this CPU, x1 = where to go on, x2 = x0 there. x1 = 0: nowhere, but to the firmware
// with x2 as the function (PSCI CPU_OFF).
    .text
    .globl leave_el2
    .balign 4
    .type leave_el2, %function
leave_el2:
    bti     c
    msr     daifset, #0xf
    ldp     x23, x24, [x0]
    ldp     x25, x26, [x0, #EL2_CONTROLS_TCR]
    ldp     x27, x28, [x0, #EL2_CONTROLS_MAIR]
    ldr     x29, [x0, #EL2_CONTROLS_TPIDR]
    mov     x16, x1
    mov     x0, x2

    mrs     x9, sctlr_el2
    mov     x10, #(1 << 0 | 1 << 2)
    bic     x9, x9, x10
    // A loader that came with its MMU on has no tables any more.
    bic     x24, x24, x10
    bic     x9, x9, #(1 << 12)
    dsb     sy                      // what this CPU wrote is seen by those that still have caches on
    msr     sctlr_el2, x9
    isb                             // MMU and caches are off
    // Nothing of Baton's translations or of its guests' stays, and no instruction that was fetched
    // from where the next image lies (Arm ARM D8.14.2: local, this CPU alone has them still).
    tlbi    alle1
    tlbi    alle2
    ic      iallu
    dsb     nsh
    isb
    // HCR_EL2 first: E2H decides the layout of TCR_EL2, and of CPTR_EL2 and CNTHCTL_EL2.
    msr     hcr_el2, x23
    isb
    msr     tcr_el2, x25
    msr     ttbr0_el2, x26
    msr     mair_el2, x27
    msr     vbar_el2, x28
    msr     tpidr_el2, x29
    msr     sctlr_el2, x24
    isb                             // in force before the image's first instruction
    cbz     x16, 1f

    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    br      x16
    dsb     nsh                     // no speculation past the branch
    isb

1:  smc     #0
    // Refused. The next image leaves this CPU and its memory alone.
2:  wfi
    b       2b

// Where CPUs wait if they are not switched off: copied into memory that the next image leaves alone,
// and entered like an image. x0 = this CPU's entry of the spin table (booting.rst, "spin-table").
    .globl wait_in_spin_table, wait_in_spin_table_end
    .balign 4
wait_in_spin_table:
    mov     x5, x0
    mov     x0, xzr
    mov     x4, #1
    str     x4, [x5, #8]            // it is here, and needs nothing else any more
    dsb     sy
1:  wfe
    ldr     x4, [x5]
    cbz     x4, 1b
    br      x4
wait_in_spin_table_end:
