// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/gic/affinity_map.hpp"
#include "arch/arm64/gic/frame_map.hpp"
#include "arch/arm64/gic/interrupt_registers.hpp"
#include "arch/arm64/gic/list_register.hpp"
#include "arch/arm64/gic/priority.hpp"
#include "arch/arm64/gic/sgi_request.hpp"

#include <doctest/doctest.h>
#include <memory>

using namespace baton;
using namespace baton::arm64;
using namespace baton::arm64::gic;

TEST_CASE("a list register has its fields where the architecture has them") {
    const auto spi = ListRegister::hardware(Intid{100}, 0xa0, true);
    CHECK(spi.value == 0x70a0'0064'0000'0064);
    CHECK(spi.intid() == Intid{100});
    CHECK(spi.priority() == 0xa0);
    CHECK(spi.is_hardware());
    CHECK(spi.is_only_pending());

    const auto sgi =
        ListRegister::software(Intid{5}, 0x20, false).with(ListRegister::State::active);
    CHECK(sgi.value == 0x8020'0000'0000'0005);
    CHECK_FALSE(sgi.is_hardware());
    CHECK_FALSE(sgi.is_pending());
    CHECK_FALSE(sgi.without_active().is_valid());

    const auto both = sgi.with(ListRegister::State::pending_and_active);
    CHECK(both.without_active().is_only_pending());
    CHECK(both.without_pending().is_active());
    CHECK_FALSE(both.is_only_pending());
}

TEST_CASE("an SGI request names its targets") {
    // Aff3 1, RS 2, Aff2 3, INTID 4, Aff1 5, targets 0 and 15
    const SgiRequest request{0x0001'2003'0405'8001};
    CHECK(request.intid() == Intid{4});
    CHECK(request.targets() == 0x8001);
    CHECK(request.first_affinity() == Affinity{0x0103'0520});
    CHECK_FALSE(request.is_to_all_others());
    CHECK(request.with(kick_sgi, 0x8000).value == 0x0001'2003'0005'8000);
    CHECK(request.without_range().first_affinity() == Affinity{0x0103'0500});
    CHECK(SgiRequest::to(Intid{4}, Affinity{0x0103'052f}).value == 0x0001'2003'0405'8000);
    CHECK(SgiRequest::to_all_others(Intid{7}).value == 0x0000'0100'0700'0000);
    CHECK(SgiRequest::to_all_others(Intid{7}).is_to_all_others());
}

TEST_CASE("affinities are packed and unpacked") {
    CHECK(affinity_of(Mpidr{0x12'8034'5678}) == Affinity{0x1234'5678});
    CHECK(mpidr_of(Affinity{0x1234'5678}) == Mpidr{0x12'0034'5678});
}

TEST_CASE("a guest's priorities lie between Baton's own and the lowest") {
    for (u32 priority = 0; priority < 256; priority++) {
        const u8 physical = to_physical_priority(static_cast<u8>(priority));
        CHECK(physical >= mask_guest);
        // Five priority bits, the fewest with two security states, still signal it.
        CHECK((physical & 0xf8) < (mask_nothing & 0xf8));
    }
    CHECK(to_physical_priority(0xa0) < to_physical_priority(0xb0));
    CHECK(implemented_priority(5) == 0xf8);
    CHECK(implemented_priority(8) == 0xff);
}

TEST_CASE("registers with a part for each interrupt are found by offset") {
    const auto check = [](u32 offset, InterruptRegister reg, u32 bank, u32 byte) {
        const auto at = InterruptRegisterAt::decode(offset);
        CHECK(at.reg == reg);
        CHECK(at.bank == bank);
        CHECK(at.byte == byte);
    };
    check(0x080, InterruptRegister::IGROUPR, 0, 0);
    check(0x0fc, InterruptRegister::IGROUPR, 31, 0);
    check(0x104, InterruptRegister::ISENABLER, 1, 0);
    check(0x37c, InterruptRegister::ISACTIVER, 31, 0);
    check(0x380, InterruptRegister::ICACTIVER, 0, 0);
    check(0x400, InterruptRegister::IPRIORITYR, 0, 0);
    check(0x421, InterruptRegister::IPRIORITYR, 1, 1);
    check(0x7fb, InterruptRegister::IPRIORITYR, 31, 27);
    check(0x800, InterruptRegister::ITARGETSR, 0, 0);
    check(0xc04, InterruptRegister::ICFGR, 0, 4);
    check(0xcf8, InterruptRegister::ICFGR, 31, 0);
    check(0xd04, InterruptRegister::IGRPMODR, 1, 0);
    check(0xe0c, InterruptRegister::NSACR, 1, 4);
}

TEST_CASE("CPUs are found by affinity, in whatever order they were added") {
    const auto map = std::make_unique<AffinityMap>();
    for (u32 i = max_cpus; i-- > 0;) {
        CHECK(map->add(Affinity{i % 7 << 24 | i / 7 << 8 | i % 7}, CpuId{i}));
    }
    for (u32 i = 0; i < max_cpus; i++) {
        CHECK(map->find(Affinity{i % 7 << 24 | i / 7 << 8 | i % 7}) == CpuId{i});
    }
    CHECK_FALSE(map->find(Affinity{7}).has_value());
    CHECK(map->find_row(Affinity{0x0700'0000}) == nullptr);
    const auto* row = map->find_row(Affinity{0x0300'0000});
    REQUIRE(row != nullptr);
    CHECK(row->cpu(3) == CpuId{3});
    CHECK_FALSE(row->cpu(2).has_value());
    // 512 rows of one CPU each: full.
    CHECK_FALSE(map->add(Affinity{0xffff'ffff}, CpuId{1}));
}

TEST_CASE("a CPU's redistributor is found by address, over several regions") {
    const auto map = std::make_unique<FrameMap>();
    const PhysRange first{{0x1000'0000}, 0x100'0000};
    const PhysRange second{{0x40'0000'0000}, 0x100'0000};
    CHECK(map->add(first, first.begin, 0x2'0000, 0));
    CHECK(map->add(first, first.begin + 0x2'0000, 0x2'0000, u64{1} << 32));
    CHECK(map->add(second, second.begin, 0x4'0000, u64{2} << 32));
    CHECK(map->find(first.begin + 0x3'ffff)->typer == u64{1} << 32);
    CHECK(map->find(second.begin + 0x3'0000)->typer == u64{2} << 32);
    CHECK(map->find(first.begin + 0x4'0000) == nullptr);
    CHECK(map->find(second.begin - 1) == nullptr);
    CHECK(map->find_affinity(Affinity{2})->range == PhysRange{second.begin, 0x4'0000});
    CHECK(map->find_affinity(Affinity{3}) == nullptr);
}
