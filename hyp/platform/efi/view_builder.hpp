// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/acpi/arch_guest_tables.hpp"
#include "hyp/platform/dtb/fdt_writer.hpp"
#include "hyp/platform/efi/guest_map.hpp"
#include "hyp/platform/efi/view.hpp"

#include <optional>
#include <string_view>

namespace baton::efi {

/// Entries of a block of memreserve: Linux maps the page that a block is in, and no more.
inline constexpr usize memreserve_block_entries =
    (page_size - sizeof(MemreserveBlock)) / sizeof(MemreserveEntry);

/// Writes a view from front to end. What can change later comes first, so that it lies at the same
/// offsets in every view of a firmware.
class ViewBuilder {
  public:
    ViewBuilder(const Firmware& firmware, const Platform& platform, const GuestRequest& request,
                std::span<std::byte> buffer, PhysAddr where, GuestDescription& result)
        : firmware_{firmware}, platform_{platform}, request_{request}, buffer_{buffer},
          where_{where}, result_{result} {}

    Result<> run();

  private:
    /// So many bytes, zeroed, behind what is there. Empty after there was no room.
    std::span<std::byte> take(usize size, usize alignment);
    u32 offset_of(std::span<const std::byte> piece) const {
        return static_cast<u32>(piece.data() - buffer_.data());
    }
    PhysAddr address_of(std::span<const std::byte> piece) const {
        return where_ + offset_of(piece);
    }

    void write_memreserve();
    void write_seed();
    void write_system_table();
    usize write_configuration(std::span<std::byte> place);
    Result<> write_dtb();
    void write_uefi_properties(FdtWriter& writer);
    Result<> write_map();

    // view_acpi.cpp
    Result<> write_acpi();
    void write_madt(const AcpiTable& firmware);
    usize copy_madt_entries(Bytes firmware, std::span<std::byte> place);
    bool keeps_madt_entry(const arch::MadtPart& part) const;
    void take_part(const arch::MadtPart& part, std::span<std::byte> entry);
    void write_fadt(const AcpiTable& firmware);
    void write_xsdt();
    void write_rsdp(PhysAddr xsdt);
    std::optional<PhysAddr> place_of(const AcpiTable& table) const;
    std::optional<u32> number_of(u64 firmware_id) const;

    const AcpiTable* find(std::string_view signature) const;

    const Firmware& firmware_;
    const Platform& platform_;
    const GuestRequest& request_;
    std::span<std::byte> buffer_;
    PhysAddr where_;
    GuestDescription& result_;

    usize used_ = 0;
    bool is_full_ = false;
    PhysAddr memreserve_{};
    std::optional<PhysAddr> seed_{};
    PhysAddr madt_{};
    std::optional<PhysAddr> fadt_{}; ///< nothing: the firmware's will do
    PhysAddr rsdp_{};
    PhysAddr system_table_{};
    /// Properties whose values are known when the map is written.
    std::span<std::byte> map_address_{};
    std::span<std::byte> map_size_{};
};

} // namespace baton::efi
