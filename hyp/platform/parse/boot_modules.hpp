// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"

namespace baton {

/// Reads the `multiboot,module` nodes below `node` into kernels with their ramdisks, ascending by
/// the kernel's address. A kernel's ramdisk is the one that its property `baton,ramdisk` names by
/// phandle; of a single kernel, the one that there is; or else the one that follows it by address.
/// @param node /chosen or a VM's
/// @param cells of the root: what counts where `node` has no cell counts of its own
/// @param problem what was left out, in words; as it was if nothing
/// Errors: too_many.
Result<> read_boot_images(FdtNode node, CellCounts cells, BootImages& images, const char*& problem);

} // namespace baton
