// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/efi/loader.hpp"

/// Baton as an EFI application: makes ready what the arm64 boot protocol asks of a loader, ends
/// boot services and enters Baton by it.
namespace baton::arm64::efi {

/// Does not return if Baton can be started. A refusal has been told on the firmware's console.
extern "C" Status efi_main(Handle image, SystemTable* system);

} // namespace baton::arm64::efi
