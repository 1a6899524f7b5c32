// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/bytes.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"

/// The parts of arch::parse_tables. Each fills its share of Platform, and sets Platform::fault when
/// it fails: bad_dtb (damaged), unsupported, too_many.
namespace baton::arm64::acpi {

/// CPUs, with the interrupts that are private to each: ACPI Specification 6.5, 5.2.12.14.
Result<> parse_cpus(Bytes madt, Platform& platform);
/// Distributor, Redistributors and ITSs: 5.2.12.15 to 5.2.12.18. After parse_cpus.
Result<> parse_gic(Bytes madt, Platform& platform);
/// 5.2.25.
Result<> parse_timer(Bytes gtdt, Platform& platform);
/// FADT, 5.2.9.4.
Result<> parse_psci(Bytes fadt, Platform& platform);

/// A GSIV that is a PPI's; 0 and all others: nothing.
std::optional<u32> private_gsiv(u32 gsiv);

} // namespace baton::arm64::acpi
