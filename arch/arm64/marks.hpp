// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/mark_numbers.hpp"

namespace baton::arm64 {

/// An instruction without effect, which tools/lib/plugin looks for.
template <unsigned number>
inline void mark() {
    asm volatile("hint %0" ::"i"(number) : "memory");
}

} // namespace baton::arm64
