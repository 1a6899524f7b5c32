// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// The layout that assembly and C++ share: macros, for the assembler knows no constexpr. Each is
// checked by a static_assert next to its struct.

#define PERCPU_STACK_TOP 0
#define PERCPU_EMERGENCY_STACK_TOP 8
#define PERCPU_TRANSLATION 16
#define PERCPU_EL2_CONTROLS 48

#define EL2_CONTROLS_SCTLR 8
#define EL2_CONTROLS_TCR 16
#define EL2_CONTROLS_TTBR0 24
#define EL2_CONTROLS_MAIR 32
#define EL2_CONTROLS_VBAR 40
#define EL2_CONTROLS_TPIDR 48

#define GUEST_FRAME_SIZE 256
#define PANIC_FRAME_SIZE 272
#define PANIC_FRAME_SP 248
#define PANIC_FRAME_KIND 256
