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

// x0 = the OR of all that is in q0-q31, of which q0 is lost.
function join_q_registers
    .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    orr     v0.16b, v0.16b, v\n\().16b
    .endr
    .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    orr     v0.16b, v0.16b, v\n\().16b
    .endr
    mov     x0, v0.d[0]
    mov     x1, v0.d[1]
    orr     x0, x0, x1
    ret

// x0 = 0 if all of z0-z31, p0-p15 and FFR is 0. z0 and p0 are lost.
function join_sve_registers
    mov     x0, #0
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    cntp    x1, p\n, p\n\().b
    orr     x0, x0, x1
    .endr
    rdffr   p0.b
    cntp    x1, p0, p0.b
    orr     x0, x0, x1
    .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    orr     z0.d, z0.d, z\n\().d
    .endr
    .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    orr     z0.d, z0.d, z\n\().d
    .endr
    ptrue   p0.b
    orv     d0, p0, z0.d
    fmov    x1, d0
    orr     x0, x0, x1
    ret

function fill_q_registers
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movi    v\n\().16b, #0xa5
    .endr
    .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    movi    v\n\().16b, #0xa5
    .endr
    ret

// x0 = not 0: in streaming mode, which has no FFR
function fill_sve_registers
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    dup     z\n\().b, #0x5a
    ptrue   p\n\().b
    .endr
    .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    dup     z\n\().b, #0x5a
    .endr
    cbnz    x0, 1f
    setffr
1:  ret
