// SPDX-License-Identifier: BSD-2-Clause
//
// The EL2 vectors (Arm ARM D1.3.1). From a guest: the general registers go to the top of this
// CPU's stack, which is empty whenever a guest runs; all other guest state stays in the machine.
// From EL2 itself: Baton takes no exception by design but of registers that a CPU lacks, so each
// other one is a panic, on a stack of its own in case the cause is the stack.

#include "arch/arm64/asm_offsets.hpp"
#include "arch/arm64/mark_numbers.hpp"

.macro store_general_registers
    stp     x0, x1, [sp, #0]
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
    str     x30, [sp, #240]
.endm

.macro load_general_registers
    ldp     x0, x1, [sp, #0]
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
.endm

// A guest's exception: `handler` gets the frame, then the guest goes on.
.macro guest_exception handler
    .balign 128
    .ifc \handler, handle_guest_irq
    hint    #MARK_WOKEN
    .endif
    sub     sp, sp, #GUEST_FRAME_SIZE
    store_general_registers
    mov     x0, sp
    mov     x29, xzr
    bl      \handler
    b       return_to_guest
.endm

// SP_EL0, TPIDR_EL0 and TPIDRRO_EL0 belong to a guest that will not run again: they carry x0, the
// stack pointer and the kind of exception to the place where there is a stack.
.macro hypervisor_exception kind
    .balign 128
    msr     sp_el0, x0
    mov     x0, #\kind
    msr     tpidrro_el0, x0
    b       hypervisor_exception_common
.endm

    .text
    .balign 2048
    .globl exception_vectors
exception_vectors:
    hypervisor_exception 0          // current EL, SP_EL0
    hypervisor_exception 1
    hypervisor_exception 2
    hypervisor_exception 3
    hypervisor_exception 0          // current EL, SP_EL2
    hypervisor_exception 1
    hypervisor_exception 2
    hypervisor_exception 3
    guest_exception handle_guest_sync       // lower EL, AArch64
    guest_exception handle_guest_irq
    guest_exception handle_guest_irq        // no FIQ is ours: acknowledged as spurious
    guest_exception handle_guest_serror
    guest_exception handle_guest_sync       // lower EL, AArch32 (EL0 only)
    guest_exception handle_guest_irq
    guest_exception handle_guest_irq
    guest_exception handle_guest_serror
    .balign 128

    .globl return_to_guest
return_to_guest:
    load_general_registers
    add     sp, sp, #GUEST_FRAME_SIZE
    eret
    // Cores may speculate straight on past an eret, with the guest's registers (CVE-2020-13844).
    dsb     nsh
    isb

hypervisor_exception_common:
    mov     x0, sp
    msr     tpidr_el0, x0
    mrs     x0, tpidr_el2
    cbz     x0, 1f
    ldr     x0, [x0, #PERCPU_EMERGENCY_STACK_TOP]
    b       2f
1:  adrp    x0, early_emergency_stack_top
    add     x0, x0, :lo12:early_emergency_stack_top
2:  mov     sp, x0
    mrs     x0, sp_el0
    sub     sp, sp, #PANIC_FRAME_SIZE
    store_general_registers
    mrs     x0, tpidr_el0
    str     x0, [sp, #PANIC_FRAME_SP]
    mrs     x0, tpidrro_el0
    str     x0, [sp, #PANIC_FRAME_KIND]
    mov     x0, sp
    bl      handle_hypervisor_exception
    // It returns where an access is undone (missing_registers.hpp): behind that, on the stack there.
    load_general_registers
    msr     tpidr_el0, x0
    ldr     x0, [sp, #PANIC_FRAME_SP]
    mov     sp, x0
    mrs     x0, tpidr_el0
    msr     tpidr_el0, xzr          // clean, as its vCPU is
    eret
    dsb     nsh                     // as above
    isb

// enter_guest_frame(frame): x0 = the frame at the top of this CPU's stack, filled in.
    .globl enter_guest_frame
    .type enter_guest_frame, %function
enter_guest_frame:
    bti     c
    mov     sp, x0
    b       return_to_guest

// run_on_fresh_stack(stack_top, function): drops whatever the stack holds.
    .globl run_on_fresh_stack
    .type run_on_fresh_stack, %function
run_on_fresh_stack:
    bti     c
    mov     sp, x0
    mov     x29, xzr
    mov     x30, xzr
    // Through x16, as BTI's `bti c` at a function's start wants it of a branch (Arm ARM D8.4).
    mov     x16, x1
    br      x16

    .bss
    .balign 16
    .space 4096
early_emergency_stack_top:
