// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"

namespace baton::arch {

/// What of ACPI's tables is the architecture's: CPUs, and what it keeps in Platform::arch. Sets
/// Platform::has_message_controllers, and Platform::fault when it fails.
/// @param platform its tables have been read
/// Errors: unsupported, bad_dtb (damaged), too_many.
Result<> parse_tables(Platform& platform);

} // namespace baton::arch
