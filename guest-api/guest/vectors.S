// SPDX-License-Identifier: BSD-2-Clause
//
// The EL1 vectors, and the calls that need all registers to themselves.

#include "guest-api/guest/layout.hpp"

.macro function name
    .globl \name
    .balign 4
    .type \name, %function
\name:
.endm

.macro vector kind
    .balign 128
    sub     sp, sp, #FRAME_SIZE
    stp     x0, x1, [sp]
    mov     x1, #\kind
    b       exception_common
.endm

    .text
    .balign 2048
    .globl exception_vectors
exception_vectors:
    .irp    group, 0, 1, 2, 3       // SP_EL0, SP_EL1, EL0 AArch64, EL0 AArch32
    vector  0                       // synchronous
    vector  1                       // IRQ
    vector  2                       // FIQ
    vector  3                       // SError
    .endr

exception_common:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    add     x2, sp, #FRAME_SIZE
    stp     x30, x2, [sp, #240]
    mrs     x2, elr_el1
    mrs     x3, spsr_el1
    stp     x2, x3, [sp, #FRAME_ELR]
    mrs     x2, esr_el1
    mrs     x3, far_el1
    stp     x2, x3, [sp, #FRAME_ESR]
    mov     x0, sp
    bl      handle_exception
    ldp     x2, x3, [sp, #FRAME_ELR]
    msr     elr_el1, x2
    msr     spsr_el1, x3
    ldp     x0, x1, [sp]
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    ldr     x30, [sp, #240]
    add     sp, sp, #FRAME_SIZE
    eret

.macro push_callee_saved
    stp     x29, x30, [sp, #-96]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
.endm

.macro pop_callee_saved
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #96
.endm

// run_until_fault(function, context, &stack): calls function(context). A fault in it ends it as if
// it had returned: its handler returns to leave_fault with x0 = the value kept in `stack`.
function run_until_fault
    push_callee_saved
    mov     x9, sp
    str     x9, [x2]
    mov     x9, x0
    mov     x0, x1
    blr     x9
    mov     x0, sp
function leave_fault
    mov     sp, x0
    pop_callee_saved
    ret

// call_with_registers(registers, conduit): x0-x30 are loaded from `registers`, the call is made
// (conduit 0: HVC, else SMC), and x0-x30 go back there. The stack keeps what must be found again.
function call_with_registers
    push_callee_saved
    str     x18, [sp, #-16]!
    stp     x0, x1, [sp, #-16]!
    mov     x30, x0
    ldp     x2, x3, [x30, #16]
    ldp     x4, x5, [x30, #32]
    ldp     x6, x7, [x30, #48]
    ldp     x8, x9, [x30, #64]
    ldp     x10, x11, [x30, #80]
    ldp     x12, x13, [x30, #96]
    ldp     x14, x15, [x30, #112]
    ldp     x16, x17, [x30, #128]
    ldp     x18, x19, [x30, #144]
    ldp     x20, x21, [x30, #160]
    ldp     x22, x23, [x30, #176]
    ldp     x24, x25, [x30, #192]
    ldp     x26, x27, [x30, #208]
    ldp     x28, x29, [x30, #224]
    cbnz    x1, 1f
    ldp     x0, x1, [x30]
    ldr     x30, [x30, #240]
    hvc     #0
    b       2f
1:  ldp     x0, x1, [x30]
    ldr     x30, [x30, #240]
    smc     #0
2:  str     x30, [sp, #-16]!
    ldr     x30, [sp, #16]
    stp     x0, x1, [x30]
    ldr     x0, [sp], #16
    str     x0, [x30, #240]
    stp     x2, x3, [x30, #16]
    stp     x4, x5, [x30, #32]
    stp     x6, x7, [x30, #48]
    stp     x8, x9, [x30, #64]
    stp     x10, x11, [x30, #80]
    stp     x12, x13, [x30, #96]
    stp     x14, x15, [x30, #112]
    stp     x16, x17, [x30, #128]
    stp     x18, x19, [x30, #144]
    stp     x20, x21, [x30, #160]
    stp     x22, x23, [x30, #176]
    stp     x24, x25, [x30, #192]
    stp     x26, x27, [x30, #208]
    stp     x28, x29, [x30, #224]
    add     sp, sp, #16
    ldr     x18, [sp], #16
    pop_callee_saved
    ret
