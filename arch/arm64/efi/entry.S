// SPDX-License-Identifier: BSD-2-Clause
//
// In from UEFI firmware, which calls the image as a function on its own stack, MMU and caches on:
// UEFI Specification 2.10, 2.3.6.

#include "arch/arm64/boot/entry_macros.inc"

    .text

// x0 = the image's handle, x1 = the system table. Returns a status.
function efi_entry
    bti     c
    stp     x29, x30, [sp, #-16]!
    mov     x29, sp
    // boot_entry does the same again. Until then nothing is written but .bss, which it clears, so that
    // Baton finds .data as it was loaded.
    adrp    x8, __image_start
    relocate x8
    bl      efi_main
    ldp     x29, x30, [sp], #16
    ret

// x0 = DTB. The image has been cleaned and invalidated to the PoC; boot services have ended.
function leave_firmware
    bti     c
    msr     daifset, #0xf           // the firmware's vectors are of no use any more
    mrs     x9, sctlr_el2
    mov     x10, #(1 << 0 | 1 << 2)
    bic     x9, x9, x10
    dsb     sy                      // the cleaning is complete
    msr     sctlr_el2, x9
    isb                             // MMU and data cache are off from the next instruction on
    b       boot_entry
