// SPDX-License-Identifier: BSD-2-Clause
//
// Where CPUs enter a test guest: the boot CPU by the arm64 Linux boot protocol (x0 = DTB), the
// others from PSCI CPU_ON (x0 = their Cpu). Both with the MMU off, so before it is on an AP reads
// no memory at all: what it needs comes in registers, and its table walks are cacheable.

#include "arch/arm64/mark_numbers.hpp"
#include "guest-api/guest/image_entry.inc"
#include "guest-api/guest/layout.hpp"

#define SCTLR_RES1 0x30d00800
#define SCTLR_M_C_SA_I (1 << 0 | 1 << 2 | 1 << 3 | 1 << 12)
// 48-bit addresses, 4 KiB granule, write-back inner-shareable walks, no TTBR1.
#define TCR_T0SZ_IRGN0_ORGN0_SH0_EPD1 (16 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23)
#define TCR_IPS_SHIFT 32
#define TCR_IPS_48_BITS 5
// MemoryType of mmu.hpp: 0 = Device-nGnRE, 1 = Normal write-back.
#define MAIR 0xff04

.macro function name
    .globl \name
    .balign 4
    .type \name, %function
\name:
.endm

// EntryState of cpu.hpp, in its order from x19 on, before any of it is changed.
.macro read_entry_state
    mov     x19, x0
    orr     x20, x1, x2
    orr     x20, x20, x3
    mrs     x21, CurrentEL
    mrs     x22, daif
    mrs     x23, sctlr_el1
    mrs     x24, ttbr0_el1
    mrs     x25, tcr_el1
    mrs     x26, mair_el1
    mrs     x27, vbar_el1
    mrs     x28, tpidr_el1
.endm

    .section .head, "ax"
    image_header boot_entry

    .text

function boot_entry
    hint    #MARK_END
    read_entry_state

    make_ready
    address x1, boot_stack_top
    mov     sp, x1
    mov     x0, x19
    bl      guest_early             // x0 = the Cpu of the boot CPU

    // The stores above went past the cache: drop the lines that a cache may hold of their place.
    // They are clean, or the loader has broken the boot protocol.
    mrs     x1, ctr_el0
    ubfx    x1, x1, #16, #4         // DminLine
    mov     x2, #4
    lsl     x2, x2, x1
    address x3, guest_writable
    address x4, guest_image_end
5:  dc      ivac, x3
    add     x3, x3, x2
    cmp     x3, x4
    b.lo    5b
    dsb     sy
    b       enter_cpu

function ap_entry
    read_entry_state

// x0 = Cpu, x19-x28 = EntryState
enter_cpu:
    ldr     x1, =MAIR
    msr     mair_el1, x1
    ldr     x1, =TCR_T0SZ_IRGN0_ORGN0_SH0_EPD1
    mrs     x2, id_aa64mmfr0_el1
    and     x2, x2, #0xf            // PARange
    mov     x3, #TCR_IPS_48_BITS
    cmp     x2, x3
    csel    x2, x2, x3, lo
    bfi     x1, x2, #TCR_IPS_SHIFT, #3
    msr     tcr_el1, x1
    address x1, translation_root
    msr     ttbr0_el1, x1
    address x1, exception_vectors
    msr     vbar_el1, x1
    isb
    mov     x1, #:abs_g0:guest_trusts_tlb
    cbnz    x1, 1f
    tlbi    vmalle1
1:  ic      iallu
    dsb     nsh
    isb
    ldr     x1, =(SCTLR_RES1 | SCTLR_M_C_SA_I)
    msr     sctlr_el1, x1
    isb

    msr     tpidr_el1, x0
    ldr     x1, [x0, #CPU_STACK_TOP]
    mov     sp, x1
    stp     x19, x20, [x0, #CPU_ENTRY_STATE]
    stp     x21, x22, [x0, #CPU_ENTRY_STATE + 16]
    stp     x23, x24, [x0, #CPU_ENTRY_STATE + 32]
    stp     x25, x26, [x0, #CPU_ENTRY_STATE + 48]
    stp     x27, x28, [x0, #CPU_ENTRY_STATE + 64]
    mov     x29, xzr
    mov     x30, xzr
    msr     daifclr, #4             // SError: to be seen where it happens
    b       guest_start

    .section .bss.noinit, "aw", %nobits
    .balign 4096
    .space  8192
boot_stack_top:
