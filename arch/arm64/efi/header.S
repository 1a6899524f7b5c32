// SPDX-License-Identifier: BSD-2-Clause
//
// The first page of baton.img, which is two formats at once: an arm64 Image (Linux's
// Documentation/arch/arm64/booting.rst, section 4) and a PE32+ EFI application (Microsoft's PE
// format; UEFI Specification 2.10, 2.1.1). The first two bytes are an instruction and the PE
// format's "MZ". A byte's place in the file is its place in memory, from the image's start: a loader
// that copies the file as it is does the same as one that reads the sections.
//
// tools/bundle adds sections behind the last; there is room for them to the end of the page.

    .equ    machine_arm64, 0xaa64
    .equ    file_executable, 0x0002 | 0x0020 | 0x0004 | 0x0200  // no lines, large addresses, no debug
    .equ    magic_pe32_plus, 0x20b
    .equ    subsystem_efi_application, 10
    .equ    dll_nx_compatible, 0x0100
    .equ    code, 0x00000020 | 0x20000000 | 0x40000000      // execute, read
    .equ    constants, 0x00000040 | 0x40000000              // read
    .equ    data, 0x00000040 | 0x40000000 | 0x80000000      // read, write
    .equ    section_alignment, 4096
    .equ    file_alignment, 512                             // baton.ld ends .data at such a place

    .section .head, "ax"
    .globl _start
_start:
    .long   0x91005a4d              // code0: "MZ", and add x13, x18, #22, which does no harm
    b       boot_entry              // code1
    .quad   0                       // text_offset
    .quad   __image_size
    .quad   0b1010                  // little-endian, 4 KiB pages, any 2 MiB-aligned base
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   pe_header - _start

pe_header:
    .ascii  "PE\0\0"
    .short  machine_arm64
    .short  (section_table_end - section_table) / 40
    .long   0                       // no time: the same sources make the same file
    .long   0, 0                    // no symbols
    .short  section_table - optional_header
    .short  file_executable

optional_header:
    .short  magic_pe32_plus
    .byte   0, 0                    // linker's version
    .long   __pe_text_size
    .long   __pe_initialized
    .long   __pe_data_zeros
    .long   __pe_entry
    .long   __pe_text
    .quad   0                       // ImageBase: none is better; nothing is relocated by the loader
    .long   section_alignment
    .long   file_alignment
    .short  0, 0                    // operating system's version
    .short  1, 0                    // image's
    .short  0, 0                    // subsystem's
    .long   0
    .long   __image_size            // SizeOfImage
    .long   __pe_text               // SizeOfHeaders
    .long   0                       // checksum: EFI loaders do not look at it
    .short  subsystem_efi_application
    .short  dll_nx_compatible
    .quad   0, 0, 0, 0              // stack and heap: not for EFI
    .long   0
    .long   (section_table - directories) / 8
directories:                        // none is used; a signature goes into the fifth
    .quad   0, 0, 0, 0, 0, 0

section_table:
    .ascii  ".text\0\0\0"
    .long   __pe_text_size, __pe_text, __pe_text_size, __pe_text
    .long   0, 0, 0, code
    .ascii  ".rodata\0"
    .long   __pe_rodata_size, __pe_rodata, __pe_rodata_size, __pe_rodata
    .long   0, 0, 0, constants
    .ascii  ".data\0\0\0"
    .long   __pe_data_size, __pe_data, __pe_data_file_size, __pe_data
    .long   0, 0, 0, data
section_table_end:
