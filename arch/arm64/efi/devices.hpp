// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/efi/loader.hpp"

namespace baton::arm64::efi {

/// Stops the firmware's drivers of PCI functions, but for those that may hold its console, and
/// takes Bus Master from every function: no device writes into memory that is somebody else's from
/// now on. Files cannot be read any more afterwards.
void rest_devices(Loader& loader);

} // namespace baton::arm64::efi
