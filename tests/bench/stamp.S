// SPDX-License-Identifier: BSD-2-Clause
//
// Goes in front of a kernel: says on the PL011 what the counter was at the kernel's first instruction, and goes on to
// where that kernel is entered. tools/lib/stamped.py appends it to an arm64 Image and turns the branch in the Image's
// header to it. Runs wherever it lies, with the MMU off; writes no memory, and leaves x0 to x3 alone, which the boot
// protocol gives a meaning.
    .equ uart, 0x09000000
    .equ data, 0x00
    .equ flags, 0x18
    .equ transmit_full, 5           // bit of flags

.macro put character
9:  ldr     w8, [x5, #flags]
    tbnz    w8, #transmit_full, 9b
    str     \character, [x5, #data]
.endm

    .text
    .globl _start
_start:
    isb
    mrs     x4, cntvct_el0
    b       say
leave:                              // the fourth word: stamped.py puts the kernel's own branch here
    b       leave

say:
    mov     x5, #uart
    adr     x6, text
1:  ldrb    w7, [x6], #1
    cbz     w7, 2f
    put     w7
    b       1b
2:  mov     x6, #60
3:  lsr     x7, x4, x6
    and     x7, x7, #0xf
    add     x9, x7, #'a' - 10
    add     x7, x7, #'0'
    cmp     x7, #'9'
    csel    x7, x9, x7, hi
    put     w7
    subs    x6, x6, #4
    b.pl    3b
    mov     w7, #'\n'
    put     w7
    b       leave

text:
    .asciz "stamp: 0x"
    .balign 8
