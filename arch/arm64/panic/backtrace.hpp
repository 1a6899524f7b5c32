// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"

#include <string_view>

namespace baton::arm64 {

/// A place in Baton's code: the function it lies in and the offset from that function's start.
struct Symbol {
    std::string_view name = "?";
    u64 offset = 0;
};

/// Looks `address` up in the table that the build puts into the image (tools/lib/symbols.py).
Symbol find_symbol(u64 address);

/// Logs the call chain that starts at `pc` and the frame pointer `fp`, at most 24 frames, with
/// `name+offset` for each. Reads only within [fp, stack_end) and stops at the first frame that
/// does not lie above its callee's (AAPCS64 6.4.6).
void log_backtrace(u64 pc, u64 fp, u64 stack_end);

} // namespace baton::arm64
