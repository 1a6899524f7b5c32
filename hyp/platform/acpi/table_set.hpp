// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/acpi/tables.hpp"
#include "hyp/platform/firmware_tables.hpp"
#include "hyp/platform/physical_memory.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"

#include <optional>
#include <string_view>

namespace baton::acpi {

/// Reads the tables that the root table lists into `platform.tables`: of those that hold code
/// (SSDT) the header, of all others the whole. What does not lie in memory, or has a length that it
/// cannot have, is left out. One whose checksum is wrong is read all the same, as Linux does, but
/// there is a note.
/// @param platform its RAM is known, and its EFI configuration tables
/// Errors, told in words by platform.fault: unsupported (there are none, or they cannot be read),
/// bad_dtb (damaged), too_many.
Result<> read_tables(PhysicalMemory memory, Platform& platform);

/// The first one with this signature.
std::optional<Bytes> find_table(const Platform& platform, std::string_view signature);

} // namespace baton::acpi
