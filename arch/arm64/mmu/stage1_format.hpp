// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/mmu/descriptor.hpp"
#include "arch/arm64/mmu/registers.hpp"
#include "hyp/memory/page_table.hpp"
#include "hyp/result.hpp"

namespace baton::arm64 {

/// What Baton finds at an address of its own. No value is both writable and executable.
enum class HypMemory {
    code,      ///< Normal write-back; read, execute (guarded: BTI, where there is BTI)
    constants, ///< Normal write-back; read
    data,      ///< Normal write-back; read, write
    device,    ///< Device-nGnRE; read, write
};

/// Stage 1 of EL2 without VHE: one range of addresses, TTBR0_EL2 (Arm ARM D8.3.1, D8.4).
class Stage1Format : public Granule4K {
  public:
    using Input = PhysAddr; // identity-mapped
    using Attributes = HypMemory;

    /// Error::unsupported: no 4 KiB granule. Error::bad_range: more address bits than the CPU has.
    /// @param id_aa64mmfr0 the register's value, the same on every CPU
    /// @param end          the first address behind everything that will be mapped
    /// @param bti          FEAT_BTI on every CPU: the GP bit is RES0 without it
    static constexpr Result<Stage1Format> choose(u64 id_aa64mmfr0, PhysAddr end, bool bti) {
        constexpr u64 TGran4_none = 0b1111;
        if (((id_aa64mmfr0 >> 28) & 0xf) == TGran4_none) {
            return std::unexpected(Error::unsupported);
        }
        const auto physical = PhysicalSize::from(id_aa64mmfr0);
        const u32 needed = bits_below(end);
        if (needed > physical.bits) {
            return std::unexpected(Error::bad_range);
        }
        return Stage1Format{physical, needed > one_table_bits ? 48U : one_table_bits, bti};
    }

    constexpr u32 input_bits() const { return input_bits_; }
    constexpr u64 input_size() const { return u64{1} << input_bits_; }
    constexpr u64 output_size() const { return u64{1} << physical_.bits; }
    constexpr unsigned root_level() const { return input_bits_ > one_table_bits ? 0 : 1; }
    static constexpr usize root_tables() { return 1; }

    static constexpr Bits<MAIR_EL2> mair_el2() {
        return MAIR_EL2::attribute(AttrIndx_normal, MAIR_EL2::normal_write_back) |
               MAIR_EL2::attribute(AttrIndx_device, MAIR_EL2::device_nGnRE);
    }
    constexpr Bits<TCR_EL2> tcr_el2() const {
        return TCR_EL2::res1 | TCR_EL2::T0SZ(input_bits_) | TCR_EL2::IRGN0_write_back |
               TCR_EL2::ORGN0_write_back | TCR_EL2::SH0_inner | TCR_EL2::TG0_4K |
               TCR_EL2::PS(physical_.field);
    }
    /// MMU and caches on. WXN makes what is writable not executable whatever a descriptor says,
    /// SA checks the stack pointer's alignment. The keys of pointer authentication (EnIA...) are
    /// not in it: they cannot change inside a function that was signed on entry.
    constexpr Bits<SCTLR_EL2> sctlr_el2() const {
        const auto always = SCTLR_EL2::res1 | SCTLR_EL2::EIS | SCTLR_EL2::EOS | SCTLR_EL2::M |
                            SCTLR_EL2::C | SCTLR_EL2::I | SCTLR_EL2::SA | SCTLR_EL2::WXN;
        return bti_ ? always | SCTLR_EL2::BT : always;
    }

    constexpr u64 leaf(unsigned level, PhysAddr output, HypMemory memory) const {
        return output.value | leaf_type(level) | Descriptor::AF | AP_1 | kind(memory);
    }
    constexpr HypMemory attributes(unsigned, u64 entry) const {
        if ((entry & AttrIndx(7)) == AttrIndx(AttrIndx_device)) {
            return HypMemory::device;
        }
        if ((entry & Descriptor::XN) == 0) {
            return HypMemory::code;
        }
        return (entry & AP_read_only) != 0 ? HypMemory::constants : HypMemory::data;
    }

  private:
    static constexpr unsigned AttrIndx_normal = 0;
    static constexpr unsigned AttrIndx_device = 1;
    static constexpr u64 AttrIndx(u64 index) { return index << 2; }
    /// AP[1] is RES1 in a regime with one exception level.
    static constexpr u64 AP_1 = u64{1} << 6;
    static constexpr u64 AP_read_only = u64{1} << 7;
    static constexpr u32 one_table_bits = 39;

    constexpr Stage1Format(PhysicalSize physical, u32 input_bits, bool bti)
        : physical_{physical}, input_bits_{input_bits}, bti_{bti} {}

    constexpr u64 kind(HypMemory memory) const {
        constexpr u64 normal = AttrIndx(AttrIndx_normal) | Descriptor::SH_inner;
        switch (memory) {
        case HypMemory::code:
            return normal | AP_read_only | (bti_ ? Descriptor::GP : 0);
        case HypMemory::constants:
            return normal | AP_read_only | Descriptor::XN;
        case HypMemory::data:
            return normal | Descriptor::XN;
        case HypMemory::device:
            break;
        }
        return AttrIndx(AttrIndx_device) | Descriptor::XN;
    }

    PhysicalSize physical_;
    u32 input_bits_;
    bool bti_;
};

static_assert(PageTableFormat<Stage1Format>);

} // namespace baton::arm64
