// SPDX-License-Identifier: BSD-2-Clause
//
// A bare-metal image that is entered at EL2 and changes as little as it can before it has looked.

#include "guest-api/guest/image_entry.inc"

    .section .head, "ax"
    image_header boot_entry

    .text
    .balign 4
boot_entry:
    mov     x19, x0
    make_ready
    address x1, boot_stack_top
    mov     sp, x1
    mov     x0, x19
    bl      dump_boot_cpu
    b       .

// From PSCI CPU_ON or a spin table. One at a time: they share a stack.
    .globl ap_entry
    .balign 4
ap_entry:
    address x1, ap_stack_top
    mov     sp, x1
    bl      dump_ap
    b       .

    .section .bss.noinit, "aw", %nobits
    .balign 4096
    .space  8192
boot_stack_top:
    .space  8192
ap_stack_top:
