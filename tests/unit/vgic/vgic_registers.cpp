// SPDX-License-Identifier: BSD-2-Clause
#include "gic_baton.hpp"

#include <doctest/doctest.h>

using namespace model;

namespace {

constexpr u64 irouter = gicd_base + 0x6000;

} // namespace

TEST_CASE("the Distributor looks like a GICv3 with one security state and no LPIs") {
    Baton baton;
    CHECK(baton.read(0, gicd_base) == 0x50); // ARE, DS
    baton.write(0, gicd_base, 0xffff'ffff);
    CHECK(baton.read(0, gicd_base) == 0x53);
    baton.write(0, gicd_base, 0);
    CHECK(baton.read(0, gicd_base) == 0x50);
    const u64 typer = baton.read(0, gicd_base + 4);
    CHECK((typer & 0x1f) == spi_end / 32 - 1);
    CHECK((typer & 0x2'0000) == 0); // LPIS
    CHECK(baton.read(0, gicd_base + 0xffe8) == 0x3b);
    CHECK(baton.read(0, gicd_base + 0xc) == 0); // TYPER2
}

TEST_CASE("the Redistributor says whose it is, and no more than the guest may know") {
    Baton baton{18};
    const u64 frame = GicModel::frame(17);
    CHECK(baton.read(0, frame + 8, 8) == 0x0000'0101'0000'1110);
    CHECK(baton.read(0, frame + 8) == 0x1110);
    CHECK(baton.read(0, frame + 12) == 0x101);
    CHECK(baton.read(0, frame + 0xffe8) == 0x3b);
    CHECK(baton.read(0, frame + 0x14) == 6);
    baton.write(0, frame + 0x14, 0);
    CHECK(baton.read(0, frame + 0x14) == 0);
    baton.write(0, frame + 0x14, 0xffff'ffff);
    CHECK(baton.read(0, frame + 0x14) == 6);
    CHECK(baton.gic.cpu(17).waker == 0); // the physical one stays awake
    baton.write(0, frame, 0xffff'ffff);
    CHECK(baton.read(0, frame) == 0);
    CHECK(baton.gic.cpu(17).gicr_ctlr == 0);
    // LPI tables
    baton.write(0, frame + 0x70, ~u64{0}, 8);
    CHECK(baton.read(0, frame + 0x70, 8) == 0);
}

TEST_CASE("addresses outside all frames are not the GIC's") {
    Baton baton{2};
    auto& vgic = *baton.vgic;
    CHECK_FALSE(vgic.mmio_read(baton.cpu(0), {gicd_base - 4}, 4).has_value());
    CHECK_FALSE(vgic.mmio_read(baton.cpu(0), {gicd_base + 0x1'0000}, 4).has_value());
    CHECK(vgic.mmio_read(baton.cpu(0), {GicModel::frame(1) + 0x1'fffc}, 4).has_value());
    CHECK_FALSE(vgic.mmio_read(baton.cpu(0), {GicModel::frame(2)}, 4).has_value());
    CHECK_FALSE(vgic.mmio_write(baton.cpu(0), {GicModel::frame(2)}, 4, 0));
}

TEST_CASE("accesses of a wrong size or alignment read as zero and write nothing") {
    Baton baton;
    const u64 enable = gicd_base + isenabler + 4;
    baton.write(0, enable, 0xff);
    for (const u32 size : {1U, 2U, 8U}) {
        CHECK(baton.read(0, enable, size) == 0);
        baton.write(0, enable, 0xff00, size);
    }
    CHECK(baton.read(0, enable + 2) == 0);
    baton.write(0, enable + 2, 0xff00);
    CHECK(baton.read(0, enable) == 0xff);
    const u64 priority = gicd_base + 0x420;
    baton.write(0, priority, 0x4030'2010);
    CHECK(baton.read(0, priority) == 0x4030'2010);
    CHECK(baton.read(0, priority + 2, 1) == 0x30);
    baton.write(0, priority + 1, 0xff, 1);
    CHECK(baton.read(0, priority) == 0x4030'f810); // five bits
    CHECK(baton.read(0, priority, 2) == 0);
    CHECK(baton.read(0, GicModel::frame(0) + 8, 1) == 0);
    CHECK(baton.read(0, gicd_base, 8) == 0);
    CHECK(baton.read(0, irouter + 8 * 40 + 4, 8) == 0);
}

TEST_CASE("what is not implemented reads as zero and is not written") {
    Baton baton;
    for (const u64 offset : std::initializer_list<u64>{
             0x40, 0x48, 0x100, 0x280, 0x400, 0x800, 0x820, 0xc00, 0xd04, 0xe08, 0xf00, 0xf10,
             0x10c, 0x460, 0xc18, 0x1000, 0x6000, 0x6300, 0x8000}) {
        baton.write(0, gicd_base + offset, 0xffff'ffff);
        CHECK(baton.read(0, gicd_base + offset) == 0);
    }
    for (const u64 offset :
         std::initializer_list<u64>{0x84, 0x104, 0x420, 0xc08, 0xd00, 0xe00, 0xf00, 0x4000}) {
        baton.write(0, GicModel::frame(0) + sgi_base + offset, 0xffff'ffff);
        CHECK(baton.read(0, GicModel::frame(0) + sgi_base + offset) == 0);
    }
}

TEST_CASE("enables reach the GIC only while the group is forwarded") {
    Baton baton;
    baton.write(0, gicd_base + 0x84, 0xf0); // SPIs 36 to 39 in Group 1
    baton.write(0, gicd_base + isenabler + 4, 0xff);
    CHECK(baton.read(0, gicd_base + isenabler + 4) == 0xff);
    CHECK(baton.read(0, gicd_base + icenabler + 4) == 0xff);
    const auto physical = [&] { return baton.gic.read(gicd_base + isenabler + 4, 4); };
    CHECK(physical() == 0);
    baton.write(0, gicd_base, 1);
    CHECK(physical() == 0x0f);
    baton.write(0, gicd_base, 2);
    CHECK(physical() == 0xf0);
    baton.write(0, gicd_base + 0x84, 0xf1);
    CHECK(physical() == 0xf1);
    baton.write(0, gicd_base, 3);
    CHECK(physical() == 0xff);
    baton.write(0, gicd_base + icenabler + 4, 0x3c);
    CHECK(physical() == 0xc3);
    CHECK(baton.read(0, gicd_base + isenabler + 4) == 0xc3);
    // A PPI's, on another CPU's behalf too.
    baton.set_bit(0, isenabler, virtual_timer_ppi);
    CHECK(baton.gic.at(0, virtual_timer_ppi).enabled);
    baton.write(0, gicd_base, 0);
    CHECK_FALSE(baton.gic.at(0, virtual_timer_ppi).enabled);
    CHECK(baton.gic.at(0, maintenance_ppi).enabled);
}

TEST_CASE("turning a group off takes its pending interrupts out of all list registers") {
    Baton baton{2};
    baton.start_guest(0);
    baton.start_guest(1);
    baton.write(0, gicd_base + isenabler + 4, 3);
    baton.write(0, irouter + 8 * 33, 1, 8);
    baton.set_bit(0, ispendr, 32);
    baton.set_bit(0, ispendr, 33);
    baton.set_bit(1, isenabler, 2);
    baton.send_sgi(0, sgi_to(2, 1));
    baton.write(0, gicd_base, 1);
    CHECK(baton.acknowledge(0) == spurious);
    CHECK(baton.acknowledge(1) == spurious);
    CHECK(baton.read(0, gicd_base + ispendr + 4) == 3);
    CHECK(baton.get_bit(1, ispendr, 2));
    baton.write(0, gicd_base, 3);
    CHECK(baton.acknowledge(0) == 32);
    CHECK(baton.acknowledge(1) != spurious);
}

TEST_CASE("a disabled interrupt leaves the list register and keeps being pending") {
    Baton baton;
    baton.start_guest(0);
    for (const bool edge : {false, true}) {
        baton.write(0, gicd_base + 0xc08, edge ? 2 : 0);
        baton.set_bit(0, isenabler, 32);
        baton.set_bit(0, ispendr, 32);
        baton.set_bit(0, icenabler, 32);
        CHECK(baton.acknowledge(0) == spurious);
        CHECK(baton.get_bit(0, ispendr, 32));
        CHECK_FALSE(baton.get_bit(0, isactiver, 32));
        baton.set_bit(0, isenabler, 32);
        CHECK(baton.acknowledge(0) == 32);
        baton.end(0, 32);
        CHECK(baton.acknowledge(0) == spurious);
    }
    // A line that drops while its interrupt is disabled leaves nothing behind.
    baton.write(0, gicd_base + 0xc08, 0);
    baton.gic.set_line(0, 32, true);
    baton.take_exits();
    baton.set_bit(0, icenabler, 32);
    baton.gic.set_line(0, 32, false);
    baton.set_bit(0, isenabler, 32);
    CHECK(baton.acknowledge(0) == spurious);
}

TEST_CASE("pending and active can be cleared while list registers hold the interrupt") {
    Baton baton;
    baton.start_guest(0);
    baton.set_bit(0, isenabler, 50);
    baton.set_bit(0, ispendr, 50);
    baton.set_bit(0, icactiver, 50); // pending, not active: no effect
    CHECK(baton.get_bit(0, ispendr, 50));
    CHECK(baton.gic.at(0, 50).active);
    baton.set_bit(0, icpendr, 50);
    CHECK_FALSE(baton.get_bit(0, ispendr, 50));
    CHECK(baton.acknowledge(0) == spurious);

    baton.set_bit(0, ispendr, 50);
    baton.set_bit(0, ispendr, 50); // twice is once
    CHECK(baton.acknowledge(0) == 50);
    baton.set_bit(0, icactiver, 50);
    CHECK_FALSE(baton.get_bit(0, isactiver, 50));
    CHECK(baton.acknowledge(0) == spurious); // the running priority is another matter
    baton.gic.cpu(0).virtual_running.clear();
    CHECK(baton.acknowledge(0) == spurious);

    // A line that is still high pends it at once.
    baton.gic.set_line(0, 50, true);
    baton.take_exits();
    baton.set_bit(0, icpendr, 50);
    CHECK(baton.acknowledge(0) == 50);
}

TEST_CASE("routes are written whole or by halves, and followed") {
    Baton baton{18};
    baton.start_guest(0);
    baton.gic.cpu(17).virtual_mask = 0xff;
    baton.gic.cpu(17).group1 = true;
    baton.set_bit(0, isenabler, 60);
    CHECK(baton.read(0, irouter + 8 * 60, 8) == 0);
    baton.write(0, irouter + 8 * 60, 0x1234'ff00'7f00'0101, 8);
    CHECK(baton.read(0, irouter + 8 * 60, 8) == 0x101);
    baton.write(0, irouter + 8 * 60, 0x1234'ff12'7f00'0101, 8); // no such CPU
    CHECK(baton.read(0, irouter + 8 * 60, 8) == 0x101);
    baton.set_bit(0, ispendr, 60);
    CHECK(baton.acknowledge(0) == spurious);
    CHECK(baton.acknowledge(17) == 60);
    CHECK(baton.read(0, irouter + 8 * 60) == 0x101);
    CHECK(baton.read(0, irouter + 8 * 60 + 4) == 0);
    CHECK(baton.read(0, irouter + 8 * 31, 8) == 0);
}

TEST_CASE("configuration has two bits an interrupt, of which one is used") {
    Baton baton;
    baton.write(0, gicd_base + 0xc0c, 0xffff'fff1);
    CHECK(baton.read(0, gicd_base + 0xc0c) == 0xaaaa'aaa0);
    CHECK(baton.gic.at(0, 49).edge == false);
    CHECK(baton.gic.at(0, 63).edge == true);
    CHECK(baton.read(0, GicModel::frame(0) + sgi_base + 0xc00) == 0xaaaa'aaaa);
    baton.write(0, GicModel::frame(0) + sgi_base + 0xc00, 0);
    CHECK(baton.read(0, GicModel::frame(0) + sgi_base + 0xc00) == 0xaaaa'aaaa);
    baton.write(0, GicModel::frame(0) + sgi_base + 0xc04, 0xffff'ffff);
    // Baton's three PPIs 25, 26 and 28 are hidden.
    CHECK(baton.read(0, GicModel::frame(0) + sgi_base + 0xc04) == 0xa882'aaaa);
}
