// SPDX-License-Identifier: BSD-2-Clause
// The stillest guest: says on the PL011 that it was entered, then sleeps with all interrupts masked and writes no
// memory ever again. Who looks at the machine's RAM from outside then sees what others write into it.
    .equ uart, 0x09000000

    b entry
    .word 0
    .quad 0                     // text_offset
    .quad end - _start          // image_size
    .quad 0xa                   // little-endian, 4 KiB pages, anywhere in RAM
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .word 0
entry:
    msr daifset, #15
    mov x0, #uart
    adr x1, text
say:
    ldrb w2, [x1], #1
    cbz w2, sleep
    str w2, [x0]
    b say
sleep:
    wfi
    b sleep
text:
    .asciz "still: entered\n"

    // What is looked for in RAM; the test appends random bytes.
    .balign 4096
end:
    .globl _start
    .equ _start, entry - 64
