// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/efi/boot_tree.hpp"
#include "arch/arm64/efi/loader.hpp"

namespace baton::arm64::efi {

/// Where the map of memory goes. ACPI reclaim memory: kernels leave that alone, the tenth as the
/// first, and so does Baton.
Attempt<std::span<std::byte>> make_room_for_map(Loader& loader);

/// Ends boot services: UEFI Specification 2.10, 7.4.6. After a refusal the firmware can do little
/// more than be returned to.
/// @param room of make_room_for_map
/// @return the map in `room`, with runtime services where they are (virtual = physical): Baton
///         never calls SetVirtualAddressMap, so that each kernel meets the same firmware
Attempt<MemoryMap> end_boot_services(const Loader& loader, std::span<std::byte> room);

} // namespace baton::arm64::efi
