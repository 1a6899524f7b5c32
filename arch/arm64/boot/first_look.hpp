// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/platform.hpp"

namespace baton::arm64 {

/// Options, console, and how the firmware is called. Comes before anything that can be refused:
/// from here on a refusal is printed, and ends the machine as the options say.
/// @param dtb any bytes
void take_first_look(Bytes dtb);

/// The same of what no DTB tells: the console and PSCI of ACPI's tables, the options of a bundle.
/// @param platform as far as it was read, if it is refused
void take_second_look(const Platform& platform);

} // namespace baton::arm64
