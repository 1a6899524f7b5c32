// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/acpi/tables.hpp"

/// What of ACPI's tables is Arm's: ACPI Specification 6.5, 5.2.9.4, 5.2.12.14 to 5.2.12.18, 5.2.25.
namespace baton::arm64::acpi {

using baton::acpi::MadtEntry;
using baton::acpi::TableHeader;

// Fadt::arm_boot_architecture
inline constexpr u16 psci_compliant = 1 << 0;
inline constexpr u16 psci_use_hvc = 1 << 1;

enum class MadtType : u8 {
    gicc = 0x0b,
    gicd = 0x0c,
    gic_msi_frame = 0x0d,
    gicr = 0x0e,
    gic_its = 0x0f,
};

/// GICC: a CPU, with its part of the GIC. Tables before 6.0 end behind mpidr, those before 6.5
/// behind spe_interrupt; what is not there reads as 0.
struct [[gnu::packed]] MadtGicc {
    static constexpr u32 enabled = 1 << 0;
    static constexpr u32 performance_interrupt_is_edge = 1 << 1;
    static constexpr u32 maintenance_interrupt_is_edge = 1 << 2;
    static constexpr u32 online_capable = 1 << 3;

    MadtEntry head;
    u16 reserved;
    u32 interface_number;
    u32 uid; ///< that the CPU has in AML and in the other tables
    u32 flags;
    u32 parking_protocol;
    u32 performance_interrupt; ///< GSIV; 0: none
    u64 parked_address;
    u64 gicc_base;
    u64 gicv_base;
    u64 gich_base;
    u32 maintenance_interrupt; ///< GSIV
    u64 gicr_base;             ///< of this CPU's Redistributor; 0: there are GICR structures
    u64 mpidr;
    u8 efficiency_class;
    u8 reserved2;
    u16 spe_interrupt;
    u16 trbe_interrupt;
};
static_assert(sizeof(MadtGicc) == 82);
inline constexpr usize gicc_size_5_1 = 76;
inline constexpr usize gicc_flags_offset = 12;
inline constexpr usize gicc_mpidr_offset = 68;

/// GICD: there is exactly one.
struct [[gnu::packed]] MadtGicd {
    MadtEntry head;
    u16 reserved;
    u32 id;
    u64 base;
    u32 vector_base;
    u8 version; ///< 0: not told, 1 to 4
    std::array<u8, 3> reserved2;
};
static_assert(sizeof(MadtGicd) == 24);

/// GIC MSI frame: a GICv2m.
struct [[gnu::packed]] MadtMsiFrame {
    MadtEntry head;
    u16 reserved;
    u32 id;
    u64 base;
    u32 flags;
    u16 spi_count;
    u16 spi_base;
};
static_assert(sizeof(MadtMsiFrame) == 24);

/// GICR: a discovery range of Redistributors.
struct [[gnu::packed]] MadtGicr {
    MadtEntry head;
    u16 reserved;
    u64 base;
    u32 length; ///< bytes
};
static_assert(sizeof(MadtGicr) == 16);

/// GIC ITS.
struct [[gnu::packed]] MadtIts {
    MadtEntry head;
    u16 reserved;
    u32 id; ///< that IORT has for it
    u64 base;
    u32 reserved2;
};
static_assert(sizeof(MadtIts) == 20);

/// 5.2.25: Generic Timer Description Table. Since revision 3 GtdtVirtualEl2 follows.
struct [[gnu::packed]] Gtdt {
    TableHeader header; ///< "GTDT"
    u64 count_control;
    u32 reserved;
    u32 secure_el1; ///< GSIV, as all of these; 0: none
    u32 secure_el1_flags;
    u32 nonsecure_el1;
    u32 nonsecure_el1_flags;
    u32 virtual_el1;
    u32 virtual_el1_flags;
    u32 el2;
    u32 el2_flags;
    u64 count_read;
    u32 platform_timers;
    u32 platform_timers_offset;
};
static_assert(sizeof(Gtdt) == 96);

struct [[gnu::packed]] GtdtVirtualEl2 {
    u32 interrupt;
    u32 flags;
};

} // namespace baton::arm64::acpi
