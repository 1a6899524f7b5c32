// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstddef>
#include <span>

namespace baton::arm64 {

/// Gives the stack protector its secret. Only from a function that never returns: every frame that
/// exists now would look damaged.
void set_stack_guard(std::span<const std::byte> seed);

} // namespace baton::arm64
