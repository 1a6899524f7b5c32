// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/efi/loader.hpp"

namespace baton::arm64::efi {

/// As Linux counts in linux,uefi-secure-boot (enum efi_secureboot_mode).
enum class SecureBoot : u32 { unknown = 1, disabled = 2, enabled = 3 };

/// By the variables SecureBoot and SetupMode (UEFI Specification 2.10, 3.3), and shim's: its user
/// may have turned verification off.
SecureBoot read_secure_boot(const Loader& loader);

} // namespace baton::arm64::efi
