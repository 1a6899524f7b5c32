// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"

#include <cstddef>
#include <span>

namespace baton::arm64 {

/// Reads the machine's description (baton::read_machine) with the MMU on the first map, to which
/// what it names is added.
/// @param dtb that the loader passed
Result<> read_machine_early(std::span<const std::byte> dtb, Platform& platform);

/// The first address that this CPU's tables do not reach.
PhysAddr end_of_addresses();

} // namespace baton::arm64
