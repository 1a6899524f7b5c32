// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/memory/range_set.hpp"
#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/firmware_tables.hpp"
#include "hyp/platform/parse/uart.hpp"
#include "hyp/result.hpp"
#include "hyp/static_vector.hpp"
#include "hyp/types.hpp"

#include <optional>
#include <span>
#include <string_view>

/// What the machine is made of, read once at boot: from the firmware's DTB, or from ACPI's tables
/// and the EFI memory map. Interrupts go by their numbers at the machine's interrupt controller.
namespace baton {

struct CpuInfo {
    u64 firmware_id = 0;          ///< the firmware's name for it
    std::optional<u32> phandle{}; ///< of its node
    /// Of Platform::cluster_count, by the node of the cluster's counters that names it: it shares
    /// these with the others. Nothing: its cluster's registers are not to be touched.
    std::optional<u32> cluster{};
};

/// Memory that the firmware or the DTB's author set aside.
struct ReservedRange {
    PhysRange range;
    bool no_map = false; ///< the guest may not even map it
    /// Who set it aside did not say for what: the guest may know, Baton does not map it, for even a
    /// speculative access to it can be an error.
    bool opaque = false;
};

/// The one that takes the interrupts of all CPUs and devices, and that their numbers are of.
struct InterruptController {
    FdtNode node{};
    std::optional<u32> phandle{};
    u32 cells = 0; ///< of a specifier
};

/// A stretch of a host bridge's outbound address space.
struct PciWindow {
    enum class Kind { io, memory32, memory64 };
    Kind kind;
    bool prefetchable;
    PhysRange cpu; ///< where the CPU sees it
    u64 pci_base;  ///< where functions see its begin
};

/// A generic ECAM host bridge: function (bus, device, function) has its 4 KiB of configuration
/// space at ecam.begin + ((bus - first_bus) << 20 | device << 15 | function << 12).
struct PciHost {
    PhysRange ecam; ///< cut to what first_bus to last_bus need; empty: it is none of these
    u8 first_bus = 0;
    u8 last_bus = 0;
    StaticVector<PciWindow, 12> windows; ///< boards have up to 7
};

/// One kernel that the loader brought, from a pair of `multiboot,module` nodes or from a bundle.
struct BootImage {
    PhysRange kernel;
    std::optional<PhysRange> ramdisk;
    std::string_view bootargs; ///< empty if the kernel's module has none
};

struct ArchPlatform;

/// Eight command lines as long as a kernel takes them, and options.
using PlatformText = StaticVector<char, 20 * KiB>;

using DeviceRanges = RangeSet<1024>;
using BootImages = StaticVector<BootImage, 8>; ///< the one to boot, the next …

/// Large (tens of KiB): set once at boot, never on a stack. String views and nodes point into the
/// DTB that it was read from.
struct Platform {
    static constexpr usize max_ram_ranges = 256;
    static constexpr usize max_reserved = 512;
    static constexpr u32 max_clusters = 128;

    /// In the DTB's order, without those that it says are broken. CpuId indexes it.
    StaticVector<CpuInfo, max_cpus> cpus;
    u32 cluster_count = 0;        ///< those with counters; the numbers in CpuInfo are below it
    RangeSet<max_ram_ranges> ram; ///< whole pages
    StaticVector<ReservedRange, max_reserved> reserved; ///< byte ranges, unsorted, some in `ram`
    /// Whole pages to map as devices for the guest; without RAM and without what the architecture
    /// keeps: the interrupt controller's. By the DTB every enabled node's registers, PCI windows
    /// and ECAM. By ACPI's tables all the rest of the address space: most devices are told of in
    /// AML, which Baton does not read.
    DeviceRanges devices;
    /// What is the architecture's: its to define, the caller's to provide.
    ArchPlatform* arch = nullptr;
    InterruptController interrupt_controller;
    bool has_message_controllers = false; ///< that a VM may have
    /// Their phandles, as far as they have one.
    StaticVector<u32, 64> message_controllers;
    std::optional<UartInfo> uart;        ///< FirstLook's or SPCR's, if Baton can drive it
    StaticVector<PciHost, 16> pci_hosts; ///< without windows by ACPI's tables
    /// Register frames, not rounded to pages. None by ACPI's tables: they are in AML.
    StaticVector<PhysRange, 64> virtio_mmio;
    BootImages boot_images;    ///< of the host VM
    std::string_view bootargs; ///< Baton's own, from /chosen or a bundle
    PlatformText text;         ///< what of the words above no DTB holds
    /// The firmware's entropy, kaslr-seed and rng-seed in one; good for one kernel only.
    StaticVector<std::byte, 72> seed;

    /// Where the description was read from ACPI's tables, and not from a DTB: these.
    std::optional<FirmwareTables> tables;

    /// When parse_platform fails: what was wrong, in words.
    const char* fault = "";
    /// What was left out, in words; only the first few.
    StaticVector<const char*, 8> notes;

    /// Where the boot images came from, if that was a bundle; or empty.
    PhysRange bundle;
};

/// The DTB at `address` by the size in its header.
/// @param address readable for 2 MiB, the most that the boot protocol allows a DTB
/// Errors: bad_dtb (no magic number, not 8-byte aligned, size beyond 2 MiB).
Result<std::span<const std::byte>> locate_dtb(const void* address);

/// Reads a DTB into `platform`, which must be freshly made but for `arch`, that is set. Any bytes
/// are safe to pass: a damaged DTB is refused or read as far as it makes sense, never read beyond
/// its end. Errors, told in words by platform.fault: bad_dtb, too_many, and unsupported for
/// machines without what the architecture asks for.
Result<void> parse_platform(std::span<const std::byte> dtb, Platform& platform);

/// Has a platform refer to a copy of the DTB that it was read from.
void refer_to(std::span<const std::byte> copy, std::span<const std::byte> dtb, Platform& platform);

/// @param firmware_id CpuInfo's
std::optional<CpuId> find_cpu(const Platform& platform, u64 firmware_id);

} // namespace baton
