// SPDX-License-Identifier: BSD-2-Clause
#include "gic_model.hpp"

#include <doctest/doctest.h>
#include <random>

using namespace model;

namespace {

void take_down(Baton& baton, u32 boot) {
    const u32 cpus = baton.gic.cpu_count();
    for (u32 i = 0; i < cpus; i++) {
        baton.vgic->drain(baton.cpu(i));
    }
    CHECK(baton.vgic->gather(baton.cpu(boot)));
    for (u32 i = 0; i < cpus; i++) {
        CHECK(baton.vgic->take_down(baton.cpu(i)));
    }
}

/// The physical priority of an interrupt that is not enabled does not matter.
Gic::Interrupt without_priority(Gic::Interrupt interrupt) {
    interrupt.priority = interrupt.enabled ? interrupt.priority : 0;
    return interrupt;
}

/// Nothing of a guest's is left, whatever CPU looks.
void check_cold(Baton& baton, u32 boot) {
    const Baton cold{baton.gic.cpu_count()};
    Machine::current = &baton.gic;
    auto& fresh = const_cast<Gic&>(cold.gic);
    for (u32 i = 0; i < baton.gic.cpu_count(); i++) {
        for (u32 intid = 0; intid < 32; intid++) {
            CAPTURE(i);
            CAPTURE(intid);
            CHECK(without_priority(baton.gic.at(i, intid)) == without_priority(fresh.at(i, intid)));
        }
        CHECK(baton.gic.cpu(i).mask == mask_guest);
        CHECK(baton.gic.cpu(i).hcr == 0);
        CHECK(baton.gic.cpu(i).running.empty());
        CHECK((baton.gic.cpu(i).gicr_ctlr & gicr_ctlr::DPG1NS) != 0);
    }
    for (u32 intid = 32; intid < spi_end; intid++) {
        CAPTURE(intid);
        CHECK(without_priority(baton.gic.at(0, intid)) == without_priority(fresh.at(0, intid)));
        CHECK(baton.gic.route(intid) == Gic::affinity(boot));
    }
    for (u32 bank = 0; bank < spi_end / 32; bank++) {
        for (u32 reg = 0x80; reg < 0x400; reg += 0x80) {
            CHECK(baton.read(0, gicd_base + reg + 4 * bank) == 0);
        }
        for (u32 byte = 0; byte < 32; byte += 4) {
            CHECK(baton.read(0, gicd_base + 0x400 + 32 * bank + byte) == 0);
        }
    }
    for (u32 i = 0; i < baton.gic.cpu_count(); i++) {
        for (u32 reg = 0x80; reg < 0x400; reg += 0x80) {
            CHECK(baton.read(0, Gic::frame(i) + sgi_base + reg) == 0);
        }
        for (u32 byte = 0; byte < 32; byte += 4) {
            CHECK(baton.read(0, Gic::frame(i) + sgi_base + 0x400 + byte) == 0);
        }
        CHECK(baton.read(0, Gic::frame(i) + 0x14) == 6);
    }
    CHECK(baton.read(0, gicd_base) == 0x50);
}

} // namespace

TEST_CASE("after a handover the next kernel finds the GIC as after a cold boot") {
    std::mt19937 random{1};
    const auto below = [&random](u32 n) { return static_cast<u32>(random() % n); };
    for (u32 round = 0; round < 20; round++) {
        CAPTURE(round);
        const u32 cpus = 1 + below(4);
        Baton baton{cpus};
        const u32 boot = below(cpus);
        for (u32 life = 0; life < 2; life++) {
            for (u32 i = 0; i < cpus; i++) {
                baton.start_guest(i, below(2) != 0);
                baton.write(i, Gic::frame(i) + sgi_base + isenabler, random());
                baton.write(i, Gic::frame(i) + 0x14, 0);
                for (u32 byte = 0; byte < 32; byte += 4) {
                    baton.write(i, Gic::frame(i) + sgi_base + 0x400 + byte, random());
                }
            }
            for (u32 bank = 1; bank < spi_end / 32; bank++) {
                baton.write(0, gicd_base + isenabler + 4 * bank, random());
                baton.write(0, gicd_base + 0xc00 + 8 * bank, random());
            }
            for (u32 intid = 32; intid < spi_end; intid++) {
                baton.set_priority(0, intid, static_cast<u8>(random()));
                if (below(2) != 0) {
                    baton.write(0, gicd_base + 0x6000 + 8 * intid, Gic::affinity(below(cpus)), 8);
                }
            }
            for (u32 n = 0; n < 100; n++) {
                const u32 cpu = below(cpus);
                baton.set_bit(cpu, below(8) == 0 ? isactiver : ispendr, below(spi_end));
                baton.send_sgi(cpu, SgiRequest::to(below(16), Gic::affinity(below(cpus))));
                const u32 intid = baton.acknowledge(cpu);
                if (intid != spurious && below(2) != 0) {
                    baton.end(cpu, intid);
                }
            }
            take_down(baton, boot);
            check_cold(baton, boot);
            for (u32 i = 0; i < cpus; i++) {
                baton.vgic->turn_on(baton.cpu(i));
                CHECK(baton.gic.cpu(i).mask == mask_nothing);
                CHECK(baton.gic.cpu(i).gicr_ctlr == 0);
                CHECK(baton.acknowledge(i) == spurious);
            }
        }
    }
}

TEST_CASE("an interrupt enabled after a handover has the priority that the new kernel sees") {
    Baton baton;
    baton.start_guest(0);
    for (const u32 intid : {27U, 40U}) {
        baton.set_bit(0, isenabler, intid);
        baton.set_priority(0, intid, 0xc0);
        CHECK(baton.gic.at(0, intid).priority == to_physical_priority(0xc0));
    }
    take_down(baton, 0);
    baton.vgic->turn_on(baton.cpu(0));
    baton.start_guest(0);
    baton.set_bit(0, isenabler, 27);
    baton.set_bit(0, isenabler, 40);
    CHECK(baton.gic.at(0, 27).priority == to_physical_priority(0));
    CHECK(baton.gic.at(0, 40).priority == to_physical_priority(0));
    baton.set_priority(0, 40, 0x80);
    CHECK(baton.gic.at(0, 40).priority == to_physical_priority(0x80));
}

TEST_CASE("an SGI storm during the walk does not reach the new kernel") {
    Baton baton{3};
    for (u32 i = 0; i < 3; i++) {
        baton.start_guest(i);
        baton.write(i, Gic::frame(i) + sgi_base + isenabler, sgi_bits);
    }
    baton.vgic->drain(baton.cpu(0));
    baton.vgic->send_sgis(baton.cpu(2), SgiRegister::sgi1r, SgiRequest::to_all_others(5));
    baton.take_exits(); // drained CPUs take the kick, and nothing else
    baton.vgic->drain(baton.cpu(1));
    baton.vgic->send_sgis(baton.cpu(2), SgiRegister::sgi1r, SgiRequest::to_all_others(6));
    baton.take_exits();
    baton.vgic->drain(baton.cpu(2));
    CHECK(baton.vgic->gather(baton.cpu(1)));
    for (u32 i = 0; i < 3; i++) {
        CHECK(baton.vgic->take_down(baton.cpu(i)));
        baton.vgic->turn_on(baton.cpu(i));
        baton.start_guest(i);
        baton.write(i, Gic::frame(i) + sgi_base + isenabler, sgi_bits);
    }
    for (u32 i = 0; i < 3; i++) {
        CHECK(baton.acknowledge(i) == spurious);
    }
}

TEST_CASE("a parked CPU is woken by kicks and nothing else") {
    Baton baton{2};
    baton.start_guest(0);
    baton.start_guest(1);
    baton.set_bit(1, isenabler, virtual_timer_ppi);
    baton.vgic->turn_off(baton.cpu(1));
    CHECK((baton.gic.cpu(1).gicr_ctlr & gicr_ctlr::DPG1NS) != 0);
    baton.gic.set_line(1, virtual_timer_ppi, true);
    CHECK_FALSE(baton.gic.is_signalled(1));
    baton.gic.send_sgi(0, SgiRequest::to(kick_sgi, 1));
    CHECK(baton.gic.is_signalled(1));
    CHECK(baton.vgic->handle_interrupts(baton.cpu(1)).kick);
    baton.vgic->flush(baton.cpu(1));
    CHECK_FALSE(baton.gic.is_signalled(1));
}

TEST_CASE("a CPU that goes off gives its pending interrupts back") {
    Baton baton{2};
    baton.start_guest(0);
    baton.start_guest(1);
    for (u32 intid = 32; intid < 40; intid++) {
        baton.set_bit(0, isenabler, intid);
        baton.write(0, gicd_base + 0x6000 + 8 * intid, 1, 8);
        baton.set_bit(0, ispendr, intid);
    }
    CHECK(baton.acknowledge(1) == 32);
    baton.set_bit(1, isenabler, 4);
    baton.send_sgi(0, SgiRequest::to(4, 1));
    baton.vgic->turn_off(baton.cpu(1));
    for (u32 intid = 32; intid < 40; intid++) {
        baton.write(0, gicd_base + 0x6000 + 8 * intid, 0, 8);
    }
    for (u32 intid = 33; intid < 40; intid++) {
        CHECK(baton.acknowledge(0) == intid);
        baton.end(0, intid);
    }
    CHECK(baton.acknowledge(0) == spurious);
    // Its SGI waits for it.
    baton.vgic->turn_on(baton.cpu(1));
    baton.gic.cpu(1).virtual_mask = 0xff;
    baton.gic.cpu(1).group1 = true;
    CHECK(baton.acknowledge(1) == 4);
}

TEST_CASE("SGIs sent to a CPU that is off do not outlive the kernel that sent them") {
    Baton baton{2};
    baton.start_guest(0);
    baton.start_guest(1);
    baton.vgic->turn_off(baton.cpu(1));
    CHECK(baton.vgic->take_down(baton.cpu(1)));
    baton.send_sgi(0, SgiRequest::to_all_others(3));
    CHECK(baton.read(0, Gic::frame(1) + sgi_base + ispendr) == bit_of(3));
    baton.vgic->drain(baton.cpu(0));
    CHECK(baton.vgic->gather(baton.cpu(0)));
    CHECK(baton.vgic->take_down(baton.cpu(0)));
    baton.vgic->turn_on(baton.cpu(0));
    CHECK(baton.read(0, Gic::frame(1) + sgi_base + ispendr) == 0);
}

TEST_CASE("interrupts lose their state only when their disabling has taken effect") {
    Baton baton{2};
    for (u32 i = 0; i < 2; i++) {
        baton.start_guest(i);
        baton.write(i, Gic::frame(i) + sgi_base + isenabler, ~0U);
        baton.write(i, Gic::frame(i) + sgi_base + ispendr, ~0U);
    }
    for (u32 intid = 32; intid < spi_end; intid++) {
        baton.set_bit(0, isenabler, intid);
        baton.write(0, gicd_base + 0x6000 + 8 * intid, 1, 8);
        baton.set_bit(0, ispendr, intid);
    }
    baton.gic.hasty_writes = 0;
    take_down(baton, 0);
    CHECK(baton.gic.hasty_writes == 0);
}

TEST_CASE("no SPI is routed to a CPU that is dying or lost") {
    Baton baton{4};
    for (u32 i = 0; i < 4; i++) {
        baton.start_guest(i);
    }
    constexpr u64 to_any = u64{1} << 31;
    u32 boot = 0, lost = 3;
    for (u32 life = 0; life < 3; life++) {
        for (u32 intid = 32; intid < spi_end; intid++) {
            const u64 route = intid % 5 == 4 ? to_any : Gic::affinity(intid % 5);
            baton.write(0, gicd_base + 0x6000 + 8 * intid, route, 8);
        }
        for (u32 i = 0; i < 4; i++) {
            if (i != lost) {
                baton.vgic->drain(baton.cpu(i));
            }
        }
        baton.vgic->fence(baton.cpu(lost));
        CHECK(baton.vgic->gather(baton.cpu(boot)));
        for (u32 intid = 32; intid < spi_end; intid++) {
            CAPTURE(intid);
            CHECK(baton.gic.route(intid) == Gic::affinity(boot));
        }
        CHECK((baton.gic.cpu(lost).gicr_ctlr & gicr_ctlr::DPG1NS) != 0);
        lost = boot; // the next life has another boot CPU, and loses the CPU that SPIs went to
        boot = (boot + 1) % 4;
    }
}

TEST_CASE("GICR_WAKER is written to wake its CPU, once, and by no guest") {
    Baton baton{2};
    CHECK(baton.gic.waker_writes == 2);
    baton.start_guest(0);
    baton.start_guest(1);
    for (const u32 waker : {0U, 2U, 0U}) {
        baton.write(0, Gic::frame(0) + 0x14, waker);
        CHECK(baton.read(0, Gic::frame(0) + 0x14) == (waker != 0 ? 6 : 0));
    }
    take_down(baton, 1);
    CHECK(baton.gic.waker_writes == 2);
    CHECK(baton.gic.wrong_waker_writes == 0);
}

TEST_CASE("GICR_WAKER is left alone where it is the firmware's") {
    Gic gic{1, 4};
    Machine::current = &gic;
    gic.is_waker_secure = true;
    std::atomic<u32> control{0};
    Redistributor<Machine> redistributor;
    redistributor.attach({gicr_base}, bit_of(kick_sgi), 0xf8, control);
    CHECK(redistributor.bring_up(bit_of(kick_sgi)));
    CHECK(gic.waker_writes == 0);
}

TEST_CASE("a Redistributor that never wakes is an error, not a wait without end") {
    Gic gic{1, 4};
    Machine::current = &gic;
    gic.is_asleep_for_good = true;
    std::atomic<u32> control{0};
    Redistributor<Machine> redistributor;
    redistributor.attach({gicr_base}, bit_of(kick_sgi), 0xf8, control);
    CHECK(redistributor.bring_up(bit_of(kick_sgi)) == std::unexpected(Error::timed_out));
    CHECK(gic.waker_writes == 1);
}

TEST_CASE("a lost CPU is fenced from afar") {
    Baton baton{2};
    baton.start_guest(0);
    baton.start_guest(1);
    baton.set_bit(1, isenabler, virtual_timer_ppi);
    baton.vgic->fence(baton.cpu(1));
    baton.gic.set_line(1, virtual_timer_ppi, true);
    CHECK_FALSE(baton.gic.is_signalled(1));
    CHECK((baton.gic.cpu(1).gicr_ctlr & gicr_ctlr::DPG1NS) != 0);
}
