// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/mmu/stage1_format.hpp"
#include "arch/arm64/mmu/stage2_format.hpp"

#include <doctest/doctest.h>

namespace baton::arm64 {
namespace {

/// ID_AA64MMFR0_EL1 with this PARange; TGran4 and TGran4_2 are 0: 4 KiB granule at both stages.
constexpr u64 mmfr0(u64 pa_range) { return pa_range; }

u64 field(u64 value, unsigned top, unsigned low) {
    return (value >> low) & ((u64{1} << (top - low + 1)) - 1);
}

struct Geometry {
    u64 pa_range;
    u64 end;
    u32 bits;
    unsigned level;
    usize tables;
    u64 ps;
};

} // namespace

TEST_SUITE("translation formats") {
    TEST_CASE("stage 2 begins at level 1 up to 43 bits, at level 0 beyond") {
        constexpr u64 tib = 1024 * GiB;
        for (const Geometry& g : {
                 Geometry{0, 4 * GiB, 32, 1, 1, 0},       // 32 bits
                 Geometry{1, 4 * GiB, 36, 1, 1, 1},       // 36
                 Geometry{2, 4 * GiB, 39, 1, 1, 2},       // 40: cortex-a53
                 Geometry{2, 512 * GiB, 39, 1, 1, 2},     //
                 Geometry{2, 512 * GiB + 1, 40, 1, 2, 2}, //
                 Geometry{2, 1 * tib, 40, 1, 2, 2},       //
                 Geometry{3, 4 * tib, 42, 1, 8, 3},       // 42
                 Geometry{4, 8 * tib, 43, 1, 16, 4},      // 44
                 Geometry{4, 8 * tib + 1, 44, 0, 1, 4},   //
                 Geometry{4, 16 * tib, 44, 0, 1, 4},      //
                 Geometry{5, 4 * GiB, 39, 1, 1, 5},       // 48: neoverse-n1
                 Geometry{5, 16 * tib, 48, 0, 1, 5},      //
                 Geometry{5, 256 * tib, 48, 0, 1, 5},     //
                 Geometry{6, 256 * tib, 48, 0, 1, 5},     // 52, used as 48: max
                 Geometry{7, 1 * tib, 40, 1, 2, 5},       // 56
             }) {
            CAPTURE(g.pa_range);
            CAPTURE(g.end);
            const auto format = Stage2Format::choose(mmfr0(g.pa_range), {g.end});
            REQUIRE(format);
            CHECK(format->input_bits() == g.bits);
            CHECK(format->root_level() == g.level);
            CHECK(format->root_tables() == g.tables);
            const u64 vtcr = format->vtcr_el2().value;
            CHECK(field(vtcr, 5, 0) == 64 - g.bits);                  // T0SZ
            CHECK(field(vtcr, 7, 6) == (g.level == 0 ? 0b10 : 0b01)); // SL0
            CHECK(field(vtcr, 18, 16) == g.ps);                       // PS
        }
    }

    TEST_CASE("VTCR_EL2, whole values") {
        // RES1[31], PS[18:16], TG0[15:14] = 4K, SH0[13:12] = inner, ORGN0[11:10] = IRGN0[9:8] =
        // write-back, SL0[7:6], T0SZ[5:0]. (Arm ARM D19.2, VTCR_EL2)
        const auto vtcr = [](u64 pa_range, u64 end) {
            return Stage2Format::choose(mmfr0(pa_range), {end})->vtcr_el2().value;
        };
        CHECK(vtcr(2, 1024 * GiB) == 0x8002'3558);       // 40 bits at level 1
        CHECK(vtcr(3, 4096 * GiB) == 0x8003'3556);       // 42
        CHECK(vtcr(4, 16 * 1024 * GiB) == 0x8004'3594);  // 44 at level 0
        CHECK(vtcr(5, 256 * 1024 * GiB) == 0x8005'3590); // 48
        CHECK(vtcr(6, 256 * 1024 * GiB) == 0x8005'3590); // 52 as 48
    }

    TEST_CASE("TCR_EL2, whole values") {
        // RES1[31] and [23], PS[18:16], TG0, SH0, ORGN0, IRGN0 as above, T0SZ[5:0].
        const auto tcr = [](u64 pa_range, u64 end) {
            return Stage1Format::choose(mmfr0(pa_range), {end}, false)->tcr_el2().value;
        };
        CHECK(tcr(2, 512 * GiB) == 0x8082'3519);  // 39 bits at level 1
        CHECK(tcr(2, 1024 * GiB) == 0x8082'3510); // 48 at level 0
        CHECK(tcr(3, 1024 * GiB) == 0x8083'3510);
        CHECK(tcr(4, 1024 * GiB) == 0x8084'3510);
        CHECK(tcr(5, 1024 * GiB) == 0x8085'3510);
        CHECK(tcr(6, 4 * GiB) == 0x8085'3519);
    }

    TEST_CASE("MAIR_EL2 and SCTLR_EL2") {
        CHECK(Stage1Format::mair_el2().value == 0x04ff);
        const auto sctlr = [](bool bti) {
            return Stage1Format::choose(mmfr0(5), {4 * GiB}, bti)->sctlr_el2().value;
        };
        // RES1 (4, 5, 11, 16, 18, 22, 23, 28, 29), M 0, C 2, SA 3, I 12, WXN 19; BT 36.
        CHECK(sctlr(false) == 0x30cd'183d);
        CHECK(sctlr(true) == 0x10'30cd'183d);
    }

    TEST_CASE("what the CPU cannot do is refused") {
        const auto error = [](auto result) {
            return result ? std::nullopt : std::optional{result.error()};
        };
        CHECK(error(Stage2Format::choose(mmfr0(2), {1024 * GiB + 1})) == Error::bad_range);
        CHECK(error(Stage1Format::choose(mmfr0(2), {1024 * GiB + 1}, true)) == Error::bad_range);
        constexpr u64 no_tgran4 = u64{0b1111} << 28;
        constexpr u64 tgran4_2_none = u64{0b0001} << 40;
        constexpr u64 tgran4_2_yes = u64{0b0010} << 40;
        CHECK(error(Stage1Format::choose(mmfr0(2) | no_tgran4, {1}, true)) == Error::unsupported);
        CHECK(error(Stage2Format::choose(mmfr0(2) | no_tgran4, {1})) == Error::unsupported);
        CHECK(error(Stage2Format::choose(mmfr0(2) | tgran4_2_none, {1})) == Error::unsupported);
        CHECK(error(Stage2Format::choose(mmfr0(2) | no_tgran4 | tgran4_2_yes, {1})) ==
              std::nullopt);
    }

    TEST_CASE("stage-2 descriptors") {
        for (const unsigned level : {1U, 2U, 3U}) {
            const u64 ram = Stage2Format::leaf(level, {3 * GiB}, GuestMemory::ram);
            const u64 device = Stage2Format::leaf(level, {3 * GiB}, GuestMemory::device);
            for (const u64 entry : {ram, device}) {
                CHECK(field(entry, 1, 0) == (level == 3 ? 0b11 : 0b01));
                CHECK(field(entry, 7, 6) == 0b11); // S2AP: read and write
                CHECK(field(entry, 10, 10) == 1);  // AF
                CHECK(field(entry, 47, 12) == (3 * GiB) >> 12);
            }
            CHECK(field(ram, 5, 2) == 0b1111);    // MemAttr: write-back
            CHECK(field(ram, 9, 8) == 0b11);      // SH: inner
            CHECK(field(ram, 54, 53) == 0b00);    // XN: execute anywhere
            CHECK(field(device, 5, 2) == 0b0001); // MemAttr: Device-nGnRE
            CHECK(field(device, 54, 53) == 0b10); // XN: execute nowhere
        }
    }

    TEST_CASE("W^X: no kind of memory is writable and executable at EL2") {
        const auto format = *Stage1Format::choose(mmfr0(5), {4 * GiB}, true);
        for (const unsigned level : {1U, 2U, 3U}) {
            for (const auto memory :
                 {HypMemory::code, HypMemory::constants, HypMemory::data, HypMemory::device}) {
                const u64 entry = format.leaf(level, {3 * GiB}, memory);
                const bool writable = field(entry, 7, 7) == 0;
                const bool executable = field(entry, 54, 54) == 0;
                CHECK_FALSE((writable && executable));
                CHECK(writable == (memory == HypMemory::data || memory == HypMemory::device));
                CHECK(executable == (memory == HypMemory::code));
                CHECK(field(entry, 50, 50) == (memory == HypMemory::code)); // GP
                CHECK(field(entry, 6, 6) == 1);                             // AP[1] RES1
                CHECK(field(entry, 10, 10) == 1);                           // AF
                CHECK(field(entry, 4, 2) == (memory == HypMemory::device)); // AttrIndx
                CHECK(format.attributes(level, entry) == memory);
            }
        }
    }

    TEST_CASE("GP is RES0 without FEAT_BTI") {
        const auto format = *Stage1Format::choose(mmfr0(2), {4 * GiB}, false);
        CHECK(field(format.leaf(3, {0}, HypMemory::code), 50, 50) == 0);
        CHECK(format.attributes(3, format.leaf(3, {0}, HypMemory::code)) == HypMemory::code);
    }
}

} // namespace baton::arm64
