// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// What assembly and C++ of the guest library share: macros, for the assembler knows no constexpr.
// Each is checked by a static_assert next to its struct.

#define CPU_STACK_TOP 0
#define CPU_ENTRY_STATE 8

#define FRAME_SIZE 288
#define FRAME_SP 248
#define FRAME_ELR 256
#define FRAME_ESR 272
