// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/platform/efi/firmware.hpp"
#include "hyp/platform/efi/handoff.hpp"
#include "hyp/static_vector.hpp"
#include "hyp/types.hpp"

#include <span>

namespace baton {

/// The firmware's tables as they were before any guest ran, for the kernels' own. All bytes lie
/// where the firmware put them until keep() moves them to a place of Baton's. Stays where it is
/// made: `firmware` refers to it.
struct FirmwareTables {
    efi::Handoff handoff{};
    PhysAddr configuration_address{}; ///< physical, whatever the system table says
    StaticVector<efi::AcpiTable, 256> acpi{};
    efi::Firmware firmware{};

    /// Bytes that keep() takes.
    usize kept_size() const;
    /// Copies all of it to `room`, which outlives it, and refers to the copies from now on.
    /// @param room of kept_size() bytes, 8-byte aligned
    void keep(std::span<std::byte> room);
};

} // namespace baton
