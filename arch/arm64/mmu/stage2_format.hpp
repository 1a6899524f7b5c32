// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/mmu/descriptor.hpp"
#include "arch/arm64/mmu/registers.hpp"
#include "hyp/memory/page_table.hpp"
#include "hyp/result.hpp"

namespace baton::arm64 {

/// What a guest finds at an address. What it may not touch is not mapped.
enum class GuestMemory {
    ram,    ///< Normal write-back, inner shareable; read, write, execute
    device, ///< Device-nGnRE; read, write, never execute
};

/// Stage 2 of EL1&0 (Arm ARM D8.3.2, D8.6).
class Stage2Format : public Granule4K {
  public:
    using Input = GuestAddr;
    using Attributes = GuestMemory;

    /// A walk begins at level 1 as long as up to 16 concatenated tables reach far enough: one
    /// load less in every nested walk. From 44 bits on it has to begin at level 0.
    ///
    /// Error::unsupported: no 4 KiB granule. Error::bad_range: more address bits than the CPU has.
    /// @param id_aa64mmfr0 the register's value, the same on every CPU of the VM
    /// @param end          the first address behind everything that will be mapped
    static constexpr Result<Stage2Format> choose(u64 id_aa64mmfr0, GuestAddr end) {
        if (!has_4k_granule(id_aa64mmfr0)) {
            return std::unexpected(Error::unsupported);
        }
        const auto physical = PhysicalSize::from(id_aa64mmfr0);
        const u32 needed = bits_below(to_phys(end));
        if (needed > physical.bits) {
            return std::unexpected(Error::bad_range);
        }
        if (needed > most_level1_bits) {
            return Stage2Format{physical, physical.bits, 0};
        }
        const u32 bits = needed > one_table_bits ? needed : one_table_bits;
        return Stage2Format{physical, bits < physical.bits ? bits : physical.bits, 1};
    }

    constexpr u32 input_bits() const { return input_bits_; }
    constexpr u64 input_size() const { return u64{1} << input_bits_; }
    constexpr u64 output_size() const { return u64{1} << physical_.bits; }
    constexpr unsigned root_level() const { return root_level_; }
    constexpr usize root_tables() const {
        return root_level_ == 1 && input_bits_ > one_table_bits
                   ? usize{1} << (input_bits_ - one_table_bits)
                   : 1;
    }

    constexpr Bits<VTCR_EL2> vtcr_el2() const {
        return VTCR_EL2::res1 | VTCR_EL2::T0SZ(input_bits_) | VTCR_EL2::SL0(root_level_) |
               VTCR_EL2::IRGN0_write_back | VTCR_EL2::ORGN0_write_back | VTCR_EL2::SH0_inner |
               VTCR_EL2::TG0_4K | VTCR_EL2::PS(physical_.field);
    }

    static constexpr u64 leaf(unsigned level, PhysAddr output, GuestMemory memory) {
        // AF: Baton does not age pages, so nothing may fault for a clear flag.
        return output.value | leaf_type(level) | Descriptor::AF | S2AP_read_write |
               (memory == GuestMemory::ram ? MemAttr_write_back | Descriptor::SH_inner
                                           : MemAttr_device_nGnRE | Descriptor::XN);
    }
    static constexpr GuestMemory attributes(unsigned, u64 entry) {
        return (entry & MemAttr) == MemAttr_write_back ? GuestMemory::ram : GuestMemory::device;
    }

  private:
    /// MemAttr[3:0] while HCR_EL2.FWB is 0.
    static constexpr u64 MemAttr = u64{0b1111} << 2;
    static constexpr u64 MemAttr_write_back = u64{0b1111} << 2;
    static constexpr u64 MemAttr_device_nGnRE = u64{0b0001} << 2;
    static constexpr u64 S2AP_read_write = u64{0b11} << 6;

    /// What one table at level 1 translates, and what 16 do.
    static constexpr u32 one_table_bits = 39;
    static constexpr u32 most_level1_bits = 43;

    constexpr Stage2Format(PhysicalSize physical, u32 input_bits, unsigned root_level)
        : physical_{physical}, input_bits_{input_bits}, root_level_{root_level} {}

    /// TGran4_2, or TGran4 where that says "as stage 1".
    static constexpr bool has_4k_granule(u64 id_aa64mmfr0) {
        const u64 stage1 = (id_aa64mmfr0 >> 28) & 0xf;
        const u64 stage2 = (id_aa64mmfr0 >> 40) & 0xf;
        return stage2 == 0 ? stage1 != 0b1111 : stage2 != 0b0001;
    }

    PhysicalSize physical_;
    u32 input_bits_;
    unsigned root_level_;
};

static_assert(PageTableFormat<Stage2Format>);
static_assert(Stage2Format::leaf(3, {0x8000'0000}, GuestMemory::ram) == 0x8000'07ff);
static_assert(Stage2Format::leaf(2, {0x8000'0000}, GuestMemory::ram) == 0x8000'07fd);
static_assert(Stage2Format::leaf(3, {0x0900'0000}, GuestMemory::device) == 0x40'0000'0900'04c7);

} // namespace baton::arm64
