// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/guest/guest_dtb.hpp"

#include "tests/unit/platform/guest_dtb.hpp"

using namespace baton;
using baton::test::build;
using baton::test::Built;
using baton::test::Dtb;
using baton::test::parsed;
using baton::test::reg;

namespace {

constexpr PhysRange range(u64 begin, u64 size) { return {{begin}, size}; }

std::vector<std::byte> entropy(usize size) {
    std::vector<std::byte> bytes;
    for (usize i = 0; i < size; i++) {
        bytes.push_back(static_cast<std::byte>(i + 1));
    }
    return bytes;
}

} // namespace

TEST_CASE("the guest's QEMU virt") {
    const Dtb firmware = Dtb::load("virt-modules.dtb");
    const std::vector<PhysRange> memory{range(0x4000'0000, 2 * MiB), range(0x4040'0000, 300 * MiB)};
    const auto seed = entropy(40);
    const Built built = build(firmware, {.memory = memory,
                                         .bootargs = "console=ttyAMA0 next",
                                         .initrd = range(0x5000'0000, 12345),
                                         .seed = seed});
    CHECK(reg(built.node("/memory")) == memory);

    const FdtNode chosen = built.node("/chosen");
    CHECK(chosen.string("bootargs") == "console=ttyAMA0 next");
    CHECK(chosen.string("stdout-path") == "/pl011@9000000");
    CHECK(CellReader{*chosen.get("linux,initrd-start")}.take(2) == 0x5000'0000);
    CHECK(CellReader{*chosen.get("linux,initrd-end")}.take(2) == 0x5000'0000 + 12345);
    CHECK(std::ranges::equal(*chosen.get("kaslr-seed"), std::span(seed).first(8)));
    CHECK(std::ranges::equal(*chosen.get("rng-seed"), std::span(seed).subspan(8)));
    CHECK_FALSE(chosen.first_child());

    CHECK(built.node("/psci").string("method") == "hvc");
    CHECK(built.node("/psci").is_compatible("arm,psci-1.0"));
    CHECK(built.node("/psci").is_compatible("arm,psci-0.2"));
    CHECK(built.fdt().find("/intc@8000000/its@8080000"));
    CHECK(built.fdt().find("/intc@8000000"));
    CHECK(built.node("/pcie@10000000").has("msi-map"));
    CHECK(built.node("/pcie@10000000").has("interrupt-map"));
    CHECK(built.fields.cpu_count == 4);
}

TEST_CASE("a guest sees the machine that Baton sees") {
    const Dtb firmware = Dtb::load("virt-80.dtb");
    const auto before = parsed(firmware);
    const Built built = build(firmware, {.memory = {before->ram.begin(), before->ram.size()},
                                         .bootargs = {},
                                         .initrd = {},
                                         .seed = {}});
    auto after = std::make_unique<baton::test::FullPlatform>();
    REQUIRE(parse_platform(built.bytes, *after));
    CHECK(std::ranges::equal(before->ram, after->ram));
    CHECK(std::ranges::equal(before->devices, after->devices));
    CHECK(before->cpus.size() == after->cpus.size());
    CHECK(after->arch->psci.conduit == arm64::PsciInfo::Conduit::hvc);
    CHECK(after->arch->gic.its.size() == before->arch->gic.its.size());
    CHECK(after->arch->gic.distributor == before->arch->gic.distributor);
    CHECK(after->arch->timer.virt == before->arch->timer.virt);
    CHECK(after->seed.empty());
}

TEST_CASE("an image in Baton's place gets the firmware's DTB") {
    const Dtb firmware = Dtb::load("virt-modules.dtb");
    const auto before = parsed(firmware);
    const DtbModule modules[]{{range(0x7000'0000, 1000), true, "console=ttyAMA0 a:b"},
                              {range(0x7010'0000, 2000), false, {}}};
    const PhysRange reserved[]{range(0x7f80'0000, 8 * MiB)};
    const Built built = build(firmware, {.for_host = true,
                                         .modules = modules,
                                         .reserved = reserved,
                                         .bootargs = "baton.slot=64M",
                                         .initrd = range(0x5000'0000, 5)});
    auto after = std::make_unique<baton::test::FullPlatform>();
    REQUIRE(parse_platform(built.bytes, *after));

    // The machine is what it was, with all its memory, its ITS and its PSCI ...
    CHECK(std::ranges::equal(before->ram, after->ram));
    CHECK(std::ranges::equal(before->devices, after->devices));
    CHECK(after->arch->gic.its.size() == before->arch->gic.its.size());
    CHECK(built.node("/psci").string("method") == "smc");
    CHECK(built.node("/pcie@10000000").has("msi-map"));
    // ... but for what is reserved, and /chosen.
    CHECK(std::ranges::any_of(
        after->reserved, [&](const ReservedRange& each) { return each.range == reserved[0]; }));
    CHECK(after->bootargs == "baton.slot=64M");
    REQUIRE(after->boot_images.size() == 1);
    CHECK(after->boot_images[0].kernel == modules[0].range);
    CHECK(after->boot_images[0].bootargs == modules[0].bootargs);
    CHECK(after->boot_images[0].ramdisk == modules[1].range);
    CHECK(after->seed.empty());
    CHECK(built.node("/chosen").has("linux,initrd-start"));
    CHECK(built.node("/chosen").string("stdout-path") == "/pl011@9000000");
    CHECK(built.fields.cpu_count == 4);
}

TEST_CASE("DSUs that the machine has not") {
    const Dtb firmware = Dtb::load("virt-4.dtb");
    const auto platform = parsed(firmware);
    const auto phandle = [&](usize cpu) { return *platform->cpus[cpu].phandle; };
    CounterUnit nodes[]{{.interrupt_parent = *platform->interrupt_controller.phandle,
                         .interrupt = InterruptId{287}},
                        {.interrupt_parent = *platform->interrupt_controller.phandle,
                         .interrupt = InterruptId{286}}};
    for (const usize cpu : {0, 1, 3}) {
        REQUIRE(nodes[0].cpus.push(phandle(cpu)));
    }
    REQUIRE(nodes[1].cpus.push(phandle(2)));
    const Built built = build(firmware, {.memory = {platform->ram.begin(), platform->ram.size()},
                                         .counter_units = nodes});
    CHECK(built.node("/dsu-pmu-0").string("compatible") == "arm,dsu-pmu");
    CellReader interrupts{*built.node("/dsu-pmu-1").get("interrupts")};
    for (const u64 cell : {0, 254, 1}) { // SPI 254, an edge
        CHECK(interrupts.take(1) == cell);
    }
    CHECK(interrupts.at_end());
    CHECK(built.node("/dsu-pmu-1").number("interrupt-parent") ==
          built.node("/intc@8000000").phandle());

    auto after = std::make_unique<baton::test::FullPlatform>();
    REQUIRE(parse_platform(built.bytes, *after));
    CHECK(after->cluster_count == 2);
    for (const usize cpu : {0, 1, 3}) {
        CHECK(after->cpus[cpu].cluster == 0);
    }
    CHECK(after->cpus[2].cluster == 1);
}

TEST_CASE("CPUs that wait in a spin table") {
    const Built built =
        build(Dtb::load("virt-4.dtb"), {.for_host = true, .spin_table = PhysAddr{0x7f80'1000}});
    for (u64 cpu = 0; cpu < 4; cpu++) {
        const FdtNode node = built.node("/cpus/cpu@" + std::to_string(cpu));
        CHECK(node.string("enable-method") == "spin-table");
        CHECK(CellReader{*node.get("cpu-release-addr")}.take(2) == 0x7f80'1000 + 16 * cpu);
    }
    // A guest's are started by PSCI, as ever.
    const Built guest = build(Dtb::load("virt-4.dtb"), {.bootargs = "x"});
    CHECK(guest.node("/cpus/cpu@0").string("enable-method") == "psci");
}

TEST_CASE("every CPU can be disabled in place") {
    for (const char* name : {"virt-1.dtb", "virt-512.dtb"}) {
        const Dtb firmware = Dtb::load(name);
        const auto platform = parsed(firmware);
        const usize count = platform->cpus.size();
        Built built = build(firmware, {.memory = {platform->ram.begin(), platform->ram.size()},
                                       .bootargs = {},
                                       .initrd = {},
                                       .seed = {}});
        REQUIRE(built.fields.cpu_count == count);
        for (usize i = 0; i < count; i += 2) {
            CHECK(built.fields.cpu_status[i] % 4 == 0);
            disable_cpu(built.bytes, built.fields, static_cast<u32>(i));
        }
        usize i = 0;
        for_each_child(built.node("/cpus"), [&](FdtNode node) {
            if (!node.name().starts_with("cpu@")) {
                return;
            }
            CHECK(node.number("reg") == platform->cpus[i].firmware_id);
            CHECK(node.string("status") == (i % 2 == 0 ? "fail" : "okay"));
            i++;
        });
        CHECK(i == count);
    }
}

TEST_CASE("a wrong offset disables nothing") {
    std::vector<std::byte> dtb(20);
    GuestDescription fields;
    fields.cpu_status = {17, 0xffff'ffff, 0, 16};
    for (const u32 number : {0U, 1U, 2U, max_cpus, ~0U}) {
        CHECK(disable_cpu(dtb, fields, number)[0].size == 0);
    }
    CHECK(std::ranges::count(dtb, std::byte{0}) == 20);
    CHECK(disable_cpu(dtb, fields, 3)[0].offset == 16);
    CHECK(std::ranges::count(dtb, std::byte{0}) == 16);
}

TEST_CASE("what the board has and the guest has not") {
    const Dtb firmware = Dtb::load("board.dtb");
    const std::vector<PhysRange> memory{range(0x8000'0000, 0x4100'0000),
                                        range(0xd000'0000, 0x1000'0000)};
    const Built built =
        build(firmware, {.memory = memory, .bootargs = "x", .initrd = {}, .seed = {}});

    // Each bank keeps what it has of the list, and its NUMA node.
    CHECK(reg(built.node("/memory@80000000")) == std::vector{range(0x8000'0000, 0x4000'0800)});
    CHECK(built.node("/memory@80000000").number("numa-node-id") == 0);
    CHECK(reg(built.node("/memory@c0000800")) ==
          std::vector{range(0xc000'0800, 0xff'f800), range(0xd000'0000, 0x0fff'0000 + 0x10000)});
    CHECK(built.node("/memory@c0000800").number("numa-node-id") == 1);
    CHECK(built.node("/memory@e000000").string("status") == "disabled");

    const FdtNode chosen = built.node("/chosen");
    CHECK(chosen.string("bootargs") == "x");
    CHECK(chosen.string("stdout-path") == "serial0:115200n8");
    for (const char* gone : {"linux,initrd-start", "linux,initrd-end", "kaslr-seed", "rng-seed",
                             "linux,uefi-mmap-start"}) {
        CAPTURE(gone);
        CHECK_FALSE(chosen.has(gone));
    }
    CHECK_FALSE(chosen.first_child());

    CHECK_FALSE(built.fdt().find("/cpus/idle-states"));
    CHECK(built.fdt().find("/cpus/cpu-map/cluster0/core0"));
    for (const char* cpu : {"/cpus/cpu@0", "/cpus/cpu@100", "/cpus/cpu@100010203"}) {
        CHECK_FALSE(built.node(cpu).has("cpu-idle-states"));
    }
    // It is broken: Baton does not start it, and no guest shall try.
    CHECK(built.node("/cpus/cpu@100").string("status") == "fail");
    CHECK(built.node("/cpus/cpu@0").string("status") == "okay");
    CHECK(built.fields.cpu_count == 2);

    CHECK(built.node("/firmware/psci").string("method") == "hvc");
    CHECK_FALSE(built.node("/firmware/psci").has("cpu_on"));

    const FdtNode gic = built.node("/interrupt-controller@10000000");
    REQUIRE(gic.first_child());
    CHECK(gic.first_child()->is_compatible("arm,gic-v3-its"));
    CHECK_FALSE(gic.first_child()->next_sibling());
    CHECK_FALSE(gic.has("msi-controller"));
    CHECK_FALSE(gic.has("mbi-ranges"));
    CHECK(gic.has("redistributor-stride"));
    CHECK_FALSE(built.node("/pcie@40000000").has("msi-map"));
    CHECK(built.node("/soc/far@90000000").has("msi-parent")); // the ITS
    CHECK_FALSE(built.node("/soc/i2c@30000").has("msi-parent"));
    CHECK(built.node("/soc/near@20000").has("msi-parent")); // not the GIC's
    CHECK(built.fdt().reservation_count() == 1);
}

TEST_CASE("a disabled CPU is one more for the guest") {
    Dtb firmware = Dtb::load("board.dtb");
    firmware.set("/cpus/cpu@100", "status", "disabled");
    const Built built = build(firmware, {.bootargs = "x"});
    CHECK(built.node("/cpus/cpu@100").string("status") == "okay");
    CHECK(built.fields.cpu_count == 3);
}

TEST_CASE("a bank of which nothing is left is disabled") {
    const Dtb firmware = Dtb::load("board.dtb");
    const std::vector<PhysRange> memory{range(0x8000'0000, 0x100'0000)};
    const Built built =
        build(firmware, {.memory = memory, .bootargs = {}, .initrd = {}, .seed = {}});
    CHECK_FALSE(built.node("/memory@c0000800").is_enabled());
    auto platform = std::make_unique<baton::test::FullPlatform>();
    REQUIRE(parse_platform(built.bytes, *platform));
    CHECK(platform->ram.total() == 0x100'0000);
}

TEST_CASE("/chosen is made where there is none") {
    Dtb firmware = Dtb::load("board.dtb");
    firmware.remove("/chosen");
    const std::vector<PhysRange> memory{range(0x8000'0000, 0x100'0000)};
    const Built built =
        build(firmware, {.memory = memory, .bootargs = "made", .initrd = {}, .seed = {}});
    CHECK(built.node("/chosen").string("bootargs") == "made");
}

TEST_CASE("too little entropy is none") {
    const Dtb firmware = Dtb::load("board.dtb");
    const auto with_seed = [&](usize size) {
        const auto seed = entropy(size);
        return build(firmware, {.memory = {}, .bootargs = {}, .initrd = {}, .seed = seed});
    };
    CHECK_FALSE(with_seed(7).node("/chosen").has("kaslr-seed"));
    CHECK(with_seed(8).node("/chosen").has("kaslr-seed"));
    CHECK_FALSE(with_seed(8).node("/chosen").has("rng-seed"));
    CHECK(with_seed(9).node("/chosen").get("rng-seed")->size() == 1);
}

TEST_CASE("memory is reserved, and an ITS disabled, in a finished DTB") {
    const Dtb firmware = Dtb::load("virt-4.dtb");
    const PhysRange kept[]{range(0x4400'0000, MiB)};
    Built built =
        build(firmware, {.reserved = kept, .spare_reservations = 3, .memory = {}, .bootargs = {}});
    const u32 before = built.fdt().reservation_count();
    // Nobody sees the room for more: a Baton that replaces this one would hand it on, and add its
    // own.
    CHECK(before == build(firmware, {.memory = {}, .bootargs = {}}).fdt().reservation_count() + 1);
    CHECK(built.fdt().reservation(before - 1) == kept[0]);
    REQUIRE(built.fields.message_controller_status.size() == 1);
    CHECK(built.node("/intc@8000000/its@8080000").string("status") == "okay");

    reserve_in_place(built.bytes, built.fields, 0, range(0x1'2345'0000, 0xe000));
    CHECK(built.fdt().reservation_count() == before + 1);
    reserve_in_place(built.bytes, built.fields, 1, range(0x1'3345'0000, 0x2000));
    reserve_in_place(built.bytes, built.fields, 2, range(0x1'4345'0000, 0x1000));
    disable_message_controller(built.bytes, built.fields, 0);
    CHECK(built.fdt().reservation_count() == before + 3);
    CHECK(built.fdt().reservation(before - 1) == kept[0]);
    CHECK(built.fdt().reservation(before) == range(0x1'2345'0000, 0xe000));
    CHECK(built.fdt().reservation(before + 1) == range(0x1'3345'0000, 0x2000));
    CHECK(built.fdt().reservation(before + 2) == range(0x1'4345'0000, 0x1000));
    CHECK(built.node("/intc@8000000/its@8080000").string("status") == "fail");

    // Nothing is written beyond the end.
    const auto bytes = built.bytes;
    const auto size = static_cast<u32>(bytes.size());
    GuestDescription wrong;
    for (const u32 offset : {size - 15, ~0U}) {
        wrong.spare_reservations = offset;
        reserve_in_place(built.bytes, wrong, 0, kept[0]);
    }
    (void)wrong.message_controller_status.push(size - 3);
    disable_message_controller(built.bytes, wrong, 0);
    disable_message_controller(built.bytes, wrong, 1);
    CHECK(built.bytes == bytes);
}

TEST_CASE("a buffer that is too small is refused, whatever its size") {
    const Dtb firmware = Dtb::load("board.dtb");
    const GuestRequest request{.memory = {}, .bootargs = "x", .initrd = {}, .seed = {}};
    const usize needed = build(firmware, request).fields.size;
    GuestDtb fields;
    for (usize size = 0; size < needed + 64; size += 8) {
        std::vector<std::byte> buffer(size);
        const auto result = build_guest_dtb(firmware, request, buffer, fields);
        if (!result) {
            CHECK(result.error() == Error::no_room);
        }
        CHECK(result.has_value() == (size >= needed));
    }
}

TEST_CASE("damage to a byte does not make the writer go astray") {
    const Dtb good = Dtb::load("board.dtb");
    const std::vector<PhysRange> memory{range(0x8000'0000, 0x100'0000)};
    std::vector<std::byte> buffer(64 * 1024);
    GuestDtb fields;
    // Every third: all positions within a cell have their turn, in a third of the time.
    for (usize at = 0; at < Bytes(good).size(); at += 3) {
        Dtb bad = good;
        bad.bytes()[at] ^= std::byte{1};
        const auto result = build_guest_dtb(
            bad, {.memory = memory, .bootargs = "x", .initrd = {}, .seed = {}}, buffer, fields);
        if (result) {
            CHECK(Fdt::open(Bytes(buffer).first(fields.size)));
        }
    }
}
