// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/efi/loader.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace baton::arm64::efi {

/// The initrd that the loader offers, read into memory of its own: by LoadFile2 (Linux's vendor
/// media device path: GRUB, systemd-boot, U-Boot, EDK2 under QEMU), or else the file that the load
/// options name. Nothing: there is neither. One that is there and cannot be read is a refusal.
/// @param path on the file system that Baton came from, with / or \; empty: none
Attempt<std::optional<std::span<std::byte>>> read_initrd(Loader& loader, std::string_view path);

} // namespace baton::arm64::efi
