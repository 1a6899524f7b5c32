// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/bytes.hpp"
#include "hyp/types.hpp"

#include <array>
#include <string_view>

/// ACPI's tables as they lie in memory: ACPI Specification 6.5, chapter 5.2. Fields have any
/// alignment, and none of it can be trusted.
namespace baton::acpi {

using Signature = std::array<char, 4>;

constexpr bool is(const Signature& signature, std::string_view text) {
    return std::string_view{signature.data(), signature.size()} == text;
}

/// 5.2.5.3: Root System Description Pointer.
struct [[gnu::packed]] Rsdp {
    std::array<char, 8> signature; ///< "RSD PTR "
    u8 checksum;                   ///< makes the first 20 bytes add up to 0
    std::array<char, 6> oem_id;
    u8 revision; ///< 0: ends here but for rsdt; 2: all of it
    u32 rsdt;
    u32 length;
    u64 xsdt;
    u8 extended_checksum; ///< makes `length` bytes add up to 0
    std::array<u8, 3> reserved;
};
static_assert(sizeof(Rsdp) == 36);
inline constexpr usize rsdp_size_1_0 = 20;

/// 5.2.6: with which every table begins.
struct [[gnu::packed]] TableHeader {
    Signature signature;
    u32 length; ///< of the whole table
    u8 revision;
    u8 checksum; ///< makes all bytes of it add up to 0
    std::array<char, 6> oem_id;
    std::array<char, 8> oem_table_id;
    u32 oem_revision;
    u32 creator_id;
    u32 creator_revision;
};
static_assert(sizeof(TableHeader) == 36);

/// What follows in an RSDT are u32, in an XSDT u64: addresses of tables.
inline constexpr usize root_entries_offset = sizeof(TableHeader);

/// 5.2.3.2: Generic Address Structure.
struct [[gnu::packed]] GenericAddress {
    enum class Space : u8 { memory = 0, io = 1, pci_config = 2 };
    Space space;
    u8 bit_width;
    u8 bit_offset;
    u8 access_size; ///< 0: not told; 1 to 4: 8 to 64 bits
    u64 address;
};
static_assert(sizeof(GenericAddress) == 12);

/// 5.2.9: Fixed ACPI Description Table, as far as Baton reads it.
struct [[gnu::packed]] Fadt {
    TableHeader header; ///< "FACP"
    u32 firmware_control;
    u32 dsdt;
    std::array<u8, 68> legacy;
    u32 flags;
    GenericAddress reset_register;
    u8 reset_value;
    u16 arm_boot_architecture;
    u8 minor_revision;
    u64 x_firmware_control;
    u64 x_dsdt;
};
static_assert(sizeof(Fadt) == 148);
inline constexpr u32 fadt_hardware_reduced = 1U << 20;

/// 5.2.12: Multiple APIC Description Table, which lists the parts of the interrupt controller,
/// CPUs among them. Entries follow, each of which begins with a MadtEntry. What is in them is the
/// architecture's.
struct [[gnu::packed]] Madt {
    TableHeader header; ///< "APIC"
    u32 local_controller;
    u32 flags;
};
static_assert(sizeof(Madt) == 44);

struct [[gnu::packed]] MadtEntry {
    u8 type;
    u8 length; ///< with these two bytes
};

/// PCI Firmware Specification 3.3, 4.1.2: where each segment's configuration space is. McfgEntry
/// follow.
struct [[gnu::packed]] Mcfg {
    TableHeader header; ///< "MCFG"
    u64 reserved;
};
static_assert(sizeof(Mcfg) == 44);

struct [[gnu::packed]] McfgEntry {
    u64 base; ///< where bus 0 would be, whatever the first bus is
    u16 segment;
    u8 first_bus;
    u8 last_bus;
    u32 reserved;
};
static_assert(sizeof(McfgEntry) == 16);

/// Microsoft's Serial Port Console Redirection table, as far as Baton reads it.
struct [[gnu::packed]] Spcr {
    TableHeader header; ///< "SPCR"
    u8 interface; ///< by DBG2's subtypes of serial ports; before revision 2: 0 or 1, both 16550
    std::array<u8, 3> reserved;
    GenericAddress registers;
    u8 interrupt_type;
    u8 pc_interrupt;
    u32 interrupt; ///< GSIV, where interrupt_type says so
    u8 baud_rate;
    u8 parity;
    u8 stop_bits;
    u8 flow_control;
    u8 terminal;
    u8 language;
    u16 pci_device;
    u16 pci_vendor;
    u8 pci_bus;
    u8 pci_slot;
    u8 pci_function;
    u32 pci_flags;
    u8 pci_segment;
    u32 clock; ///< Hz; since revision 3, 0: not told
};
static_assert(sizeof(Spcr) == 80);

/// Do all bytes add up to 0?
constexpr bool checksum_is_right(Bytes bytes) {
    u8 sum = 0;
    for (const std::byte each : bytes) {
        sum = static_cast<u8>(sum + std::to_integer<u8>(each));
    }
    return sum == 0;
}

/// Sets the byte at `at`, the table's checksum, so that all add up to 0.
/// @param at below the size
constexpr void set_checksum(std::span<std::byte> bytes, usize at) {
    bytes[at] = std::byte{0};
    u8 sum = 0;
    for (const std::byte each : bytes) {
        sum = static_cast<u8>(sum + std::to_integer<u8>(each));
    }
    bytes[at] = static_cast<std::byte>(0 - sum);
}

/// Calls visit(type, bytes) for each entry of an MADT, in order, until one returns false or does
/// not fit into the table: a length of less than its own two bytes is one that does not.
/// @param table the whole MADT
/// Returns false if the last of them did not fit.
template <class Visitor>
bool for_each_madt_entry(Bytes table, Visitor visit) {
    usize offset = sizeof(Madt);
    while (const auto head = read_at<MadtEntry>(table, offset)) {
        const auto bytes = slice(table, offset, head->length);
        if (!bytes || bytes->size() < sizeof(MadtEntry)) {
            return false;
        }
        if (!visit(head->type, *bytes)) {
            return true;
        }
        offset += bytes->size();
    }
    return true;
}

} // namespace baton::acpi
