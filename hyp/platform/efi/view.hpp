// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/platform/efi/firmware.hpp"
#include "hyp/platform/guest/guest_description.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"
#include "hyp/types.hpp"

#include <cstddef>
#include <span>

/// A kernel's view of a machine that UEFI and ACPI describe: what Linux's EFI stub would have left
/// behind for it.
namespace baton::efi {

/// What a view begins and ends at: the largest page of a kernel. None shares one with it.
inline constexpr u64 view_alignment = 64 * KiB;

/// Builds it in `buffer`. It uses whole multiples of view_alignment.
/// @param platform that was read from the firmware's tables
/// @param where the buffer lies, a multiple of view_alignment, in memory of the kernel's
/// Errors: no_room; bad_range (of `where`); unsupported (no MADT, a spin table).
///
/// It is made of
/// - a small DTB with nothing in it but /chosen, so that Linux takes ACPI: the request's bootargs,
///   initrd, seed and modules, and `linux,uefi-*`;
/// - an EFI system table without boot services, for they have ended. The configuration table is the
///   firmware's, but for the DTB, which describes another machine, and what was for one kernel
///   alone: the initrd, and the seed, in whose place is a new one. A list of reserved memory is its
///   own (guid::memreserve): Linux adds to it, and warns where there is none;
/// - an RSDP and an XSDT of its own, with the firmware's tables where they are. It has an MADT of
///   its own, in which CPUs of others are disabled, and, for a guest, has no FADT that names
///   another way to call Baton than by its own. Tables are left out whose promises are not kept: a
///   picture in memory that kernels use (BGRT), and what the architecture says;
/// - a memory map (guest_map.hpp), in which the view itself is ACPI's.
/// All of it but the seeds and addresses is a function of the firmware's and of the request.
///
/// The states of the result are, in the MADT, the flags of CPUs and the types of controllers of
/// messages. No console or counters of Baton's own, and no shared memory: there is no AML for them.
Result<> build_view(const Firmware& firmware, const Platform& platform, const GuestRequest& request,
                    std::span<std::byte> buffer, PhysAddr where, GuestDescription& result);

// --- changes in a finished view; see guest_description.hpp ---------------------------------------

/// @param madt where the table is
/// @param flags of the CPU's entry
Changes disable_cpu(std::span<std::byte> view, u32 madt, u32 flags);
/// @param entry of the controller
Changes disable_message_controller(std::span<std::byte> view, u32 madt, u32 entry);
/// @param first of the spare entries
Changes reserve_in_place(std::span<std::byte> view, u32 first, u32 at, PhysRange range);

} // namespace baton::efi
