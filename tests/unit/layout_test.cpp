// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/memory/layout.hpp"

#include <doctest/doctest.h>
#include <random>
#include <vector>

using namespace baton;

namespace {

constexpr PhysRange range(u64 begin, u64 size) { return {{begin}, size}; }

/// QEMU virt with modules as its guest-loader puts them.
struct Machine {
    std::vector<PhysRange> ram{range(0x4000'0000, 512 * MiB)};
    std::vector<ReservedRange> reserved{};
    std::vector<PhysRange> modules{range(0x4a00'0000, 40 * MiB), range(0x4d00'0000, 40 * MiB)};
    PhysRange image = range(0x4020'0000, 0x12'3000);
    PhysRange dtb = range(0x4800'0000, 1 * MiB);
    u64 pool_size = 16 * MiB;
    u64 slot_size = 0;
    u64 least_slot_size = 48 * MiB;

    auto plan() const {
        return plan_memory({.ram = ram,
                            .reserved = reserved,
                            .image = image,
                            .dtb = dtb,
                            .modules = modules,
                            .pool_size = pool_size,
                            .slot_size = slot_size,
                            .least_slot_size = least_slot_size});
    }
};

void check_layout(const Machine& machine, const MemoryLayout& layout) {
    RangeSet<64> ram;
    for (const PhysRange& bank : machine.ram) {
        REQUIRE(ram.add(bank));
    }
    std::vector<PhysRange> taken{machine.image, machine.dtb};
    taken.insert(taken.end(), machine.modules.begin(), machine.modules.end());
    for (const ReservedRange& reserved : machine.reserved) {
        taken.push_back(reserved.range);
    }
    CHECK(layout.image.contains(machine.image));
    CHECK(layout.slots[0].size == layout.slots[1].size);
    CHECK(layout.pool.size >= machine.pool_size);
    for (const PhysRange& piece : {layout.pool, layout.slots[0], layout.slots[1]}) {
        CHECK(piece.begin.is_aligned(block_size));
        CHECK(piece.size % block_size == 0);
        CHECK(ram.contains(piece));
        for (const PhysRange& other : taken) {
            CHECK_FALSE(piece.overlaps(other));
        }
        taken.push_back(piece);
    }
}

} // namespace

TEST_CASE("512 MiB with two kernels: a quarter each for the slots") {
    const Machine machine;
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(layout->slots[0].size == 128 * MiB);
    CHECK(layout->image == range(0x4020'0000, 2 * MiB));
}

TEST_CASE("large machines: at most 512 MiB, from the top") {
    Machine machine;
    machine.ram = {range(0x4000'0000, 2 * GiB), range(0x8'8000'0000, 16 * GiB)};
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(layout->slots[0].size == 512 * MiB);
    CHECK(layout->pool.end() == PhysAddr{0x8'8000'0000 + 16 * GiB});
    CHECK(layout->slots[0].begin >= PhysAddr{0x8'8000'0000});
    CHECK(layout->slots[1].begin >= PhysAddr{0x8'8000'0000});
}

TEST_CASE("the default shrinks until it fits, down to what the images need") {
    Machine machine;
    machine.modules = {range(0x4a00'0000, 300 * MiB)};
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(layout->slots[0].size < 128 * MiB);
    CHECK(layout->slots[0].size >= 48 * MiB);

    machine.least_slot_size = layout->slots[0].size + 1;
    const auto refused = machine.plan();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().error == Error::no_room);
    CHECK(refused.error().largest_slot_size == layout->slots[0].size);
    CHECK(refused.error().least_slot_size == layout->slots[0].size + block_size);
    CHECK(std::string_view(refused.error().what) != "");
}

TEST_CASE("a quarter is raised to what the images need") {
    Machine machine;
    machine.modules = {};
    machine.least_slot_size = 150 * MiB;
    const auto layout = machine.plan();
    REQUIRE(layout);
    CHECK(layout->slots[0].size == 150 * MiB);
}

TEST_CASE("an explicit size is met or refused") {
    Machine machine;
    machine.slot_size = 64 * MiB + 1;
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(layout->slots[0].size == 64 * MiB);

    machine.slot_size = 200 * MiB;
    const auto large = machine.plan();
    REQUIRE_FALSE(large);
    CHECK(large.error().error == Error::no_room);
    CHECK(large.error().wanted_slot_size == 200 * MiB);
    CHECK(large.error().largest_slot_size < 200 * MiB);
    CHECK(large.error().largest_slot_size >= 128 * MiB);

    machine.slot_size = 40 * MiB;
    const auto small = machine.plan();
    REQUIRE_FALSE(small);
    CHECK(small.error().least_slot_size == 48 * MiB);

    machine.slot_size = 1 * MiB;
    machine.least_slot_size = 0;
    CHECK_FALSE(machine.plan());
    machine.slot_size = ~u64{0};
    CHECK_FALSE(machine.plan());
}

TEST_CASE("no room at all") {
    Machine machine;
    machine.pool_size = 600 * MiB;
    const auto refused = machine.plan();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().largest_slot_size == 0);
    CHECK(refused.error().pool_size == 600 * MiB);
}

TEST_CASE("more pieces than the map holds") {
    Machine machine;
    machine.ram.clear();
    for (u64 i = 0; i < 200; i++) {
        machine.ram.push_back(range(0x4000'0000 + i * 4 * MiB, 2 * MiB));
    }
    CHECK(machine.plan().error().error == Error::too_many);
}

TEST_CASE("the pool gives way where the slots need the room") {
    Machine machine;
    machine.modules = {};
    machine.image = range(0x5000'0000, 2 * MiB);
    machine.dtb = range(0x5020'0000, 1 * MiB);
    // 256 MiB below the image, 252 above the DTB.
    machine.slot_size = 126 * MiB;
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
}

TEST_CASE("the guest gets all but Baton, the other slot and what is kept") {
    Machine machine;
    machine.reserved = {{range(0x4100'0800, 0x1000), true}, {range(0x4200'0000, 0x1000), false}};
    const auto layout = machine.plan();
    REQUIRE(layout);
    const std::vector<PhysRange> kept{range(0x4a00'0000, 0x1001)};
    for (u32 running : {0u, 1u}) {
        const auto map = guest_memory(*layout, running, machine.ram, machine.reserved, kept);
        REQUIRE(map);
        CHECK(map->contains(layout->slots[running]));
        CHECK_FALSE(map->overlaps(layout->slots[1 - running]));
        CHECK_FALSE(map->overlaps(layout->pool));
        CHECK_FALSE(map->overlaps(layout->image));
        CHECK_FALSE(map->overlaps(range(0x4100'0000, 0x2000)));
        CHECK(map->contains(range(0x4200'0000, 0x1000)));
        CHECK_FALSE(map->overlaps(range(0x4a00'0000, 0x2000)));
        CHECK(map->contains(range(0x4a00'2000, 0x1000)));
        CHECK(map->total() ==
              512 * MiB - layout->image.size - layout->pool.size - layout->slots[0].size - 0x4000);
        for (const PhysRange& piece : *map) {
            CHECK(piece.begin.is_aligned(page_size));
            CHECK(piece.size % page_size == 0);
        }
    }
}

TEST_CASE("whatever the machine, a layout is sound") {
    std::mt19937_64 random(7);
    int planned = 0;
    for (int round = 0; round < 2000; round++) {
        Machine machine;
        machine.ram.clear();
        u64 at = random() % GiB / page_size * page_size;
        for (u64 bank = 0; bank < 1 + random() % 4; bank++) {
            const u64 size = (1 + random() % 400) * MiB + random() % 256 * page_size;
            machine.ram.push_back(range(at, size));
            at += size + page_size * (1 + random() % 100000);
        }
        const auto somewhere = [&](u64 size) {
            const PhysRange& bank = machine.ram[random() % machine.ram.size()];
            return range(bank.begin.value + random() % bank.size, size);
        };
        machine.image = somewhere(3 * MiB);
        machine.dtb = somewhere(64 * KiB);
        machine.modules = {somewhere(30 * MiB), somewhere(5 * MiB), somewhere(30 * MiB)};
        machine.reserved = {{somewhere(1 * MiB), true}, {somewhere(12345), false}};
        machine.slot_size = random() % 2 == 0 ? 0 : random() % 200 * MiB;
        machine.least_slot_size = random() % 80 * MiB;
        const auto layout = machine.plan();
        if (layout) {
            planned++;
            check_layout(machine, *layout);
            CHECK(layout->slots[0].size >= machine.least_slot_size);
        } else {
            CHECK(std::string_view(layout.error().what) != "");
        }
    }
    CHECK(planned > 500);
}
