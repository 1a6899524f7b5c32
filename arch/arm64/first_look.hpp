// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/fdt.hpp"

namespace baton::arm64 {

/// Options, console, and how the firmware is called. Comes before anything that can be refused:
/// from here on a refusal is printed, and ends the machine as the options say.
/// @param dtb any bytes
void take_first_look(Bytes dtb);

} // namespace baton::arm64
