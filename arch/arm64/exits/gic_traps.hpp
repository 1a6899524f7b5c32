// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/exits/trap_map.hpp"
#include "arch/arm64/platform/arch_platform.hpp"

namespace baton::arm64 {

/// The frames of the GIC, at their own addresses, are the VM's virtual GIC to its guest.
/// @param has_its the guest finds the ITSs too
/// False: no room in the map.
[[nodiscard]] bool add_gic_traps(const GicInfo& gic, bool has_its, TrapMap& traps);

} // namespace baton::arm64
