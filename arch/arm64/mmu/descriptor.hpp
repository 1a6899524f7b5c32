// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/types.hpp"

/// VMSAv8-64 descriptors with the 4 KiB granule and 48-bit output addresses (Arm ARM D8.3): what
/// stage 1 and stage 2 have in common.
namespace baton::arm64 {

/// Bits of one descriptor.
struct Descriptor {
    static constexpr u64 valid = u64{1} << 0;
    /// A table above the last level, a page at it. Clear: a block.
    static constexpr u64 table_or_page = u64{1} << 1;
    static constexpr u64 SH_inner = u64{0b11} << 8;
    static constexpr u64 AF = u64{1} << 10;
    static constexpr u64 GP = u64{1} << 50;
    static constexpr u64 XN = u64{1} << 54;
    /// [47:12]: the rest of the word is attributes.
    static constexpr u64 output = ((u64{1} << 48) - 1) & ~(page_size - 1);
};

/// How the tables of a format divide an address. A level-0 entry can only be a table: the 4 KiB
/// granule has no 512 GiB block without FEAT_LPA2.
struct Granule4K {
    static constexpr usize entries_per_table = 512;
    static constexpr unsigned last_level = 3;

    static constexpr unsigned shift(unsigned level) { return 12 + 9 * (last_level - level); }
    static constexpr u64 span(unsigned level) { return u64{1} << shift(level); }
    static constexpr bool may_be_leaf(unsigned level) { return level >= 1; }

    static constexpr bool is_table(unsigned level, u64 entry) {
        return level < last_level && (entry & 0b11) == 0b11;
    }
    static constexpr bool is_leaf(unsigned level, u64 entry) {
        return may_be_leaf(level) && (entry & 0b11) == leaf_type(level);
    }
    static constexpr u64 leaf_type(unsigned level) {
        return level == last_level ? Descriptor::valid | Descriptor::table_or_page
                                   : Descriptor::valid;
    }
    static constexpr u64 table(PhysAddr next) {
        return next.value | Descriptor::valid | Descriptor::table_or_page;
    }
    static constexpr PhysAddr output(unsigned level, u64 entry) {
        const u64 alignment = is_leaf(level, entry) ? span(level) : page_size;
        return {align_down(entry & Descriptor::output, alignment)};
    }
};

static_assert(Granule4K::span(3) == page_size);
static_assert(Granule4K::span(2) == 2 * MiB && Granule4K::span(2) == block_size);
static_assert(Granule4K::span(1) == 1 * GiB);
static_assert(Granule4K::span(0) == 512 * GiB);
static_assert(Granule4K::entries_per_table * sizeof(u64) == page_size);
static_assert(!Granule4K::is_leaf(3, 0b01), "reserved at level 3: as good as invalid");
static_assert(!Granule4K::is_leaf(0, 0b01), "no block at level 0");
static_assert(!Granule4K::is_table(2, 0) && !Granule4K::is_leaf(2, 0), "0 is invalid");

/// The physical address size that ID_AA64MMFR0_EL1.PARange names, as far as 48-bit descriptors
/// reach: 52 and 56 bits count as 48.
struct PhysicalSize {
    u32 bits;
    /// For VTCR_EL2.PS and TCR_EL2.PS.
    u64 field;

    static constexpr PhysicalSize from(u64 id_aa64mmfr0) {
        constexpr u32 sizes[] = {32, 36, 40, 42, 44, 48};
        const u64 pa_range = id_aa64mmfr0 & 0xf;
        const u64 field = pa_range < 5 ? pa_range : 5;
        return {sizes[field], field};
    }
};

/// The bits that it takes to write the addresses below `end`.
constexpr u32 bits_below(PhysAddr end) {
    return end.value <= 1 ? 0 : 64 - static_cast<u32>(__builtin_clzll(end.value - 1));
}
static_assert(bits_below({1 * GiB}) == 30 && bits_below({1 * GiB + 1}) == 31);

} // namespace baton::arm64
