// SPDX-License-Identifier: BSD-2-Clause
//
// The only code of Baton that touches FP registers: it clears what a guest left there. Each needs
// CPTR_EL2 to let EL2 through; it never traps a guest's use, so it always does.

    .arch   armv8.5-a+fp+simd+sve+sme

    .text

// void zero_fp_registers(): writing V<n> also clears Z<n> above bit 127 (Arm ARM B1.2.2).
    .globl zero_fp_registers
    .type zero_fp_registers, %function
zero_fp_registers:
    bti     c
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    movi    v\n\().2d, #0
    .endr
    .irp    n, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    movi    v\n\().2d, #0
    .endr
    msr     fpcr, xzr
    msr     fpsr, xzr
    ret

// void zero_sve_registers(): the predicates and FFR (V registers: zero_fp_registers).
    .globl zero_sve_registers
    .type zero_sve_registers, %function
zero_sve_registers:
    bti     c
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    pfalse  p\n\().b
    .endr
    wrffr   p0.b
    ret

// void leave_sme_modes(): PSTATE.SM = PSTATE.ZA = 0, which also loses ZA.
    .globl leave_sme_modes
    .type leave_sme_modes, %function
leave_sme_modes:
    bti     c
    smstop
    ret
