// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

/// The guest's initrd as an archive of files: cpio's "newc" format (Linux's
/// Documentation/driver-api/early-userspace/buffer-format.rst).
namespace baton::guest {

/// A file's contents; empty if there is none of that name.
std::span<const std::byte> archived(std::string_view name);

/// The whole archive.
std::span<const std::byte> archive();

} // namespace baton::guest
