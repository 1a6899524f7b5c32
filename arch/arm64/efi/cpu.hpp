// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstddef>
#include <span>

namespace baton::arm64::efi {

bool runs_at_el2();

/// Into Baton as every other loader does it (booting.rst): MMU and data cache off, and nothing of
/// the image or the DTB in a cache that is not in memory.
[[noreturn]] void enter_baton(std::span<const std::byte> dtb);

} // namespace baton::arm64::efi
