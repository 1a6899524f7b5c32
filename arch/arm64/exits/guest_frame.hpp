// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/asm_offsets.hpp"
#include "hyp/types.hpp"

namespace baton::arm64 {

/// The general registers of the guest that this CPU left, at the top of its stack (vectors.S).
struct alignas(16) GuestFrame {
    u64 x[31];
    u64 unused;
};
static_assert(sizeof(GuestFrame) == GUEST_FRAME_SIZE);

} // namespace baton::arm64
