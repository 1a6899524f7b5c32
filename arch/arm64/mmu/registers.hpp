// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/sysreg.hpp"

/// The registers of the EL2 and the EL1&0 stage-2 translation regimes, as they are while
/// HCR_EL2.E2H is 0 (Arm ARM D19.2).
namespace baton::arm64 {

struct SCTLR_EL2 : SystemRegister<SCTLR_EL2, 3, 4, 1, 0, 0> {
    static constexpr Value M = bit(0);
    static constexpr Value C = bit(2);
    static constexpr Value SA = bit(3);
    static constexpr Value EOS = bit(11);
    static constexpr Value I = bit(12);
    static constexpr Value EnDB = bit(13);
    static constexpr Value WXN = bit(19);
    static constexpr Value EIS = bit(22);
    static constexpr Value EnDA = bit(27);
    static constexpr Value EnIB = bit(30);
    static constexpr Value EnIA = bit(31);
    /// PACIASP is no landing pad for a `br` through any register but x16 and x17.
    static constexpr Value BT = bit(36);
    /// RES1 without VHE. EIS and EOS too are RES1 where FEAT_ExS is not; where it is, they keep
    /// exception entry and return synchronising, which all code expects.
    static constexpr Value res1 = bit(4) | bit(5) | bit(16) | bit(18) | bit(23) | bit(28) | bit(29);
};

/// Eight memory types, one a byte, for AttrIndx of stage-1 descriptors to choose from.
struct MAIR_EL2 : SystemRegister<MAIR_EL2, 3, 4, 10, 2, 0> {
    static constexpr u64 device_nGnRE = 0x04;
    /// Inner and outer write-back, non-transient, allocating on reads and writes.
    static constexpr u64 normal_write_back = 0xff;
    static constexpr Value attribute(unsigned index, u64 type) { return at(8 * index, type); }
};

struct TTBR0_EL2 : SystemRegister<TTBR0_EL2, 3, 4, 2, 0, 0> {};

struct TCR_EL2 : SystemRegister<TCR_EL2, 3, 4, 2, 0, 2> {
    static constexpr Value T0SZ(u64 input_bits) { return at(0, 64 - input_bits); }
    static constexpr Value IRGN0_write_back = at(8, 0b01);
    static constexpr Value ORGN0_write_back = at(10, 0b01);
    static constexpr Value SH0_inner = at(12, 0b11);
    static constexpr Value TG0_4K = at(14, 0b00);
    static constexpr Value PS(u64 size) { return at(16, size); }
    static constexpr Value res1 = bit(23) | bit(31);
};

struct VTCR_EL2 : SystemRegister<VTCR_EL2, 3, 4, 2, 1, 2> {
    static constexpr Value T0SZ(u64 input_bits) { return at(0, 64 - input_bits); }
    /// The 4 KiB granule counts backwards: 2 begins at level 0, 1 at level 1.
    static constexpr Value SL0(u64 root_level) { return at(6, 2 - root_level); }
    static constexpr Value IRGN0_write_back = at(8, 0b01);
    static constexpr Value ORGN0_write_back = at(10, 0b01);
    static constexpr Value SH0_inner = at(12, 0b11);
    static constexpr Value TG0_4K = at(14, 0b00);
    static constexpr Value PS(u64 size) { return at(16, size); }
    static constexpr Value res1 = bit(31);
};

struct VTTBR_EL2 : SystemRegister<VTTBR_EL2, 3, 4, 2, 1, 0> {
    static constexpr Value BADDR(u64 root) { return at(0, root); }
    /// 8 bits: VTCR_EL2.VS is 0.
    static constexpr Value VMID(u64 vmid) { return at(48, vmid); }
};

} // namespace baton::arm64
