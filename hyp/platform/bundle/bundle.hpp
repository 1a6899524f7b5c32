// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"

/// Boot images that no node of the DTB names, because they came with Baton in one file. Of several
/// sources one counts:
///  1. `multiboot,module` nodes in /chosen: parse_chosen has read them;
///  2. sections behind Baton's own in the file that it was loaded from. What was put in there
///  counts
///     before what a loader brings, so that a signed file starts nothing that is not signed;
///  3. the archive that the loader calls an initrd (`linux,initrd-start`, `linux,initrd-end`).
///
/// With 2, if the bundle has no initrd of its own for the first kernel, the loader's becomes that.
/// With 2 and 3 the loader's command line counts: its words are Baton's where they begin with
/// `baton.`, and behind those of the bundle; if there are others, they are the first kernel's
/// instead of the bundle's. So `BOOT_IMAGE=` of GRUB is no such word.
namespace baton {

/// After parse_memory and parse_chosen: reads what these have not. Notes tell what was left out.
/// Never fails for what is in a bundle.
Result<> parse_bundle(const Fdt& fdt, Platform& platform);

} // namespace baton
