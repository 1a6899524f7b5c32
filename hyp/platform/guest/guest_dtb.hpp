// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/guest/guest_description.hpp"
#include "hyp/result.hpp"
#include "hyp/static_vector.hpp"
#include "hyp/types.hpp"

#include <span>

/// The DTB for the next kernel: the firmware's, copied node by node through a filter.
namespace baton {

/// The boot protocol allows no more.
inline constexpr u64 max_dtb_size = 2 * MiB;

/// The size of an entry of the memory reservation block.
inline constexpr u32 reservation_size = 16;

/// The states are the values of `status` of the CPUs and of the controllers of messages; spare
/// reservations begin at the empty entry that ends the memory reservation block.
struct GuestDtb : GuestDescription {
    /// What the building works in: too large for a stack.
    struct Scratch {
        StaticVector<u32, 128> hidden; ///< phandles of controllers of messages
        StaticVector<int, 256> core;   ///< offsets of the nodes that every VM has
    };
    Scratch scratch;
};

/// Builds the DTB in `buffer`.
/// @param firmware the DTB that Baton got, unchanged, already accepted by parse_platform; the one
///        that request.division was read from
/// @param buffer 8-byte aligned; may not overlap `firmware`
/// Errors: bad_dtb, too_many (nesting, MSI controllers), no_room (buffer too small, or the result
/// larger than max_dtb_size).
///
/// A VM of several: GuestDtbFilter says which nodes it gets. Its CPUs and its memory are its own,
/// aliases are those that lead somewhere; a node `baton,shared-memory` for each region that it
/// shares. Interrupts of what Baton makes are in the place of the UART's own.
///
/// What differs from the firmware's for a guest: /memory has what of `request.memory` lay in it;
/// /chosen has the request's bootargs, initrd and seed, and no modules and no EFI tables; the
/// firmware is Baton; no idle states; no controller of messages that the guest has not, and nothing
/// that refers to one;
/// every cpu node has a `status`: "okay" for those in Platform::cpus, "fail" for all others. So has
/// every controller of messages that is enabled: "okay". And it has the counters of the request.
Result<void> build_guest_dtb(std::span<const std::byte> firmware, const GuestRequest& request,
                             std::span<std::byte> buffer, GuestDtb& result);

} // namespace baton
