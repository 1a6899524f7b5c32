// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/sysreg.hpp"

/// ISS encodings of ESR_ELx: what an exception says of its cause, field by field (Arm ARM
/// D24.2.40).
namespace baton::arm64 {

/// Of a trapped MSR, MRS or system instruction.
struct SysregTrap : Bits<SysregTrap> {
    constexpr SysregEncoding encoding() const {
        return {.op0 = part(20, 2),
                .op1 = part(14, 3),
                .crn = part(10, 4),
                .crm = part(1, 4),
                .op2 = part(17, 3)};
    }
    constexpr u32 Rt() const { return part(5, 5); }
    constexpr bool is_read() const { return part(0, 1) != 0; }

  private:
    constexpr u32 part(unsigned low, unsigned width) const {
        return static_cast<u32>(field(low, width));
    }
};

/// Of a data abort.
struct DataAbort : Bits<DataAbort> {
    /// The fields about a load or store of one register are valid.
    constexpr bool ISV() const { return field(24, 1) != 0; }
    constexpr bool WnR() const { return field(6, 1) != 0; }
    /// On the walk of the guest's own tables.
    constexpr bool S1PTW() const { return field(7, 1) != 0; }
    constexpr u32 SRT() const { return static_cast<u32>(field(16, 5)); }
    constexpr u32 bytes() const { return 1U << field(22, 2); } ///< SAS

    /// Stage 2 does not map the address, or forbids the access: HPFAR_EL2 is valid.
    constexpr bool is_stage2_fault() const {
        const u64 kind = field(2, 4); // DFSC without its level
        return kind == translation || kind == access_flag || kind == permission;
    }

    /// The register's new value: extended by sign (SSE) to 32 or 64 bits (SF), or by zeros.
    constexpr u64 loaded(u64 value) const {
        const u32 bits = bytes() * 8;
        if (bits < 64) {
            value &= (u64{1} << bits) - 1;
            if (field(21, 1) != 0 && (value >> (bits - 1) & 1) != 0) {
                value |= ~u64{0} << bits;
            }
        }
        return field(15, 1) != 0 ? value : static_cast<u32>(value);
    }
    constexpr u64 stored(u64 value) const {
        const u32 bits = bytes() * 8;
        return bits < 64 ? value & ((u64{1} << bits) - 1) : value;
    }

  private:
    static constexpr u64 translation = 0b0001;
    static constexpr u64 access_flag = 0b0010;
    static constexpr u64 permission = 0b0011;
};

} // namespace baton::arm64
