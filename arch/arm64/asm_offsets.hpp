// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// The layout that assembly and C++ share: macros, for the assembler knows no constexpr. Each is
// checked by a static_assert next to its struct.

#define PERCPU_STACK_TOP 0
#define PERCPU_EMERGENCY_STACK_TOP 8
#define PERCPU_TRANSLATION 16

#define GUEST_FRAME_SIZE 256
#define PANIC_FRAME_SIZE 272
#define PANIC_FRAME_SP 248
#define PANIC_FRAME_KIND 256
