// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/dtb/fdt_writer.hpp"
#include "hyp/platform/guest/guest_description.hpp"

/// What of a kernel's /chosen is not the firmware's.
namespace baton {

/// Command line, initrd and seeds.
void write_chosen(FdtWriter& writer, const GuestRequest& request);

/// The nodes of the boot modules, for a hypervisor.
/// @param cells of a `reg` below /chosen
void write_modules(FdtWriter& writer, CellCounts cells, std::span<const DtbModule> modules);

} // namespace baton
