// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/memory/layout.hpp"

#include <doctest/doctest.h>
#include <memory>
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
    bool keeps_modules = false;
    PhysRange image = range(0x4020'0000, 0x12'3000);
    bool may_move = true;
    PhysRange dtb = range(0x4800'0000, 1 * MiB);
    u64 pool_size = 16 * MiB;
    u64 slot_size = 0;
    u64 least_slot_size = 48 * MiB;
    std::vector<VmMemoryRequest> vms{};
    std::vector<u64> shared{};

    std::expected<MemoryLayout, MemoryShortage> plan() const {
        const auto scratch = std::make_unique<LayoutScratch>();
        const auto layout = plan_memory({.ram = ram,
                                         .reserved = reserved,
                                         .image = image,
                                         .may_move = may_move,
                                         .dtb = dtb,
                                         .modules = modules,
                                         .keeps_modules = keeps_modules,
                                         .pool_size = pool_size,
                                         .slot_size = slot_size,
                                         .least_slot_size = least_slot_size,
                                         .vms = vms,
                                         .shared = shared},
                                        *scratch);
        if (!layout) {
            return std::unexpected(layout.error());
        }
        return **layout;
    }
    /// What the guest of that VM has.
    MemoryMap memory(const MemoryLayout& layout, u32 running, VmId vm = host_vm) const {
        MemoryMap map;
        REQUIRE(map.add(range(0, page_size))); // from before
        REQUIRE(guest_memory(layout, vm, running, ram, reserved,
                             keeps_modules ? modules : std::vector<PhysRange>{}, map));
        return map;
    }
    usize pieces(const MemoryLayout& layout, u32 running) const {
        return memory(layout, running).size();
    }
};

void check_layout(const Machine& machine, const MemoryLayout& layout) {
    RangeSet<64> ram;
    for (const PhysRange& bank : machine.ram) {
        REQUIRE(ram.add(bank));
    }
    std::vector<PhysRange> taken = machine.modules;
    for (const ReservedRange& reserved : machine.reserved) {
        taken.push_back(reserved.range);
    }
    const auto check_place = [&](PhysRange place) {
        CHECK(place.begin.is_aligned(block_size));
        CHECK(place.size % block_size == 0);
        CHECK(ram.contains(place));
        for (const PhysRange& other : taken) {
            CHECK_FALSE(place.overlaps(other));
        }
        taken.push_back(place);
    };
    CHECK(layout.pool.size >= machine.pool_size);
    CHECK(layout.pool.begin.is_aligned(block_size));
    CHECK_FALSE(layout.pool.overlaps(machine.dtb)); // it is read from there into the pool
    CHECK_FALSE(layout.pool.overlaps(machine.image));
    if (layout.moves(machine.image)) {
        CHECK(machine.may_move);
        CHECK(layout.image.begin == layout.pool.end());
        CHECK(layout.image.begin.is_aligned(page_size));
        CHECK(layout.image.size == whole_pages(machine.image).size);
        CHECK_FALSE(layout.image.overlaps(machine.dtb));
        CHECK_FALSE(layout.image.overlaps(machine.image)); // it is copied from there
        check_place(PhysRange::between(layout.pool.begin, layout.image.end()));
    } else {
        check_place(layout.pool);
        taken.push_back(layout.image);
    }
    CHECK(layout.slots[0].size == layout.slots[1].size);
    for (const PhysRange& slot : layout.slots) {
        check_place(slot);
    }
    REQUIRE(layout.vms.size() == machine.vms.size());
    for (usize i = 0; i < machine.vms.size(); i++) {
        const VmMemory& vm = layout.vms[i];
        check_place(vm.whole);
        CHECK(vm.slots[0].begin == vm.whole.begin);
        CHECK(vm.slots[1].end() == vm.whole.end());
        CHECK(vm.slots[0].size == vm.slots[1].size);
        CHECK(vm.slots[0].size >= machine.vms[i].least_slot_size);
        for (const u32 running : {0u, 1u}) {
            const MemoryMap map = machine.memory(layout, running, VmId{static_cast<u32>(i + 1)});
            REQUIRE(map.size() == 1);
            CHECK(map.total() == align_up(machine.vms[i].memory, block_size));
            CHECK(map.contains(vm.slots[running]));
        }
    }
    REQUIRE(layout.shared.size() == machine.shared.size());
    for (usize i = 0; i < machine.shared.size(); i++) {
        check_place(layout.shared[i]);
        CHECK(layout.shared[i].size >= machine.shared[i]);
    }
}

} // namespace

TEST_CASE("512 MiB with two kernels: a quarter each for the slots") {
    const Machine machine;
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(layout->slots[0].size == 128 * MiB);
    // Baton at the top, and a slot at each end of what is left: always one piece.
    CHECK(layout->image.end() == PhysAddr{0x6000'0000});
    CHECK(layout->slots[0] == range(0x4000'0000, 128 * MiB));
    CHECK(layout->slots[1].end() == layout->pool.begin);
    CHECK(machine.pieces(*layout, 0) == 1);
    CHECK(machine.pieces(*layout, 1) == 1);
}

TEST_CASE("where Baton cannot move it stays, and a hole with it") {
    Machine machine;
    machine.may_move = false;
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(layout->image == range(0x4020'0000, 2 * MiB));
    CHECK(layout->pool.end() == PhysAddr{0x6000'0000});
    CHECK(machine.pieces(*layout, 0) == 2);
}

TEST_CASE("Baton stays where moving gains nothing, or there is no room") {
    Machine machine;
    machine.image = range(0x5fe0'0000, 0x12'3000); // the last 2 MiB
    auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK_FALSE(layout->moves(machine.image));
    CHECK(layout->pool.end() == PhysAddr{0x5fe0'0000});
    CHECK(machine.pieces(*layout, 0) == 1);

    machine = {};
    machine.ram = {range(0x4000'0000, 32 * MiB)};
    machine.modules = {};
    machine.dtb = range(0x41f0'0000, 4 * KiB);
    machine.least_slot_size = 0;
    machine.slot_size = 6 * MiB;
    machine.image = range(0x4100'0000, 0x12'3000); // 16 MiB below: for the pool alone
    layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK_FALSE(layout->moves(machine.image));
    machine.image = range(0x4120'0000, 0x12'3000);
    layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(layout->moves(machine.image));
}

TEST_CASE("wherever it was loaded, the guest has one piece") {
    Machine machine;
    machine.modules = {range(0x5000'0000, 20 * MiB)};
    machine.slot_size = 64 * MiB;
    for (u64 at = 0x4000'0000; at < 0x6000'0000; at += 2 * MiB) {
        machine.image = range(at, 0x12'3000);
        if (machine.image.overlaps(machine.dtb) || machine.image.overlaps(machine.modules[0])) {
            continue;
        }
        const auto layout = machine.plan();
        REQUIRE(layout);
        CAPTURE(at);
        check_layout(machine, *layout);
        CHECK(machine.pieces(*layout, 0) == 1);
        CHECK(machine.pieces(*layout, 1) == 1);
    }
}

TEST_CASE("modules at the bottom: one piece at first, and what can't be helped after a swap") {
    Machine machine;
    machine.modules = {range(0x4040'0000, 100 * MiB)};
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(machine.pieces(*layout, 0) == 1);
    CHECK(machine.pieces(*layout, 1) == 2);
    CHECK(layout->slots[0].end() == layout->slots[1].begin);
}

TEST_CASE("what is reserved or kept is nobody's place") {
    Machine machine;
    machine.reserved = {{range(0x5ff0'0000, 64 * KiB), true}, {range(0x4010'0000, 4 * KiB), false}};
    machine.keeps_modules = true;
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(layout->moves(machine.image));
}

TEST_CASE("VMs from the top, each in one piece whichever slot it runs in") {
    Machine machine;
    machine.ram = {range(0x4000'0000, 2 * GiB)};
    machine.slot_size = 128 * MiB;
    machine.vms = {{.memory = 256 * MiB},
                   {.memory = 100 * MiB + 1, .slot_size = 20 * MiB},
                   {.memory = 64 * MiB, .least_slot_size = 30 * MiB}};
    machine.shared = {1, 4 * MiB};
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(layout->vms[0].whole.end() == layout->pool.begin);
    CHECK(layout->vms[0].slots[0].size == 64 * MiB);
    CHECK(layout->vms[1].slots[0].size == 20 * MiB);
    CHECK(layout->vms[1].whole.end() == layout->vms[0].whole.begin);
    CHECK(layout->vms[2].slots[0].size == 30 * MiB);
    CHECK(layout->shared[0].size == 2 * MiB);
    machine.slot_size = 0;
    const auto by_default = machine.plan();
    REQUIRE(by_default);
    const u64 others = 256 + 64 + 102 + 20 + 64 + 30 + 2 + 4;
    CHECK(by_default->slots[0].size == align_down((2048 - others) / 4 * MiB, block_size));
    CHECK(layout->slots_of(VmId{2})[1] == layout->vms[1].slots[1]);
    CHECK(layout->slots_of(host_vm)[1] == layout->slots[1]);
    for (const u32 running : {0u, 1u}) {
        const MemoryMap map = machine.memory(*layout, running);
        CHECK(map.size() == 1);
        for (const VmMemory& vm : layout->vms) {
            CHECK_FALSE(map.overlaps(vm.whole));
        }
        for (const PhysRange& region : layout->shared) {
            CHECK_FALSE(map.overlaps(region));
        }
    }
}

TEST_CASE("whom there is no room for is named") {
    Machine machine;
    machine.vms = {{.memory = 64 * MiB}, {.memory = 600 * MiB}};
    auto refused = machine.plan();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().vm == 1);
    CHECK(refused.error().wanted_slot_size == 150 * MiB);

    machine.vms[1] = {.memory = 32 * MiB, .slot_size = 4 * MiB, .least_slot_size = 5 * MiB};
    refused = machine.plan();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().vm == 1);
    CHECK(refused.error().least_slot_size == 6 * MiB);
    machine.vms[1] = {.memory = 32 * MiB, .slot_size = 40 * MiB};
    CHECK(machine.plan().error().vm == 1);
    machine.vms.resize(max_vms, {.memory = 2 * MiB});
    machine.vms[1] = {.memory = 2 * MiB};
    CHECK(machine.plan().error().vm == max_vms - 1);

    machine.vms = {};
    machine.shared = {2 * MiB, ~u64{0}};
    refused = machine.plan();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().shared == 1);
    CHECK_FALSE(refused.error().vm);

    machine.shared = {};
    machine.vms = {{.memory = 150 * MiB}};
    machine.slot_size = 200 * MiB;
    refused = machine.plan();
    REQUIRE_FALSE(refused);
    CHECK_FALSE(refused.error().vm);
    CHECK(refused.error().wanted_slot_size == 200 * MiB);
}

TEST_CASE("large machines: at most 512 MiB, from the top") {
    Machine machine;
    machine.ram = {range(0x4000'0000, 2 * GiB), range(0x8'8000'0000, 16 * GiB)};
    const auto layout = machine.plan();
    REQUIRE(layout);
    check_layout(machine, *layout);
    CHECK(layout->slots[0].size == 512 * MiB);
    CHECK(layout->image.end() == PhysAddr{0x8'8000'0000 + 16 * GiB});
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
    for (u64 i = 0; i < 1100; i++) {
        machine.ram.push_back(range(0x4000'0000 + i * 4 * MiB, 2 * MiB));
    }
    CHECK(machine.plan().error().error == Error::too_many);
}

TEST_CASE("the pool gives way where the slots need the room") {
    Machine machine;
    machine.may_move = false;
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
    machine.modules = {range(0x4a00'0000, 0x1001)};
    machine.keeps_modules = true;
    for (const bool may_move : {false, true}) {
        machine.may_move = may_move;
        const auto layout = machine.plan();
        REQUIRE(layout);
        for (const u32 running : {0u, 1u}) {
            const MemoryMap map = machine.memory(*layout, running);
            CHECK(map.contains(layout->slots[running]));
            CHECK_FALSE(map.overlaps(layout->slots[1 - running]));
            CHECK_FALSE(map.overlaps(layout->pool));
            CHECK_FALSE(map.overlaps(layout->image));
            CHECK(map.contains(machine.image) == may_move);
            CHECK_FALSE(map.overlaps(range(0x4100'0000, 0x2000)));
            CHECK(map.contains(range(0x4200'0000, 0x1000)));
            CHECK_FALSE(map.overlaps(range(0x4a00'0000, 0x2000)));
            CHECK(map.contains(range(0x4a00'2000, 0x1000)));
            CHECK(map.total() == 512 * MiB - layout->image.size - layout->pool.size -
                                     layout->slots[0].size - 0x4000);
            for (const PhysRange& piece : map) {
                CHECK(piece.begin.is_aligned(page_size));
                CHECK(piece.size % page_size == 0);
            }
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
        machine.may_move = random() % 3 != 0;
        machine.keeps_modules = random() % 2 == 0;
        for (u64 vms = random() % 4; vms > 0; vms--) {
            machine.vms.push_back({.memory = random() % 64 * MiB + 2 * MiB,
                                   .slot_size = random() % 2 * MiB * 4,
                                   .least_slot_size = random() % 2 * MiB});
        }
        machine.shared = {random() % (4 * MiB) + 1};
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
