// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/platform.hpp"

#include "tests/unit/platform/dtb.hpp"

#include <cstring>

using namespace baton;
using baton::test::Dtb;
using baton::test::parsed;
using baton::test::refusal;

namespace {

PhysRange range(u64 begin, u64 size) { return {{begin}, size}; }

bool has_device(const Platform& platform, u64 begin, u64 size) {
    return platform.devices.contains(range(begin, size));
}

} // namespace

TEST_CASE("QEMU virt with 1 to 512 CPUs") {
    for (u32 count : {1u, 4u, 80u, 512u}) {
        CAPTURE(count);
        const Dtb dtb = Dtb::load("virt-" + std::to_string(count) + ".dtb");
        const auto platform = parsed(dtb);
        REQUIRE(platform->cpus.size() == count);
        for (u32 i = 0; i < count; i++) {
            CHECK(platform->cpus[i].firmware_id == ((i / 16) << 8 | i % 16));
            CHECK(find_cpu(*platform, platform->cpus[i].firmware_id) == CpuId{i});
        }
        CHECK_FALSE(find_cpu(*platform, 0xff00));
        REQUIRE(platform->arch->gic.redistributors.size() == (count > 123 ? 2 : 1));
        CHECK(platform->arch->gic.redistributors[0].begin == PhysAddr{0x080a'0000});
    }
}

TEST_CASE("QEMU virt: everything") {
    const Dtb dtb = Dtb::load("virt-4.dtb");
    const auto platform = parsed(dtb);
    REQUIRE(platform->ram.size() == 1);
    CHECK(platform->ram[0] == range(0x4000'0000, 512 * MiB));
    CHECK(platform->reserved.empty());

    CHECK(platform->arch->gic.distributor == range(0x0800'0000, 0x10000));
    CHECK(platform->arch->gic.redistributor_stride == 0);
    CHECK(platform->arch->gic.maintenance_interrupt == InterruptId{25});
    REQUIRE(platform->arch->gic.its.size() == 1);
    CHECK(platform->arch->gic.its[0] == range(0x0808'0000, 0x20000));

    CHECK(platform->arch->timer.secure == InterruptId{29});
    CHECK(platform->arch->timer.physical == InterruptId{30});
    CHECK(platform->arch->timer.virt == InterruptId{27});
    CHECK(platform->arch->timer.hyp == InterruptId{26});
    CHECK(platform->arch->timer.hyp_virt == InterruptId{28});
    CHECK(platform->arch->pmu_interrupt == InterruptId{23});
    CHECK(platform->cluster_count == 0); // QEMU has no DSU

    REQUIRE(platform->uart);
    CHECK(platform->uart->kind == UartKind::pl011);
    CHECK(platform->uart->frame == range(0x0900'0000, 0x1000));

    CHECK(platform->arch->psci.conduit == arm64::PsciInfo::Conduit::smc);
    CHECK(platform->arch->psci.major == 1);
    CHECK(platform->arch->psci.minor == 0);

    REQUIRE(platform->pci_hosts.size() == 1);
    const PciHost& host = platform->pci_hosts[0];
    CHECK(host.ecam == range(0x40'1000'0000, 256 * MiB));
    CHECK(host.first_bus == 0);
    CHECK(host.last_bus == 255);
    REQUIRE(host.windows.size() == 3);
    CHECK(host.windows[0].kind == PciWindow::Kind::io);
    CHECK(host.windows[0].cpu == range(0x3eff'0000, 0x10000));
    CHECK(host.windows[0].pci_base == 0);
    CHECK(host.windows[1].kind == PciWindow::Kind::memory32);
    CHECK(host.windows[1].cpu == range(0x1000'0000, 0x2eff'0000));
    CHECK(host.windows[2].kind == PciWindow::Kind::memory64);
    CHECK(host.windows[2].cpu == range(0x80'0000'0000, 512 * GiB));

    CHECK(platform->virtio_mmio.size() == 32);
    CHECK(platform->virtio_mmio[0] == range(0x0a00'0000, 0x200));

    CHECK(has_device(*platform, 0x0900'0000, 0x1000));       // UART
    CHECK(has_device(*platform, 0x0901'0000, 0x1000));       // RTC
    CHECK(has_device(*platform, 0x0a00'0000, 0x4000));       // virtio-mmio, one merged range
    CHECK(has_device(*platform, 0x1000'0000, 0x2f00'0000));  // PCI memory and I/O
    CHECK(has_device(*platform, 0x40'1000'0000, 256 * MiB)); // ECAM
    CHECK(has_device(*platform, 0x80'0000'0000, 512 * GiB)); // PCI memory above 4 GiB
    CHECK(has_device(*platform, 0, 128 * MiB));              // flash
    CHECK_FALSE(platform->devices.overlaps(range(0x0800'0000, 0x100'0000))); // GIC and ITS
    CHECK_FALSE(platform->devices.overlaps(platform->ram[0]));

    CHECK(platform->seed.size() == 8 + 32);
    CHECK(platform->boot_images.empty());
    CHECK(platform->bootargs == "");
    CHECK(platform->notes.empty());
}

TEST_CASE("QEMU virt with two security states keeps what is secure to itself") {
    const Dtb dtb = Dtb::load("virt-secure.dtb");
    const auto platform = parsed(dtb);
    REQUIRE(platform->ram.size() == 1);
    CHECK(platform->ram[0] == range(0x4000'0000, 512 * MiB));
    CHECK_FALSE(platform->devices.overlaps(range(0x0e00'0000, 0x100'0000)));
    CHECK_FALSE(platform->devices.overlaps(range(0x0904'0000, 0x1000)));
}

TEST_CASE("QEMU virt: banks of several nodes, memory beyond 4 GiB") {
    const Dtb dtb = Dtb::load("virt-numa.dtb");
    const auto platform = parsed(dtb);
    REQUIRE(platform->ram.size() == 1);
    CHECK(platform->ram[0] == range(0x4000'0000, 6 * GiB));
}

TEST_CASE("QEMU's guest-loader: modules pair up by address") {
    const Dtb dtb = Dtb::load("virt-modules.dtb");
    const auto platform = parsed(dtb);
    CHECK(platform->bootargs == "baton.slot=128M baton.rotate");
    REQUIRE(platform->boot_images.size() == 2);
    const BootImage& first = platform->boot_images[0];
    CHECK(first.kernel.begin == PhysAddr{0x4a00'0000});
    REQUIRE(first.ramdisk);
    CHECK(first.ramdisk->begin == PhysAddr{0x4c00'0000});
    CHECK(first.bootargs == "console=ttyAMA0 first");
    const BootImage& second = platform->boot_images[1];
    CHECK(second.kernel.begin == PhysAddr{0x4e00'0000});
    CHECK_FALSE(second.ramdisk);
    CHECK(second.bootargs == "console=ttyAMA0 second");
}

TEST_CASE("a GICv2 is refused") {
    const Dtb dtb = Dtb::load("virt-gicv2.dtb");
    CHECK(refusal(dtb) == Error::unsupported);
}

TEST_CASE("a board of many features") {
    const Dtb dtb = Dtb::load("board.dtb");
    const auto platform = parsed(dtb);

    REQUIRE(platform->cpus.size() == 2); // one is broken
    CHECK(platform->cpus[0].firmware_id == 0);
    CHECK(platform->cpus[1].firmware_id == 0x1'0001'0203);

    // One DSU has no CPU that is used, the other has one beside its disabled one.
    CHECK(platform->cluster_count == 1);
    CHECK_FALSE(platform->cpus[0].cluster);
    CHECK(platform->cpus[1].cluster == 0);

    // Two banks meet in the middle of a page; the last one ends in one.
    REQUIRE(platform->ram.size() == 2);
    CHECK(platform->ram[0] == range(0x8000'0000, 0x6000'0000));
    CHECK(platform->ram[1] == range(0x8'8000'0000, 4 * GiB));

    REQUIRE(platform->reserved.size() == 4);
    CHECK(platform->reserved[0].range == range(0x8000'0000, 0x10000));
    CHECK_FALSE(platform->reserved[0].no_map);
    CHECK(platform->reserved[1].range == range(0x8400'0000, 0x10'0000));
    CHECK(platform->reserved[1].no_map);
    CHECK(platform->reserved[2].range == range(0x8500'0000, 0x80'0000));
    CHECK(platform->reserved[3].range == range(0x8600'0000, 0x1000));
    CHECK_FALSE(platform->reserved[3].no_map);

    CHECK(platform->arch->gic.redistributors.size() == 2);
    CHECK(platform->arch->gic.redistributors[1] == range(0x1020'0000, 0x40000));
    CHECK(platform->arch->gic.redistributor_stride == 0x40000);
    REQUIRE(platform->arch->gic.its.size() == 1);
    CHECK(platform->arch->gic.its[0] == range(0x1004'0000, 0x20000));

    CHECK_FALSE(platform->arch->timer.secure);
    CHECK(platform->arch->timer.physical == InterruptId{30});
    CHECK(platform->arch->timer.virt == InterruptId{27});
    CHECK(platform->arch->timer.hyp == InterruptId{26});
    CHECK(platform->arch->timer.hyp_virt == InterruptId{28});
    CHECK(platform->arch->pmu_interrupt == InterruptId{23});

    REQUIRE(platform->uart);
    CHECK(platform->uart->frame == range(0x1c08'0000, 0x1000));

    CHECK(has_device(*platform, 0x1c08'1000, 0x1000)); // the RTC's page
    CHECK(has_device(*platform, 0x40'1000'0000, 0x2000));
    CHECK(has_device(*platform, 0x3000'0000, 0x1000));
    CHECK(has_device(*platform, 0x0200'0000, 0x1000));
    CHECK_FALSE(platform->devices.overlaps(range(0x1000'0000, 0x40'0000))); // GIC
    CHECK_FALSE(platform->devices.overlaps(range(0x1c08'3000, 0x1000)));    // disabled
    CHECK_FALSE(platform->devices.overlaps(range(0x1c04'0000, 0x1000)));    // below a disabled bus
    CHECK_FALSE(platform->devices.overlaps(range(0, 0x1000)));              // the I2C address

    REQUIRE(platform->pci_hosts.size() == 1);
    const PciHost& host = platform->pci_hosts[0];
    CHECK(host.first_bus == 0x10);
    CHECK(host.last_bus == 0x1f); // the ECAM ends before the bus range does
    CHECK(host.ecam == range(0x4000'0000, 0x100'0000));
    REQUIRE(host.windows.size() == 3);
    CHECK(host.windows[1].pci_base == 0x2000'0000);
    CHECK(host.windows[1].cpu == range(0x6000'0000, 0x1000'0000));
    CHECK_FALSE(host.windows[1].prefetchable);
    CHECK(host.windows[2].prefetchable);

    CHECK(platform->virtio_mmio.size() == 2);
    CHECK(platform->seed.size() == 8 + 16);
    CHECK(platform->bootargs == "baton.slot=64M quiet baton.rotate");
    REQUIRE(platform->boot_images.size() == 2); // /chosen's own cell counts
    CHECK(platform->boot_images[0].kernel == range(0xa000'0000, 0x30'0000));
    CHECK(platform->boot_images[0].ramdisk == range(0xa800'0000, 0x12345));
    CHECK(platform->boot_images[1].bootargs == "console=ttyAMA0 second");
    CHECK(platform->notes.empty());
}

TEST_CASE("what Baton cannot run on is refused") {
    Dtb dtb = Dtb::load("board.dtb");
    const char* gic = "/interrupt-controller@10000000";

    SUBCASE("no CPUs") {
        dtb.remove("/cpus");
        CHECK(refusal(dtb) == Error::bad_dtb);
    }
    SUBCASE("an MPIDR with bits that it has not") {
        dtb.set("/cpus/cpu@0", "reg", std::vector<u32>{0, 0x8000'0000});
        CHECK(refusal(dtb) == Error::bad_dtb);
    }
    SUBCASE("one MPIDR twice") {
        dtb.set("/cpus/cpu@0", "reg", std::vector<u32>{1, 0x10203});
        CHECK(refusal(dtb) == Error::bad_dtb);
    }
    SUBCASE("spin-table") {
        dtb.set("/cpus/cpu@0", "enable-method", "spin-table");
        CHECK(refusal(dtb) == Error::unsupported);
    }
    SUBCASE("no memory") {
        dtb.remove("/memory@80000000").remove("/memory@c0000800");
        CHECK(refusal(dtb) == Error::bad_dtb);
    }
    SUBCASE("no PSCI") {
        dtb.remove("/firmware/psci");
        CHECK(refusal(dtb) == Error::unsupported);
    }
    SUBCASE("PSCI 0.1") {
        dtb.set("/firmware/psci", "compatible", "arm,psci");
        CHECK(refusal(dtb) == Error::unsupported);
    }
    SUBCASE("PSCI of no known method") {
        dtb.set("/firmware/psci", "method", "smoke signals");
        CHECK(refusal(dtb) == Error::bad_dtb);
    }
    SUBCASE("no timer") {
        dtb.remove("/timer");
        CHECK(refusal(dtb) == Error::unsupported);
    }
    SUBCASE("a timer without the hypervisor's") {
        dtb.remove("/timer", "interrupt-names");
        dtb.set("/timer", "interrupts", std::vector<u32>{1, 13, 4, 1, 14, 4, 1, 11, 4});
        CHECK(refusal(dtb) == Error::unsupported);
    }
    SUBCASE("no GIC") {
        dtb.remove(gic);
        CHECK(refusal(dtb) == Error::unsupported);
    }
    SUBCASE("a GIC without virtualization") {
        dtb.remove(gic, "interrupts");
        CHECK(refusal(dtb) == Error::unsupported);
    }
    SUBCASE("fewer redistributor regions than promised") {
        dtb.set(gic, "#redistributor-regions", std::vector<u32>{4});
        CHECK(refusal(dtb) == Error::bad_dtb);
    }
    SUBCASE("a strange number of interrupt cells") {
        dtb.set(gic, "#interrupt-cells", std::vector<u32>{1});
        CHECK(refusal(dtb) == Error::bad_dtb);
    }
}

TEST_CASE("oddities that change little") {
    Dtb dtb = Dtb::load("board.dtb");
    SUBCASE("interrupts-extended") {
        const u32 gic = *Fdt::open(dtb)->find("/interrupt-controller@10000000")->phandle();
        dtb.remove("/pmu", "interrupts");
        dtb.set("/pmu", "interrupts-extended", std::vector<u32>{gic, 1, 6, 4});
        CHECK(parsed(dtb)->arch->pmu_interrupt == InterruptId{22});
    }
    SUBCASE("a PMU of another interrupt controller") {
        dtb.set("/pmu", "interrupt-parent", std::vector<u32>{0x7777});
        CHECK_FALSE(parsed(dtb)->arch->pmu_interrupt);
    }
    SUBCASE("a CPU that two DSUs claim, and clusters of several CPUs") {
        const u32 first = *Fdt::open(dtb)->find("/cpus/cpu@0")->phandle();
        const u32 second = *Fdt::open(dtb)->find("/cpus/cpu@100010203")->phandle();
        dtb.set("/dsu-pmu-0", "cpus", std::vector<u32>{second, first});
        const auto platform = parsed(dtb);
        CHECK(platform->cluster_count == 1);
        CHECK(platform->cpus[0].cluster == 0);
        CHECK(platform->cpus[1].cluster == 0);
        dtb.set("/dsu-pmu-0", "cpus", std::vector<u32>{first});
        CHECK(parsed(dtb)->cluster_count == 2);
        CHECK(parsed(dtb)->cpus[1].cluster == 1);
        dtb.set("/dsu-pmu-1", "status", "disabled");
        CHECK_FALSE(parsed(dtb)->cpus[1].cluster);
    }
    SUBCASE("a DSU without CPUs") {
        dtb.remove("/dsu-pmu-1", "cpus");
        CHECK(parsed(dtb)->cluster_count == 0);
    }
    SUBCASE("a CPU that is disabled until somebody starts it") {
        dtb.set("/cpus/cpu@100", "status", "disabled");
        const auto platform = parsed(dtb);
        REQUIRE(platform->cpus.size() == 3);
        CHECK(platform->cpus[1].firmware_id == 0x100);
        CHECK(platform->cluster_count == 2);
    }
    SUBCASE("a CPU that is disabled and has no way to be started") {
        dtb.set("/cpus/cpu@100", "status", "disabled").remove("/cpus/cpu@100", "enable-method");
        CHECK(parsed(dtb)->cpus.size() == 2);
    }
    SUBCASE("an extended PPI") {
        dtb.set("/pmu", "interrupts", std::vector<u32>{3, 7, 4});
        CHECK(parsed(dtb)->arch->pmu_interrupt == InterruptId{1063});
    }
    SUBCASE("no /chosen") {
        dtb.remove("/chosen");
        const auto platform = parsed(dtb);
        CHECK_FALSE(platform->uart);
        CHECK(platform->boot_images.empty());
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("a UART without a driver") {
        dtb.set("/soc/apb@1c000000/serial@90000", "compatible", "acme,uart");
        const auto platform = parsed(dtb);
        CHECK_FALSE(platform->uart);
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("an SBSA UART, and no stdout options") {
        dtb.set("/soc/apb@1c000000/serial@90000", "compatible", "arm,sbsa-uart");
        dtb.set("/chosen", "stdout-path", "/soc/apb@1c000000/serial@90000");
        CHECK(parsed(dtb)->uart->kind == UartKind::sbsa);
    }
    SUBCASE("a ramdisk before every kernel") {
        dtb.set("/chosen/module@a8000000", "reg", std::vector<u32>{0x9000'0000, 0x1000});
        const auto platform = parsed(dtb);
        CHECK(platform->boot_images.size() == 2);
        CHECK_FALSE(platform->boot_images[0].ramdisk);
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("a ramdisk before every kernel, that a kernel names") {
        dtb.set("/chosen/module@a8000000", "reg", std::vector<u32>{0x9000'0000, 0x1000});
        dtb.set("/chosen/module@a8000000", "phandle", std::vector<u32>{77});
        dtb.set("/chosen/module@b0000000", "baton,ramdisk", std::vector<u32>{77});
        const auto platform = parsed(dtb);
        REQUIRE(platform->boot_images.size() == 2);
        CHECK_FALSE(platform->boot_images[0].ramdisk);
        CHECK(platform->boot_images[1].ramdisk == range(0x9000'0000, 0x1000));
        CHECK(platform->notes.empty());
    }
    SUBCASE("a kernel that names no ramdisk") {
        dtb.set("/chosen/module@b0000000", "baton,ramdisk", std::vector<u32>{77});
        const auto platform = parsed(dtb);
        CHECK(platform->boot_images[0].ramdisk);
        CHECK_FALSE(platform->boot_images[1].ramdisk);
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("a single kernel, and its ramdisk before it") {
        dtb.remove("/chosen/module@b0000000");
        dtb.set("/chosen/module@a8000000", "reg", std::vector<u32>{0x9000'0000, 0x1000});
        const auto platform = parsed(dtb);
        REQUIRE(platform->boot_images.size() == 1);
        CHECK(platform->boot_images[0].ramdisk == range(0x9000'0000, 0x1000));
        CHECK(platform->notes.empty());
    }
    SUBCASE("two ramdisks for one kernel") {
        dtb.set_texts("/chosen/module@b0000000", "compatible",
                      std::string("multiboot,module") + '\0' + "multiboot,ramdisk");
        const auto platform = parsed(dtb);
        REQUIRE(platform->boot_images.size() == 1);
        CHECK(platform->boot_images[0].ramdisk == range(0xa800'0000, 0x12345));
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("a host bridge that is not ECAM") {
        dtb.set("/pcie@40000000", "compatible", "baton,pci");
        const auto platform = parsed(dtb);
        CHECK(platform->pci_hosts.empty());
        CHECK(platform->notes.size() == 1);
        CHECK(has_device(*platform, 0x6000'0000, 0x1000'0000));
    }
    SUBCASE("device registers in RAM are RAM") {
        dtb.set("/virtio@2000000", "reg", std::vector<u32>{0, 0x8800'0000, 0, 0x1000});
        CHECK_FALSE(parsed(dtb)->devices.overlaps(range(0x8800'0000, 0x1000)));
    }
    SUBCASE("a single CPU needs no enable-method") {
        dtb.remove("/cpus/cpu@0").remove("/cpus/cpu@100010203", "enable-method");
        CHECK(parsed(dtb)->cpus.size() == 1);
    }
    SUBCASE("PSCI 0.2 by HVC") {
        dtb.set("/firmware/psci", "compatible", "arm,psci-0.2");
        dtb.set("/firmware/psci", "method", "hvc");
        const auto platform = parsed(dtb);
        CHECK(platform->arch->psci.conduit == arm64::PsciInfo::Conduit::hvc);
        CHECK(platform->arch->psci.minor == 2);
    }
}

TEST_CASE("more than there is room for is refused") {
    Dtb dtb = Dtb::load("board.dtb");
    std::vector<u32> banks;
    for (u32 i = 0; i < Platform::max_reserved + 1; i++) {
        banks.insert(banks.end(), {0x10, i * 0x20000, 0, 0x10000});
    }
    SUBCASE("RAM") {
        dtb.set("/memory@80000000", "reg", banks);
        CHECK(refusal(dtb) == Error::too_many);
    }
    SUBCASE("reserved memory") {
        dtb.set("/reserved-memory/framebuffer@85000000", "reg", banks);
        CHECK(refusal(dtb) == Error::too_many);
    }
    SUBCASE("devices") {
        std::vector<u32> frames;
        for (u32 i = 0; i < 1025; i++) {
            frames.insert(frames.end(), {0x20, i * 0x2000, 0, 0x1000});
        }
        dtb.set("/msi-controller@30000000", "reg", frames);
        CHECK(refusal(dtb) == Error::too_many);
    }
}

TEST_CASE("the DTB is found by its header") {
    const Dtb dtb = Dtb::load("board.dtb");
    const Bytes bytes = dtb;
    const auto found = locate_dtb(bytes.data());
    REQUIRE(found);
    CHECK(found->size() == bytes.size());
    std::vector<std::byte> shifted(bytes.size() + 8);
    std::memcpy(shifted.data() + 4, bytes.data(), bytes.size());
    CHECK_FALSE(locate_dtb(shifted.data() + 4));
    CHECK_FALSE(locate_dtb(nullptr));
    Dtb large = dtb;
    fdt_set_totalsize(large.data(), 2 * MiB + 1);
    CHECK_FALSE(locate_dtb(large.data()));
}

TEST_CASE("damage to a byte does not make the reader go astray") {
    const Dtb good = Dtb::load("board.dtb");
    auto platform = std::make_unique<baton::test::FullPlatform>();
    // Every third: all positions within a cell have their turn, in a third of the time.
    for (usize at = 0; at < Bytes(good).size(); at += 3) {
        Dtb bad = good;
        bad.bytes()[at] ^= std::byte{0xff};
        platform = std::make_unique<baton::test::FullPlatform>();
        const auto result = parse_platform(bad, *platform);
        CHECK(result.has_value() == (std::string_view(platform->fault) == ""));
    }
}
