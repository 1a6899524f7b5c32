// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/cpu/syndrome.hpp"

#include <doctest/doctest.h>
#include <initializer_list>

using namespace baton;
using namespace baton::arm64;

namespace {

/// SAS, SSE, SRT, SF and WnR as the Arm ARM places them.
constexpr DataAbort abort_of(u64 sas, bool sse, u64 srt, bool sf, bool wnr, u64 dfsc = 0b000111) {
    return {{u64{1} << 24 | sas << 22 | u64{sse} << 21 | srt << 16 | u64{sf} << 15 | u64{wnr} << 6 |
             dfsc}};
}

} // namespace

TEST_CASE("a trapped register's encoding and transfer register come out of the ISS") {
    // CLUSTERPMCR_EL1 (S3_0_C15_C5_0) read into x8: what QEMU's core gives for it.
    const SysregTrap trap{{0x303d0b & 0x1ff'ffff}};
    CHECK(trap.encoding() == SysregEncoding{.op0 = 3, .op1 = 0, .crn = 15, .crm = 5, .op2 = 0});
    CHECK(trap.Rt() == 8);
    CHECK(trap.is_read());
}

TEST_CASE("loads are extended as the instruction wants it") {
    CHECK(abort_of(0, false, 3, false, false).loaded(0x1234'56ff) == 0xff);
    CHECK(abort_of(0, true, 3, false, false).loaded(0x80) == 0xffff'ff80);
    CHECK(abort_of(0, true, 3, true, false).loaded(0x80) == ~u64{0x7f});
    CHECK(abort_of(1, true, 3, true, false).loaded(0x7fff) == 0x7fff);
    CHECK(abort_of(2, true, 3, true, false).loaded(0x8000'0000) == 0xffff'ffff'8000'0000);
    CHECK(abort_of(2, false, 3, false, false).loaded(~u64{0}) == 0xffff'ffff);
    CHECK(abort_of(3, false, 3, true, false).loaded(~u64{0}) == ~u64{0});
}

TEST_CASE("stores are cut to the access's size") {
    CHECK(abort_of(0, false, 3, false, true).stored(0x1ff) == 0xff);
    CHECK(abort_of(2, false, 3, true, true).stored(~u64{0}) == 0xffff'ffff);
    CHECK(abort_of(3, false, 3, true, true).stored(~u64{0}) == ~u64{0});
}

TEST_CASE("only a stage-2 fault has its address in HPFAR_EL2") {
    for (const u64 level : {0u, 1u, 2u, 3u}) {
        CHECK(abort_of(0, false, 0, false, false, 0b000100 | level).is_stage2_fault());
        CHECK(abort_of(0, false, 0, false, false, 0b001100 | level).is_stage2_fault());
    }
    constexpr u64 alignment = 0b100001, external = 0b010000, tag_check = 0b010001;
    for (const u64 other : {alignment, external, tag_check}) {
        CHECK_FALSE(abort_of(0, false, 0, false, false, other).is_stage2_fault());
    }
}
