// SPDX-License-Identifier: BSD-2-Clause
//
// Where CPUs come in: the boot CPU by the arm64 Linux boot protocol (MMU normally off, x0 = DTB) out
// of the header's first instructions (efi/header.S), or out of UEFI's (efi/entry.S); every other CPU
// from PSCI CPU_ON (x0 = its PerCpu).

#include "arch/arm64/asm_offsets.hpp"
#include "arch/arm64/boot/entry_macros.inc"

// What this CPU came with, into x23-x29: the entry's code writes all of it before there is memory
// to keep it in. entry_state.hpp has the order.
.macro read_el2_controls
    mrs     x23, hcr_el2
    mrs     x24, sctlr_el2
    mrs     x25, tcr_el2
    mrs     x26, ttbr0_el2
    mrs     x27, mair_el2
    mrs     x28, vbar_el2
    mrs     x29, tpidr_el2
.endm

.macro store_el2_controls to
    stp     x23, x24, [\to]
    stp     x25, x26, [\to, #EL2_CONTROLS_TCR]
    stp     x27, x28, [\to, #EL2_CONTROLS_MAIR]
    str     x29, [\to, #EL2_CONTROLS_TPIDR]
.endm

// The MMU, the data cache and a set E2H can be left over from a loader that ran at EL2 itself.
// Afterwards: MMU and data cache off, HCR_EL2 = RW, so E2H = 0 where that is possible at all.
// Clobbers x9-x12. HCR_EL2 comes first: E2H decides the layout of TCR_EL2, CPTR_EL2 and CNTHCTL_EL2.
.macro clean_el2_entry
    mrs     x9, sctlr_el2
    mov     x10, #(1 << 0 | 1 << 2)
    bic     x9, x9, x10
    msr     sctlr_el2, x9
    isb
    mov     x9, #(1 << 31)
    msr     hcr_el2, x9
    isb
    // Nothing of the loader's translations may be used once Baton's tables are on.
    tlbi    alle2
    dsb     nsh
    ic      iallu
    dsb     nsh
    isb
.endm

// From [\begin, \end) to \to, in multiples of 16 bytes. Clobbers x9-x13.
.macro copy_data begin, end, to
    adrp    x9, \begin
    add     x9, x9, :lo12:\begin
    adrp    x10, \end
    add     x10, x10, :lo12:\end
    adrp    x11, \to
    add     x11, x11, :lo12:\to
8:  cmp     x9, x10
    b.hs    9f
    ldp     x12, x13, [x9], #16
    stp     x12, x13, [x11], #16
    b       8b
9:
.endm

    .text

function boot_entry
    msr     daifset, #0xf
    mov     x19, x0
    mrs     x20, CurrentEL
    adrp    x21, __image_start
    adrp    x11, __image_end
    mov     x22, #-1                // the first life: move.hpp

    cmp     x20, #(2 << 2)
    b.ne    1f
    mrs     x9, sctlr_el2
    tbz     x9, #0, 1f
    // With the MMU on, the loader's writes of this image may still be in its caches: they would
    // be lost to the uncached accesses that follow. The smallest line there is: 16 bytes.
    mov     x9, x21
0:  dc      civac, x9
    add     x9, x9, #16
    cmp     x9, x11
    b.lo    0b
    dsb     sy
1:
    cmp     x20, #(2 << 2)
    b.ne    2f
    read_el2_controls
    clean_el2_entry
2:
    copy_data __rodata_end, __data_end, __pristine
begin:
    relocate x21
    adrp    x9, __bss_start
    add     x9, x9, :lo12:__bss_start
    adrp    x10, __bss_end
    add     x10, x10, :lo12:__bss_end
5:  stp     xzr, xzr, [x9], #16
    cmp     x9, x10
    b.lo    5b

    adrp    x9, boot_el2_controls
    add     x9, x9, :lo12:boot_el2_controls
    store_el2_controls x9
    cmn     x22, #1
    csel    x10, x21, x22, eq
    adrp    x9, loaded_at
    str     x10, [x9, :lo12:loaded_at]

    adrp    x9, __boot_stack_top
    add     x9, x9, :lo12:__boot_stack_top
    mov     sp, x9
    mov     x29, xzr
    mov     x30, xzr
    cmp     x20, #(2 << 2)
    b.ne    6f
    msr     tpidr_el2, xzr
    adrp    x9, exception_vectors
    add     x9, x9, :lo12:exception_vectors
    msr     vbar_el2, x9
    isb
    mov     x0, x19
    bl      early_mmu_on
6:  mov     x0, x19
    lsr     x1, x20, #2
    mov     x2, x22
    bl      boot_main
    b       .

// x0 = El2Controls as the CPU came, x1 = DTB, x2 = where Baton goes on, x3 = where it is.
function enter_second_life
    bti     c
    mov     x19, x1
    mov     x21, x2
    mov     x22, x3
    ldp     x23, x24, [x0]
    ldp     x25, x26, [x0, #EL2_CONTROLS_TCR]
    ldp     x27, x28, [x0, #EL2_CONTROLS_MAIR]
    ldr     x29, [x0, #EL2_CONTROLS_TPIDR]
    adrp    x9, __image_end
    sub     x10, x9, x22            // the image's size
    adrp    x9, second_life
    add     x9, x9, :lo12:second_life
    sub     x9, x9, x22
    add     x9, x9, x21             // its second_life there
    mrs     x11, ctr_el0
    ubfx    x11, x11, #16, #4
    mov     x12, #4
    lsl     x11, x12, x11           // bytes of the smallest data cache line
    mrs     x13, sctlr_el2
    mov     x14, #(1 << 0 | 1 << 2)
    bic     x13, x13, x14
    dsb     sy                      // the copy and its cleaning are complete
    msr     sctlr_el2, x13
    isb                             // MMU and data cache are off: this life writes nothing any more
    // What it wrote lies in caches still: evicted later it would undo what the second life, if
    // that is here, or a guest writes past them.
    add     x10, x10, x22
    mov     x12, x22
1:  dc      civac, x12
    add     x12, x12, x11
    cmp     x12, x10
    b.lo    1b
    tlbi    alle2                   // nothing of the first map's translations
    ic      iallu                   // no instruction that was fetched where the copy lies now
    dsb     sy                      // all of that is complete
    isb                             // and what follows is fetched after it
    br      x9

function second_life
    bti     j
    mrs     x20, CurrentEL
    copy_data __pristine, __pristine_end, __rodata_end
    b       begin

// x0 = PerCpu, cleaned to the PoC by the boot CPU: the MMU and caches are off.
function secondary_entry
    bti     j
    msr     daifset, #0xf
    read_el2_controls
    clean_el2_entry
    mov     x19, x0
    msr     tpidr_el2, x19
    adrp    x9, exception_vectors
    add     x9, x9, :lo12:exception_vectors
    msr     vbar_el2, x9
    isb
    // No stack before the MMU is on: a line of it that another CPU's prefetch left in a cache would
    // hide what is written past the caches.
    ldp     x9, x10, [x19, #PERCPU_TRANSLATION]
    ldp     x11, x12, [x19, #PERCPU_TRANSLATION + 16]
    msr     mair_el2, x9
    msr     tcr_el2, x10
    msr     ttbr0_el2, x11
    isb                             // in effect before anything is translated by them
    msr     sctlr_el2, x12
    isb                             // the next instruction is fetched through the map
    add     x9, x19, #PERCPU_EL2_CONTROLS
    store_el2_controls x9
    ldr     x9, [x19, #PERCPU_STACK_TOP]
    mov     sp, x9
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x19
    bl      secondary_main
    b       .
