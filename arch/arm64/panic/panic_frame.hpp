// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/asm_offsets.hpp"
#include "hyp/types.hpp"

#include <cstddef>

namespace baton::arm64 {

/// vectors.S: the registers of Baton at the moment of an exception from EL2.
struct alignas(16) PanicFrame {
    u64 x[31];
    u64 sp;
    u64 kind; ///< 0: synchronous, then IRQ, FIQ, SError
    u64 unused;
};
static_assert(sizeof(PanicFrame) == PANIC_FRAME_SIZE);
static_assert(offsetof(PanicFrame, sp) == PANIC_FRAME_SP);
static_assert(offsetof(PanicFrame, kind) == PANIC_FRAME_KIND);

} // namespace baton::arm64
