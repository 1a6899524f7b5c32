// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/division/vm_config.hpp"

#include "tests/unit/platform/dtb.hpp"

using namespace baton;
using baton::test::divided;
using baton::test::Dtb;
using baton::test::parsed;

namespace {

constexpr PhysRange range(u64 begin, u64 size) { return {{begin}, size}; }

std::vector<u32> numbers(const StaticVector<CpuId, max_cpus>& cpus) {
    std::vector<u32> result;
    for (CpuId cpu : cpus) {
        result.push_back(index(cpu));
    }
    return result;
}

std::vector<PhysRange> ranges(const DeviceRanges& devices) {
    return {devices.begin(), devices.end()};
}

std::vector<u32> numbers(const InterruptSet& interrupts) {
    std::vector<u32> result;
    for (u32 number = 0; number < index(InterruptSet::end); number++) {
        if (interrupts.has(InterruptId{number})) {
            result.push_back(number);
        }
    }
    return result;
}

/// The sentence with which a division is refused.
std::string sentence(const Dtb& dtb) {
    const auto platform = parsed(dtb);
    auto division = std::make_unique<Division>();
    const bool refused = !divide(dtb, *platform, *division);
    CHECK(refused);
    return std::string(division->fault());
}

const char* const a = "/chosen/a";
const char* const b = "/chosen/b";

} // namespace

TEST_CASE("a machine without nodes for VMs is the host VM's") {
    const Dtb dtb = Dtb::load("virt-4.dtb");
    const auto platform = parsed(dtb);
    const auto division = divided(dtb, *platform);
    REQUIRE(division->vms().size() == 1);
    const VmConfig& host = division->vm(host_vm);
    CHECK(host.name == "host");
    CHECK(numbers(host.cpus) == std::vector<u32>{0, 1, 2, 3});
    CHECK(host.memory == 0);
    CHECK(host.has_console);
    CHECK(host.has_message_controllers);
    CHECK(std::ranges::equal(host.devices, platform->devices)); // with the UART
    CHECK(host.virtio_mmio.size() == 32);
    CHECK(host.pci_hosts.size() == 1);
    CHECK(numbers(host.interrupts).size() == 988);
    CHECK(division->passed().empty());
}

TEST_CASE("a machine for three") {
    const Dtb dtb = Dtb::load("vms.dtb");
    const auto platform = parsed(dtb);
    auto division = divided(dtb, *platform);
    REQUIRE(division->vms().size() == 3);
    const auto& [host, first, second] =
        std::tie(division->vm(VmId{0}), division->vm(VmId{1}), division->vm(VmId{2}));
    CHECK(first.name == "a");
    CHECK(second.name == "b");

    CHECK(numbers(first.cpus) == std::vector<u32>{2, 4});
    CHECK(numbers(second.cpus) == std::vector<u32>{3, 5}); // the highest that are left
    CHECK(numbers(host.cpus) == std::vector<u32>{0, 1});
    CHECK(division->owner(CpuId{1}) == VmId{0});
    CHECK(division->owner(CpuId{4}) == VmId{1});
    CHECK(division->owner(CpuId{5}) == VmId{2});

    CHECK(first.memory == 32 * MiB);
    CHECK(first.slot_size == 16 * MiB);
    CHECK(first.on_reset == OnReset::stop);
    CHECK(first.has_console);
    CHECK(second.memory == 64 * MiB); // of one cell
    CHECK(second.slot_size == 0);
    CHECK(second.on_reset == OnReset::restart);
    CHECK_FALSE(second.has_console);
    CHECK(host.has_console);

    REQUIRE(host.boot_images.size() == 1);
    CHECK(host.boot_images[0].kernel == range(0x5000'0000, 2 * MiB));
    REQUIRE(first.boot_images.size() == 2);
    CHECK(first.boot_images[0].kernel == range(0x6000'0000, 3 * MiB));
    CHECK(first.boot_images[0].ramdisk == range(0x6100'0000, 0x1000));
    CHECK(first.boot_images[0].bootargs == "first of a");
    CHECK(first.boot_images[1].bootargs == "second of a");
    REQUIRE(second.boot_images.size() == 1);
    CHECK(second.boot_images[0].kernel == range(0x7000'0000, MiB)); // the root's cell counts

    CHECK(ranges(first.devices) ==
          std::vector{range(0x0a00'2000, 0x1000), range(0x1000'0000, 0x200'0000),
                      range(0x2010'3000, 0x1000), range(0x2010'5000, 0x1000)});
    CHECK(second.devices.empty());
    DeviceRanges rest = platform->devices;
    for (const PhysRange& devices : first.devices) {
        REQUIRE(rest.subtract(devices));
    }
    REQUIRE(rest.subtract(range(0x2010'9000, 0x1000))); // the UART's
    CHECK(ranges(host.devices) == ranges(rest));

    CHECK(numbers(first.interrupts) == std::vector<u32>{51, 52, 53, 62, 63, 65});
    CHECK(second.interrupts == InterruptSet{});
    CHECK(numbers(host.interrupts).size() == 988 - 6 - 1);
    CHECK_FALSE(host.interrupts.has(InterruptId{33})); // the UART's
    CHECK(host.interrupts.has(InterruptId{48}));
    CHECK(host.interrupts.has(InterruptId{1019})); // nobody's

    REQUIRE(first.virtio_mmio.size() == 1);
    CHECK(first.virtio_mmio[0] == range(0x0a00'2000, 0x200));
    CHECK(host.virtio_mmio.size() == 3);
    REQUIRE(first.pci_hosts.size() == 1);
    CHECK(first.pci_hosts[0].last_bus == 15);
    CHECK(host.pci_hosts.empty());
    CHECK(first.has_message_controllers);
    CHECK_FALSE(host.has_message_controllers);

    REQUIRE(division->passed().size() == 3);
    CHECK(division->passed()[0].path == "/soc/apb@100000/dma@3000");
    CHECK(division->passed()[1].path == "/virtio@a002000");
    const auto owner = [&](const char* path) {
        return division->owner(Fdt::open(dtb)->find(path)->offset());
    };
    CHECK(owner("/pcie@10000000/function@0,0") == VmId{1});
    CHECK(owner("/soc/apb@100000") == VmId{0});
    CHECK(owner("/virtio@a001000") == VmId{0});
    CHECK(owner("/soc/apb@100000/serial@9000") == std::nullopt);

    REQUIRE(division->shared().size() == 1);
    CHECK(division->shared()[0].name == "ring");
    CHECK(division->shared()[0].size == 64 * KiB);
    CHECK(division->shared()[0].vms == std::array{VmId{0}, VmId{2}});

    // 77 to 79 and 90 have names; those beyond `end` are not there.
    CHECK(division->take_unused_interrupt(VmId{1}, InterruptId{128}) == InterruptId{127});
    CHECK(division->take_unused_interrupt(VmId{0}, InterruptId{123}) == InterruptId{121});
    CHECK(first.interrupts.has(InterruptId{127}));
    CHECK_FALSE(host.interrupts.has(InterruptId{127}));
    CHECK(host.interrupts.has(InterruptId{121}));
    CHECK_FALSE(division->take_unused_interrupt(VmId{1}, InterruptId{32}));
}

TEST_CASE("CPUs that cannot be divided so") {
    Dtb dtb = Dtb::load("vms.dtb");
    SUBCASE("one that does not exist") {
        dtb.set(a, "baton,cpus", "4,6");
        CHECK(sentence(dtb) == "VM a: there is no CPU 6: the machine has 6");
    }
    SUBCASE("one for two VMs") {
        dtb.set(b, "baton,cpus", "3-4");
        CHECK(sentence(dtb) == "CPU 4 is named twice: by VM a and by VM b");
    }
    SUBCASE("none for the host VM") {
        dtb.set(b, "cpus", std::vector<u32>{4});
        CHECK(sentence(dtb) == "no CPU is left for the host VM: the others have all 6");
    }
    SUBCASE("more than there are") {
        dtb.set(b, "cpus", std::vector<u32>{5});
        CHECK(sentence(dtb) == "VM b: it wants 5 CPUs, of which 1 are not there");
    }
    SUBCASE("none at all") {
        dtb.remove(b, "cpus");
        CHECK(sentence(dtb) == "VM b: neither cpus nor baton,cpus says which CPUs it has");
    }
    SUBCASE("a count that is another") {
        dtb.set(a, "cpus", std::vector<u32>{3});
        CHECK(sentence(dtb) == "VM a: cpus does not say how many baton,cpus names, 2");
    }
    SUBCASE("no lists") {
        for (const char* list : {"", "a", "3-2", "3-", ",3", "2,", "99999999999999999999"}) {
            CAPTURE(list);
            dtb.set(a, "baton,cpus", list);
            CHECK(sentence(dtb) == "VM a: baton,cpus = \"" + std::string(list) +
                                       "\" is no list of CPUs as in \"2-3,6\"");
        }
        dtb.set(a, "baton,cpus", "2-3:1");
        CHECK(sentence(dtb) == "VM a: baton,cpus = \"2-3:1\" goes wrong at \":1\"");
    }
}

TEST_CASE("VMs whose own properties are wrong") {
    Dtb dtb = Dtb::load("vms.dtb");
    SUBCASE("no kernel") {
        dtb.remove("/chosen/b/module@70000000");
        CHECK(sentence(dtb).starts_with("VM b: it has no kernel"));
    }
    SUBCASE("a ramdisk of no kernel") {
        dtb.set("/chosen/a/module@61000000", "reg", std::vector<u32>{0x5800'0000, 0x1000});
        CHECK(sentence(dtb) ==
              "VM a: a boot module of type ramdisk lies below every kernel, and no "
              "kernel's baton,ramdisk names it");
    }
    SUBCASE("no memory") {
        dtb.remove(b, "memory");
        CHECK(sentence(dtb) == "VM b: it says no memory");
    }
    SUBCASE("memory that is no number of blocks") {
        for (const auto& cells : {std::vector<u32>{0, 0x8001}, {0, 0}, {}, {~0U, 0}, {1, 2, 3}}) {
            dtb.set(b, "memory", cells);
            CHECK(sentence(dtb) ==
                  "b: memory is not a number of KiB that makes whole pieces of 2048 KiB");
        }
        dtb.set(b, "memory", std::vector<u32>{0x8000}).set(b, "baton,slot", std::vector<u32>{3});
        CHECK(sentence(dtb).starts_with("b: baton,slot is not"));
    }
    SUBCASE("more memory than there is") {
        dtb.set(b, "memory", std::vector<u32>{0x10'0000 - 0x8000});
        CHECK(sentence(dtb) == "VM b: its 992 MiB do not fit: the machine has 1024 MiB, less what "
                               "the VMs before it take");
    }
    SUBCASE("an unknown way to reset") {
        dtb.set(a, "baton,on-reset", "explode");
        CHECK(sentence(dtb) == "VM a: baton,on-reset is neither \"restart\" nor \"stop\"");
    }
    SUBCASE("a console on a machine without one") {
        dtb.remove("/chosen", "stdout-path");
        CHECK(sentence(dtb).starts_with("VM a: it cannot have a vpl011"));
    }
    SUBCASE("a name that is taken") {
        dtb.edit([](void* fdt) {
            REQUIRE(fdt_set_name(fdt, fdt_path_offset(fdt, "/chosen/b"), "host") == 0);
        });
        CHECK(sentence(dtb).starts_with("VM host: a name is \"host\""));
    }
    SUBCASE("too many") {
        dtb.edit([](void* fdt) {
            for (int i = 0; i < 16; i++) {
                const std::string name = "vm" + std::to_string(i);
                const int node =
                    fdt_add_subnode(fdt, fdt_path_offset(fdt, "/chosen"), name.c_str());
                REQUIRE(node > 0);
                REQUIRE(fdt_setprop_string(fdt, node, "compatible", "xen,domain") == 0);
                REQUIRE(fdt_setprop_u32(fdt, node, "memory", 2048) == 0);
                const int module = fdt_add_subnode(fdt, node, "module");
                const char kernel[] = "multiboot,kernel\0multiboot,module";
                REQUIRE(fdt_setprop(fdt, module, "compatible", kernel, sizeof(kernel)) == 0);
                for (const u32 cell : {0, 0x4000'0000, 0, 0x1000}) {
                    REQUIRE(fdt_appendprop_u32(fdt, module, "reg", cell) == 0);
                }
            }
        });
        CHECK(sentence(dtb).ends_with("there are more than 15 besides the host VM"));
    }
    SUBCASE("shared memory of others than two") {
        dtb.set_texts("/chosen/ring", "baton,vms", std::string("a\0c", 3));
        CHECK(sentence(dtb) == "ring: baton,vms does not name two VMs: there is no \"c\"");
        dtb.set_texts("/chosen/ring", "baton,vms", std::string("a\0a", 3));
        CHECK(sentence(dtb) == "ring: baton,vms names other than two VMs");
        dtb.set_texts("/chosen/ring", "baton,vms", std::string("a\0b\0host", 8));
        CHECK(sentence(dtb) == "ring: baton,vms names other than two VMs");
        dtb.set_texts("/chosen/ring", "baton,vms", std::string("a\0b", 3));
        dtb.set("/chosen/ring", "size", std::vector<u32>{1});
        CHECK(sentence(dtb).starts_with("ring: size is not a number of KiB"));
        dtb.set("/chosen/ring", "size", std::vector<u32>{0x10'0000});
        CHECK(sentence(dtb).starts_with("ring: its 1048576 KiB do not fit"));
    }
}

TEST_CASE("devices that cannot be passed through") {
    Dtb dtb = Dtb::load("vms.dtb");
    const auto passing = [&](const std::string& paths) {
        dtb.set_texts(b, "baton,devices", paths);
        return sentence(dtb);
    };
    SUBCASE("paths of nothing") {
        for (const char* path : {"/none", "rtc0", "/virtio", "", "/soc/apb"}) {
            CHECK(passing(path) ==
                  "VM b: baton,devices names " + std::string(path) + ", and there is no such node");
        }
    }
    SUBCASE("no devices") {
        for (const char* path :
             {"/", "/cpus", "/cpus/cpu@0", "/chosen/a", "/memory@40000000", "/reserved-memory"}) {
            CHECK(passing(path) ==
                  "VM b: " + std::string(path) + " is no device that can be passed through");
        }
    }
    SUBCASE("what every VM has") {
        for (const char* path :
             {"/timer", "/pmu", "/interrupt-controller@8000000", "/firmware/psci", "/dsu-pmu-0"}) {
            CHECK(passing(path) == "VM b: " + std::string(path) + " cannot be passed through: " +
                                       path + " is part of what every VM has");
        }
        CHECK(passing("/interrupt-controller@8000000/msi-controller@8080000")
                  .ends_with(": /interrupt-controller@8000000 is part of what every VM has"));
        CHECK(passing("/firmware") == "VM b: /firmware cannot be passed through: /firmware/psci is "
                                      "part of what every VM has");
    }
    SUBCASE("the UART") {
        CHECK(passing("/soc/apb@100000/serial@9000").find("which is Baton's") != std::string::npos);
        CHECK(passing("/soc").find("which is Baton's") != std::string::npos);
    }
    SUBCASE("what another has") {
        CHECK(passing("/virtio@a002000") == "/virtio@a002000 of VM a and /virtio@a002000 of VM b "
                                            "are one device, or one is below the other");
        CHECK(passing("/pcie@10000000/function@0,0").find("one is below") != std::string::npos);
        CHECK(passing(std::string("/virtio@a000000\0/virtio@a000000", 31)).find("one device") !=
              std::string::npos);
    }
    SUBCASE("what is disabled") {
        CHECK(passing("/soc/disabled@300000") == "VM b: /soc/disabled@300000 is disabled");
    }
    SUBCASE("a part of a bus without addresses") {
        CHECK(passing("/soc/i2c@200000/eeprom@50")
                  .starts_with("VM b: /soc/i2c@200000/eeprom@50 has no registers"));
        dtb.remove(b, "baton,devices");
        dtb.set_texts(a, "baton,devices", "/pcie@10000000/function@0,0");
        CHECK(sentence(dtb).starts_with("VM a: /pcie@10000000/function@0,0 has no registers"));
    }
    SUBCASE("what interrupts through another's device") {
        CHECK(passing("/soc/apb@100000/button@c000") ==
              "VM b: /soc/apb@100000/button@c000 interrupts through /soc/apb@100000/gpio@b000, "
              "which the VM does not have");
    }
    SUBCASE("a page that is the host VM's too") {
        dtb.remove("/shares-spi@a003000");
        CHECK(passing("/virtio@a001200") ==
              "/virtio@a001000 of the host VM and /virtio@a001200 of VM b share a page of "
              "registers: all nodes that share it must be passed to the same VM");
        dtb.set_texts(a, "baton,devices", "/virtio@a001000");
        CHECK(sentence(dtb).starts_with("/virtio@a001000 of VM a and /virtio@a001200 of VM b"));
    }
    SUBCASE("the UART's page") {
        dtb.set("/soc/apb@100000/rtc@a000", "reg", std::vector<u32>{0x9800, 0x100});
        CHECK(sentence(dtb) ==
              "/soc/apb@100000/rtc@a000 of the host VM and /soc/apb@100000/serial@9000 of Baton "
              "itself share a page of registers: all nodes that share it must be passed to the "
              "same VM");
    }
    SUBCASE("an interrupt that is the host VM's too") {
        CHECK(passing("/shares-spi@a003000") ==
              "/virtio@a001000 of the host VM and /shares-spi@a003000 of VM b share interrupt 49: "
              "all nodes that share it must be passed to the same VM");
    }
    SUBCASE("messages of two VMs") {
        dtb.set("/sends-messages@a004000", "status", "okay");
        CHECK(sentence(dtb) ==
              "/sends-messages@a004000 of the host VM and /pcie@10000000 of VM a both interrupt "
              "by messages, which only one VM can have");
    }
}

TEST_CASE("what shares a page can be passed together") {
    Dtb dtb = Dtb::load("vms.dtb");
    dtb.remove("/shares-spi@a003000");
    dtb.set_texts(b, "baton,devices", std::string("/virtio@a001000\0/virtio@a001200", 31));
    const auto platform = parsed(dtb);
    const auto division = divided(dtb, *platform);
    CHECK(ranges(division->vm(VmId{2}).devices) == std::vector{range(0x0a00'1000, 0x1000)});
    CHECK(numbers(division->vm(VmId{2}).interrupts) == std::vector<u32>{49, 50});
}

TEST_CASE("registers in RAM and in the interrupt controller's frames are passed to nobody") {
    Dtb dtb = Dtb::load("vms.dtb");
    dtb.set("/virtio@a002000", "reg",
            std::vector<u32>{0, 0x4800'0000, 0, 0x1000, 0, 0x0800'0000, 0, 0x1000, 0, 0x0b00'0000,
                             0, 0x1000});
    const auto platform = parsed(dtb);
    const auto division = divided(dtb, *platform);
    CHECK_FALSE(division->vm(VmId{1}).devices.overlaps(range(0x4800'0000, 0x1000)));
    CHECK_FALSE(division->vm(VmId{1}).devices.overlaps(range(0x0800'0000, 0x1000)));
}

TEST_CASE("a bus whose registers are its children's") {
    Dtb dtb = Dtb::load("vms.dtb");
    dtb.set("/soc/apb@100000", "reg", std::vector<u32>{0x100000, 0x100000});
    for (const bool is_one_to_one : {false, true}) {
        if (is_one_to_one) {
            dtb.set("/soc/apb@100000", "ranges", std::vector<u32>{});
            for (const auto& [path, begin] : {std::pair{"/soc/apb@100000/serial@9000", 0x10'9000U},
                                              std::pair{"/soc/apb@100000/dma@3000", 0x10'3000U}}) {
                dtb.set(path, "reg", std::vector<u32>{begin, 0x1000});
            }
        }
        const auto platform = parsed(dtb);
        const auto division = divided(dtb, *platform);
        CHECK(platform->uart->frame == range(0x2010'9000, 0x1000));
        CHECK(division->vm(VmId{1}).devices.contains(range(0x2010'3000, 0x1000)));
    }
    dtb = Dtb::load("vms.dtb");
    // Registers that are not the window are the bus's own.
    dtb.set("/soc/apb@100000", "reg", std::vector<u32>{0x100000, 0x80000});
    CHECK(sentence(dtb).find("share a page of registers") != std::string::npos);
}

TEST_CASE("a bus with all that is on it") {
    Dtb dtb = Dtb::load("vms.dtb");
    dtb.set_texts(b, "baton,devices", "/soc/i2c@200000");
    const auto platform = parsed(dtb);
    const auto division = divided(dtb, *platform);
    CHECK(ranges(division->vm(VmId{2}).devices) == std::vector{range(0x2020'0000, 0x1000)});
}

TEST_CASE("damage to a byte does not make the division go astray") {
    const Dtb good = Dtb::load("vms.dtb");
    auto platform = std::make_unique<baton::test::FullPlatform>();
    auto division = std::make_unique<Division>();
    // Every third: all positions within a cell have their turn, in a third of the time.
    for (usize at = 0; at < Bytes(good).size(); at += 3) {
        Dtb bad = good;
        bad.bytes()[at] ^= std::byte{1};
        platform = std::make_unique<baton::test::FullPlatform>();
        if (parse_platform(bad, *platform)) {
            *division = {};
            const bool divided = divide(bad, *platform, *division).has_value();
            CHECK(divided == division->fault().empty());
        }
    }
}
