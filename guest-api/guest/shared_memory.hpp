// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/smccc.hpp"
#include "hyp/address.hpp"

#include <optional>

/// Memory that this VM shares with another one, and the bell of each: an SPI that the other one's
/// call sets pending.
namespace baton::guest {

struct SharedMemory {
    PhysRange range;
    u32 bell = 0;   ///< INTID, edge-triggered
    u64 number = 0; ///< of the region, in calls

    /// The first one of the DTB, mapped as Normal memory. Before other CPUs run.
    static std::optional<SharedMemory> find();

    /// Rings the other VM. BATON_OK or an error.
    CallResult ring() const { return ring(number); }
    static CallResult ring(u64 number);
};

} // namespace baton::guest
