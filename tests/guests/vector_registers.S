// SPDX-License-Identifier: BSD-2-Clause
//
// FP, SIMD and SVE registers as a whole. The rest of a guest is compiled without any.

    .arch   armv8.2-a+sve

.macro function name
    .globl \name
    .balign 4
    .type \name, %function
\name:
.endm

.macro all_q instruction
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \instruction q\n, [x0, #\n * 16]
    .endr
    .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \instruction q\n, [x0, #\n * 16]
    .endr
.endm

.macro all_z_and_p instruction
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \instruction z\n, [x0, #\n, mul vl]
    \instruction p\n, [x1, #\n, mul vl]
    .endr
    .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \instruction z\n, [x0, #\n, mul vl]
    .endr
.endm

    .text
// x0 = q0-q31
function load_q_registers
    all_q   ldr
    ret
function store_q_registers
    all_q   str
    ret

// x0 = z0-z31, x1 = p0-p15
function load_sve_registers
    all_z_and_p ldr
    ret
function store_sve_registers
    all_z_and_p str
    ret

// Bytes of a z register.
function sve_vector_length
    rdvl    x0, #1
    ret
