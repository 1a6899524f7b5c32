// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/affinity.hpp"
#include "arch/arm64/gic/intid.hpp"
#include "hyp/types.hpp"

namespace baton::arm64::gic {

/// Which register made the SGI: they differ in the groups that they reach.
enum class SgiRegister { sgi0r, sgi1r, asgi1r };

/// A value of ICC_SGI0R_EL1, ICC_SGI1R_EL1 or ICC_ASGI1R_EL1 (IHI 0069, 12.2.16).
struct SgiRequest {
    u64 value = 0;

    static constexpr SgiRequest to(Intid intid, Affinity affinity) {
        const u32 aff = bits(affinity);
        return {u64{index(intid)} << intid_low | u64{aff >> 24} << aff3_low |
                u64{aff >> 16 & 0xff} << aff2_low | u64{aff >> 8 & 0xff} << aff1_low |
                u64{aff >> 4 & 0xf} << range_low | u64{1} << (aff & 0xf)};
    }
    static constexpr SgiRequest to_all_others(Intid intid) {
        return {u64{index(intid)} << intid_low | irm};
    }

    constexpr Intid intid() const { return Intid{static_cast<u32>(value >> intid_low) & 0xf}; }
    constexpr bool is_to_all_others() const { return (value & irm) != 0; }
    constexpr u32 targets() const { return static_cast<u32>(value) & 0xffff; }
    /// Of target 0: Aff3 to Aff1, and 16 times the range selector.
    constexpr Affinity first_affinity() const {
        return Affinity{
            static_cast<u32>((value >> aff3_low & 0xff) << 24 | (value >> aff2_low & 0xff) << 16 |
                             (value >> aff1_low & 0xff) << 8 | (value >> range_low & 0xf) << 4)};
    }
    /// The same targets, without those not in `targets`, and another SGI.
    constexpr SgiRequest with(Intid intid, u32 targets) const {
        return {(value & ~(u64{0xf} << intid_low | 0xffff)) | u64{index(intid)} << intid_low |
                targets};
    }
    /// For an implementation without range selector, to which the field is RES0.
    constexpr SgiRequest without_range() const { return {value & ~(u64{0xf} << range_low)}; }

  private:
    static constexpr unsigned aff1_low = 16;
    static constexpr unsigned intid_low = 24;
    static constexpr unsigned aff2_low = 32;
    static constexpr u64 irm = u64{1} << 40;
    static constexpr unsigned range_low = 44;
    static constexpr unsigned aff3_low = 48;
};

} // namespace baton::arm64::gic
