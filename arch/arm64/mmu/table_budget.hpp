// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/types.hpp"

namespace baton::arm64 {

/// How many pages the tables of a host VM's stage-2 root take at most.
/// @param ranges of memory and devices that the machine's description names
/// @param whole  the end of the addresses, if devices are all that is not RAM; or 0
constexpr u64 host_table_pages(u64 ranges, PhysAddr whole) {
    constexpr u64 root_and_pieces = 256;     // what slots, Baton and other VMs cut out
    constexpr u64 span_of_table = 512 * GiB; // of 1 GiB blocks: there is no larger one
    constexpr u64 per_range = 4;             // each end can need one more table at two levels
    return root_and_pieces + whole.value / span_of_table + per_range * ranges;
}

} // namespace baton::arm64
