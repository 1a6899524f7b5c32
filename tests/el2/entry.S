// SPDX-License-Identifier: BSD-2-Clause
//
// A bare-metal image that is entered at EL2 and changes as little as it can before it has looked.

#include "guest-api/guest/layout.hpp"

    .section .head, "ax"
    b       boot_entry              // code0
    nop                             // code1
    .quad   0                       // text_offset
    .quad   guest_image_size
    .quad   0b1010                  // little-endian, 4 KiB pages, any 2 MiB-aligned base
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

    .text
    .balign 4
boot_entry:
    mov     x19, x0
    adrp    x1, guest_bss_begin
    add     x1, x1, :lo12:guest_bss_begin
    adrp    x2, guest_bss_end
    add     x2, x2, :lo12:guest_bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  adrp    x1, guest_image
    adrp    x2, guest_rela_begin
    add     x2, x2, :lo12:guest_rela_begin
    adrp    x3, guest_rela_end
    add     x3, x3, :lo12:guest_rela_end
3:  cmp     x2, x3
    b.hs    4f
    ldr     x4, [x2]
    ldr     x5, [x2, #16]
    add     x5, x5, x1
    str     x5, [x1, x4]
    add     x2, x2, #24
    b       3b
4:  adrp    x1, boot_stack_top
    add     x1, x1, :lo12:boot_stack_top
    mov     sp, x1
    mov     x0, x19
    bl      dump_boot_cpu
    b       .

// From PSCI CPU_ON or a spin table. One at a time: they share a stack.
    .globl ap_entry
    .balign 4
ap_entry:
    adrp    x1, ap_stack_top
    add     x1, x1, :lo12:ap_stack_top
    mov     sp, x1
    bl      dump_ap
    b       .

    .section .bss.noinit, "aw", %nobits
    .balign 4096
    .space  8192
boot_stack_top:
    .space  8192
ap_stack_top:
