// SPDX-License-Identifier: BSD-2-Clause
//
// Two VMs on one GIC, each with CPUs, SPIs and a kernel of its own. What one does, the other must
// not notice.

#include "gic_baton.hpp"

#include <doctest/doctest.h>
#include <set>

using namespace model;

namespace {

constexpr u32 cpus = 20; // in two clusters
constexpr u32 shared_bank = 32, own_console = 95;
constexpr u64 irouter = gicd_base + 0x6000;

/// VM 0 has the even CPUs, the ITS and the SPIs whose number is even, up to 63; VM 1 the others.
/// One SPI is Baton's own.
class TwoVms {
  public:
    TwoVms() {
        ModelHardware::current = &gic;
        platform_->arch->gic.distributor = {{gicd_base}, 0x1'0000};
        static_cast<void>(
            platform_->arch->gic.redistributors.push({{gicr_base}, cpus * gicr_stride}));
        static_cast<void>(platform_->arch->gic.its.push({{its_base}, 0x2'0000}));
        platform_->arch->gic.maintenance_interrupt = Intid{maintenance_ppi};
        platform_->arch->timer.hyp = Intid{hyp_timer_ppi};
        CHECK(physical->init(*platform_, GicModel::mpidr(0)).has_value());
        CHECK(physical->own_spi(Intid{own_console}, GicModel::mpidr(0)));
        CHECK_FALSE(physical->own_spi(Intid{spi_end}, GicModel::mpidr(0)));
        SpiSet of_first{}, of_second = physical->spis();
        of_first[1] = 0x5555'5555;
        of_second[1] = 0xaaaa'aaaa;
        vgics[0]->init(*physical, of_first, true);
        vgics[1]->init(*physical, of_second, false);
        for (u32 i = 0; i < cpus; i++) {
            cpus_.push_back(std::make_unique<Cpu>(ModelHardware::CpuInterface{.n = i}));
            const auto frames = physical->attach(CpuId{i}, GicModel::mpidr(i));
            vgic_of(i).attach(CpuId{i}, GicModel::mpidr(i), frames.value(), *cpus_[i]);
        }
        for (u32 i = 0; i < cpus; i++) {
            CHECK(vgic_of(i).init_cpu(*cpus_[i]).has_value());
            vgic_of(i).turn_on(*cpus_[i]);
            gic.cpu(i).virtual_mask = 0xff;
            gic.cpu(i).group0 = gic.cpu(i).group1 = true;
        }
    }

    using Cpu = VgicCpu<ModelHardware>;
    VirtualGic<ModelHardware>& vgic_of(u32 cpu) { return *vgics[cpu % 2]; }
    Cpu& cpu(u32 n) { return *cpus_[n]; }

    u64 read(u32 n, u64 address, u32 size = 4) {
        return vgic_of(n).mmio_read(cpu(n), {address}, size).value();
    }
    void write(u32 n, u64 address, u64 value, u32 size = 4) {
        CHECK(vgic_of(n).mmio_write(cpu(n), {address}, size, value));
        take_exits();
    }
    void take_exits() {
        for (bool any = true; any;) {
            any = false;
            for (u32 i = 0; i < cpus; i++) {
                while (gic.is_signalled(i)) {
                    const auto came = vgic_of(i).handle_interrupts(cpu(i));
                    kicks += came.kick;
                    kicked.insert(came.kick ? i : cpus);
                    if (came.kick) {
                        vgic_of(i).flush(cpu(i));
                    }
                    own_spi = came.spi != Intid{} ? index(came.spi) : own_spi;
                    any = true;
                }
            }
        }
    }
    u32 acknowledge(u32 n) {
        take_exits();
        return gic.virtual_acknowledge(n);
    }
    /// Groups forwarded, all SPIs and SGIs in Group 1, enabled, to the VM's first CPU.
    void start_guest(u32 vm) {
        write(vm, gicd_base, 3);
        for (u32 bank = 1; bank < spi_end / 32; bank++) {
            write(vm, gicd_base + 0x80 + 4 * bank, ~0U);
            write(vm, gicd_base + isenabler + 4 * bank, ~0U);
        }
        for (u32 i = vm; i < cpus; i += 2) {
            write(i, GicModel::frame(i) + sgi_base + 0x80, ~0U);
            write(i, GicModel::frame(i) + sgi_base + isenabler, sgi_bits);
        }
    }
    /// All that the hardware has of a VM's SPIs.
    std::vector<std::pair<GicModel::Interrupt, u64>> spis(u32 vm) {
        std::vector<std::pair<GicModel::Interrupt, u64>> all;
        for (u32 intid = 32; intid < spi_end; intid++) {
            if (contains(vgics[vm]->spis(), Intid{intid})) {
                all.emplace_back(gic.at(0, intid), gic.route(intid));
            }
        }
        return all;
    }
    void drain(u32 vm) {
        for (u32 i = vm; i < cpus; i += 2) {
            vgics[vm]->drain(cpu(i));
        }
    }

    GicModel gic{cpus, 4};
    std::unique_ptr<Gic<ModelHardware>> physical = std::make_unique<Gic<ModelHardware>>();
    std::array<std::unique_ptr<VirtualGic<ModelHardware>>, 2> vgics{
        std::make_unique<VirtualGic<ModelHardware>>(),
        std::make_unique<VirtualGic<ModelHardware>>()};
    u32 kicks = 0, own_spi = 0;
    std::set<u32> kicked;

  private:
    std::unique_ptr<arm64::FullPlatform> platform_ = std::make_unique<arm64::FullPlatform>();
    std::vector<std::unique_ptr<Cpu>> cpus_;
};

} // namespace

TEST_CASE("no VM reads, enables, pends, prioritises, configures or routes another's SPIs") {
    TwoVms vms;
    vms.start_guest(1);
    vms.gic.set_line(0, 35, true); // a level, active in VM 1
    CHECK(vms.acknowledge(1) == 35);
    vms.write(1, gicd_base + 0x400 + 33, 0x40, 1);
    vms.write(1, gicd_base + ispendr + 4, 0); // none
    const auto before = vms.spis(1);
    CHECK(vms.gic.at(0, 33).enabled);
    for (const u32 size : {1U, 4U, 8U}) {
        for (u64 offset = 0x80; offset < 0x7fe0; offset += size) {
            vms.write(0, gicd_base + offset, 0xffff'ffff'ffff'ffff, size);
            vms.write(0, gicd_base + offset, 0x5a5a'5a5a'5a5a'5a5a, size);
            vms.write(0, gicd_base + offset, 0, size);
        }
    }
    CHECK(vms.spis(1) == before);
    // And the other way round: what the first has is there, and the second sees none of it.
    vms.start_guest(0);
    for (u64 offset = 0x80; offset < 0xf00; offset += 4) {
        CAPTURE(offset);
        const auto at = InterruptRegisterAt::decode(static_cast<u32>(offset));
        if (at.bank == 2 || at.bank == 0) {
            continue;
        }
        const u64 mine = vms.read(0, gicd_base + offset), theirs = vms.read(1, gicd_base + offset);
        if (at.reg == InterruptRegister::IPRIORITYR) {
            CHECK((mine & 0xff00'ff00) == 0);
            CHECK((theirs & 0x00ff'00ff) == 0);
        } else if (at.reg == InterruptRegister::ICFGR) {
            CHECK((mine & 0xcccc'cccc) == 0);
            CHECK((theirs & 0x3333'3333) == 0);
        } else {
            CHECK((mine & 0xaaaa'aaaa) == 0);
            CHECK((theirs & 0x5555'5555) == 0);
        }
    }
    CHECK(vms.read(0, irouter + 8 * 33, 8) == 0);
    CHECK(vms.read(1, irouter + 8 * 33, 8) == GicModel::affinity(1));
    for (const u32 vm : {0U, 1U}) { // nor either of them Baton's own
        CHECK(vms.read(vm, irouter + 8 * own_console, 8) == 0);
        CHECK((vms.read(vm, gicd_base + isenabler + 8) >> 31) == 0);
    }
}

TEST_CASE("priorities and configuration of one word are each VM's own") {
    TwoVms vms;
    vms.start_guest(0);
    vms.start_guest(1);
    vms.write(0, gicd_base + 0x400 + shared_bank, 0x2020'2020);
    vms.write(1, gicd_base + 0x400 + shared_bank, 0xc0c0'c0c0);
    vms.write(0, gicd_base + 0xc08, 0xaaaa'aaaa);
    for (u32 intid = 32; intid < 36; intid++) {
        CAPTURE(intid);
        const bool first = intid % 2 == 0;
        CHECK(vms.gic.at(0, intid).priority == to_physical_priority(first ? 0x20 : 0xc0));
        CHECK(vms.gic.at(0, intid).edge == first);
    }
    vms.write(1, gicd_base + 0xc08, 0xaaaa'aaaa);
    vms.write(0, gicd_base + 0xc08, 0);
    CHECK_FALSE(vms.gic.at(0, 32).edge);
    CHECK(vms.gic.at(0, 33).edge);
}

TEST_CASE("an SPI is routed to CPUs of its VM, or stays where it is") {
    TwoVms vms;
    CHECK(vms.gic.route(32) == GicModel::affinity(0));
    CHECK(vms.gic.route(33) == GicModel::affinity(1));
    vms.write(0, irouter + 8 * 32, GicModel::affinity(18), 8);
    CHECK(vms.gic.route(32) == GicModel::affinity(18));
    vms.write(0, irouter + 8 * 32, GicModel::affinity(17), 8);
    vms.write(0, irouter + 8 * 32, GicModel::affinity(1));
    CHECK(vms.gic.route(32) == GicModel::affinity(18));
    constexpr u64 to_any = u64{1} << 31;
    vms.write(0, irouter + 8 * 32, to_any, 8);
    CHECK(vms.gic.route(32) == GicModel::affinity(0)); // for it might have been VM 1's
}

TEST_CASE("SGIs and kicks go to the sender's VM alone") {
    TwoVms vms;
    vms.start_guest(0);
    vms.start_guest(1);
    vms.kicked.clear();
    vms.vgics[0]->send_sgis(vms.cpu(2), SgiRegister::sgi1r, sgi_to_all_others(3));
    vms.vgics[0]->send_sgis(vms.cpu(2), SgiRegister::sgi1r, {u64{4} << 24 | 0xffff});
    vms.take_exits();
    for (u32 i = 0; i < cpus; i++) {
        CAPTURE(i);
        CHECK(vms.kicked.contains(i) == (i % 2 == 0 && i != 2));
        const bool all = i % 2 == 0 && i != 2, listed = i % 2 == 0 && i < 16;
        std::set<u32> came;
        for (u32 intid = vms.acknowledge(i); intid != spurious; intid = vms.acknowledge(i)) {
            came.insert(intid);
            vms.gic.virtual_end(i, intid);
        }
        CHECK(came.contains(3) == all);
        CHECK(came.contains(4) == listed);
    }
    const u32 sent = vms.gic.sgis_sent;
    vms.kicked.clear();
    vms.vgics[1]->kick_others(vms.cpu(1));
    vms.take_exits();
    CHECK(vms.gic.sgis_sent == sent + 2); // one for each cluster
    for (u32 i = 0; i < cpus; i++) {
        CHECK(vms.kicked.contains(i) == (i % 2 == 1 && i != 1));
    }
}

TEST_CASE("of another VM's Redistributors a guest sees what it needs to walk past them") {
    TwoVms vms;
    vms.start_guest(1);
    const u64 theirs = GicModel::frame(1);
    CHECK(vms.read(0, theirs + 12) == GicModel::affinity(1));
    CHECK((vms.read(0, theirs + 0xffe8) & 0xf0) == 0x30);
    CHECK(vms.read(0, theirs) == 0);
    CHECK(vms.read(0, theirs + 0x14) == 0);
    CHECK(vms.read(0, theirs + sgi_base + isenabler) == 0);
    vms.write(0, theirs + 0x14, 2);
    vms.write(0, theirs + sgi_base + icenabler, ~0U);
    vms.write(0, theirs + sgi_base + ispendr, ~0U);
    vms.write(0, theirs + 0x70, lpi_config | 15, 8);
    vms.write(0, theirs, 1);
    CHECK(vms.acknowledge(1) == spurious);
    CHECK(vms.read(1, theirs + sgi_base + isenabler) == sgi_bits);
    CHECK(vms.gic.cpu(1).gicr_ctlr == 0);
    CHECK(vms.gic.cpu(1).propbaser == 0);
}

TEST_CASE("the ITSs and LPIs are one VM's") {
    TwoVms vms;
    CHECK((vms.read(0, gicd_base + 4) & 0x2'0000) != 0);
    CHECK((vms.read(1, gicd_base + 4) & 0x2'0000) == 0);
    CHECK((vms.read(1, GicModel::frame(1) + 8) & 1) == 0);
    CHECK_FALSE(vms.vgics[1]->mmio_read(vms.cpu(1), {its_base}, 4).has_value());
    CHECK_FALSE(vms.vgics[1]->mmio_write(vms.cpu(1), {its_base}, 4, 1));
    vms.write(1, GicModel::frame(1) + 0x70, lpi_config | 15, 8);
    vms.write(1, GicModel::frame(1), 1);
    CHECK_FALSE(vms.gic.has_lpis(1));
}

TEST_CASE("a handover of one VM, a lost CPU included, leaves the other's interrupts alone") {
    for (const u32 vm : {0U, 1U}) {
        CAPTURE(vm);
        TwoVms vms;
        vms.start_guest(0);
        vms.start_guest(1);
        vms.gic.configure_lpi(8192, 0xa0);
        vms.write(0, its_base + 0x80, gits_valid | its_tables, 8);
        vms.write(0, its_base, 1);
        for (u32 i = 0; i < cpus; i += 2) {
            vms.write(i, GicModel::frame(i) + 0x70, lpi_config | 15, 8);
            vms.write(i, GicModel::frame(i) + 0x78, lpi_pending, 8);
            vms.write(i, GicModel::frame(i), 1);
        }
        const u32 other = 1 - vm;
        for (u32 intid = 32; intid < 40; intid++) {
            vms.write(intid % 2, gicd_base + 0xc08, 0xaaaa'aaaa);
            vms.write(intid % 2, irouter + 8 * intid, GicModel::affinity(intid % 2 + 4), 8);
            vms.gic.set_line(0, intid, true);
        }
        // One is active there, others are pending in list registers and behind them.
        const u32 active = vms.acknowledge(other + 4);
        CHECK(active == 32 + other);
        vms.vgics[other]->send_sgis(vms.cpu(other), SgiRegister::sgi1r, sgi_to_all_others(5));
        const auto before = vms.spis(other);

        const u32 lost = vm + 8;
        for (u32 i = vm; i < cpus; i += 2) {
            if (i != lost) {
                vms.vgics[vm]->drain(vms.cpu(i));
            }
        }
        vms.vgics[vm]->fence(vms.cpu(lost));
        CHECK(vms.vgics[vm]->gather(vms.cpu(vm)));
        for (u32 i = vm; i < cpus; i += 2) {
            if (i != lost) {
                CHECK(vms.vgics[vm]->take_down(vms.cpu(i)));
            }
        }
        CHECK(vms.spis(other) == before);
        for (const auto& [spi, route] : vms.spis(vm)) {
            CHECK(spi ==
                  GicModel::Interrupt{.line = spi.line, .group1 = true, .priority = spi.priority});
            CHECK(route == GicModel::affinity(vm));
        }
        CHECK(vms.gic.its.is_cold() == (vm == 0));
        CHECK(vms.gic.has_lpis(0) == (vm == 1));
        CHECK(vms.read(other, gicd_base) == 0x53);
        for (u32 i = other; i < cpus; i += 2) {
            CHECK((vms.read(i, GicModel::frame(i) + sgi_base + isenabler)) == sgi_bits);
            CHECK((vms.gic.cpu(i).gicr_ctlr & gicr_ctlr::DPG1NS) == 0);
        }
        // What was pending there comes.
        vms.gic.virtual_end(other + 4, active);
        std::set<u32> came;
        for (u32 intid = vms.acknowledge(other + 4); intid != spurious;
             intid = vms.acknowledge(other + 4)) {
            came.insert(intid);
            if (intid >= 32) {
                vms.gic.set_line(0, intid, false);
            }
            vms.gic.virtual_end(other + 4, intid);
        }
        CHECK(came.contains(5));
        CHECK(came.contains(34 + other));
        CHECK(came.contains(36 + other));
        CHECK(came.contains(38 + other));
    }
}

TEST_CASE("a guest deactivates nothing that is not its own") {
    TwoVms vms;
    vms.start_guest(0);
    vms.start_guest(1);
    vms.gic.set_line(0, 33, true);
    CHECK(vms.acknowledge(1) == 33);
    vms.gic.cpu(0).virtual_split_eoi = true;
    vms.vgics[0]->write_trapped_sysreg(vms.cpu(0), arm64::ICC_DIR_EL1::encoding, 33);
    CHECK(vms.gic.at(0, 33).active);
    vms.vgics[0]->write_trapped_sysreg(vms.cpu(0), arm64::ICC_DIR_EL1::encoding, 1019);
    vms.vgics[0]->write_trapped_sysreg(vms.cpu(0), arm64::ICC_DIR_EL1::encoding, hyp_timer_ppi);
}

TEST_CASE("Baton's own SPI comes whatever guests mask, and stays active until it is done with") {
    TwoVms vms;
    vms.drain(0);
    vms.physical->pend(Intid{own_console});
    vms.take_exits();
    CHECK(vms.own_spi == own_console);
    CHECK(vms.gic.at(0, own_console).active);
    vms.vgics[0]->own_spi_done(vms.cpu(0), Intid{own_console});
    CHECK_FALSE(vms.gic.at(0, own_console).active);
    CHECK(vms.vgics[0]->gather(vms.cpu(0)));
    CHECK(vms.gic.at(0, own_console).enabled);
    CHECK(vms.gic.at(0, own_console).priority == own_priority);
}

TEST_CASE("Baton pends an SPI of a VM as a device would, and no other VM's") {
    TwoVms vms;
    vms.start_guest(1);
    vms.vgics[1]->pend(Intid{32});
    CHECK_FALSE(vms.gic.at(0, 32).is_pending());
    vms.vgics[1]->pend(Intid{33});
    CHECK(vms.acknowledge(1) == 33);
}
