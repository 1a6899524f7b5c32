// SPDX-License-Identifier: BSD-2-Clause
#include "gic_baton.hpp"

#include <doctest/doctest.h>

using namespace model;

namespace {

/// A guest that takes interrupts on CPU 0, with SPIs 32 to 63 enabled.
std::unique_ptr<Baton> started(u32 cpus = 1, u32 list_registers = 4, bool split_eoi = false) {
    auto baton = std::make_unique<Baton>(cpus, list_registers);
    for (u32 i = 0; i < cpus; i++) {
        baton->start_guest(i, split_eoi);
    }
    baton->write(0, gicd_base + isenabler + 4, ~0U);
    return baton;
}

} // namespace

TEST_CASE("a level-sensitive SPI is taken, and again as long as its line is high") {
    const auto baton = started();
    baton->gic.set_line(0, 40, true);
    CHECK(baton->acknowledge(0) == 40);
    CHECK(baton->get_bit(0, isactiver, 40));
    CHECK(baton->get_bit(0, ispendr, 40));
    CHECK(baton->acknowledge(0) == spurious);
    baton->end(0, 40);
    CHECK(baton->acknowledge(0) == 40);
    baton->gic.set_line(0, 40, false);
    CHECK_FALSE(baton->get_bit(0, ispendr, 40));
    baton->end(0, 40);
    CHECK(baton->acknowledge(0) == spurious);
    CHECK_FALSE(baton->get_bit(0, isactiver, 40));
    CHECK_FALSE(baton->gic.at(0, 40).active);
}

TEST_CASE("an edge that comes while the interrupt is active is not lost") {
    const auto baton = started();
    baton->write(0, gicd_base + 0xc08, 0x2); // SPI 32 edge-triggered
    for (u32 n = 0; n < 3; n++) {
        baton->gic.set_line(0, 32, true);
        baton->gic.set_line(0, 32, false);
        if (n == 0) {
            CHECK(baton->acknowledge(0) == 32);
        }
    }
    CHECK(baton->get_bit(0, ispendr, 32));
    baton->end(0, 32);
    CHECK(baton->acknowledge(0) == 32);
    baton->end(0, 32);
    CHECK(baton->acknowledge(0) == spurious);
}

TEST_CASE("more pending than list registers: each is delivered once, by priority") {
    for (const u32 list_registers : {1U, 2U, 4U, 16U}) {
        const auto baton = started(1, list_registers);
        // 7 is prime to 24, so neighbours in INTID are far apart in priority.
        for (u32 i = 0; i < 24; i++) {
            baton->set_priority(0, 32 + i, static_cast<u8>(i * 7 % 24 * 8));
        }
        for (u32 i = 0; i < 24; i++) {
            baton->set_bit(0, ispendr, 32 + i);
        }
        CHECK(baton->read(0, gicd_base + ispendr + 4) == 0x00ff'ffff);
        CHECK(baton->read(0, gicd_base + isactiver + 4) == 0);
        for (u32 rank = 0; rank < 24; rank++) {
            const u32 intid = baton->acknowledge(0);
            REQUIRE(intid != spurious);
            // Physical priorities are coarser by half, so neighbours may change places.
            CHECK((intid - 32) * 7 % 24 / 2 == rank / 2);
            baton->end(0, intid);
        }
        CHECK(baton->acknowledge(0) == spurious);
        CHECK(baton->gic.cpu(0).mask == mask_nothing);
        CHECK(baton->gic.cpu(0).hcr == 1);
    }
}

TEST_CASE("an urgent interrupt displaces a pending one that waits behind the guest's mask") {
    const auto baton = started();
    for (u32 intid = 32; intid < 40; intid++) {
        baton->set_priority(0, intid, 0xa0);
    }
    baton->set_priority(0, 40, 0x20);
    baton->gic.cpu(0).virtual_mask = 0x80;
    for (u32 intid = 32; intid < 40; intid++) {
        baton->set_bit(0, ispendr, intid);
    }
    CHECK(baton->acknowledge(0) == spurious);
    baton->gic.set_line(0, 40, true);
    CHECK(baton->acknowledge(0) == 40);
    baton->gic.set_line(0, 40, false);
    baton->end(0, 40);
    baton->gic.cpu(0).virtual_mask = 0xff;
    u32 seen = 0;
    for (u32 n = 0; n < 8; n++) {
        const u32 intid = baton->acknowledge(0);
        REQUIRE(intid != spurious);
        seen |= bit_of(intid);
        baton->end(0, intid);
    }
    CHECK(seen == 0xff);
    CHECK(baton->acknowledge(0) == spurious);
}

TEST_CASE("handlers may nest deeper than there are list registers") {
    for (const u32 list_registers : {1U, 2U, 4U}) {
        const auto baton = started(1, list_registers);
        for (u32 i = 0; i < 10; i++) {
            baton->set_priority(0, 32 + i, static_cast<u8>(0xf0 - i * 0x10));
            baton->set_bit(0, ispendr, 32 + i);
            REQUIRE(baton->acknowledge(0) == 32 + i);
        }
        CHECK(baton->read(0, gicd_base + isactiver + 4) == 0x3ff);
        // Pending again meanwhile: comes when the handlers of higher priority are done.
        baton->set_bit(0, ispendr, 33);
        for (u32 i = 10; i-- > 2;) {
            CHECK(baton->acknowledge(0) == spurious);
            baton->end(0, 32 + i);
        }
        baton->end(0, 33);
        CHECK(baton->acknowledge(0) == 33);
        baton->end(0, 33);
        baton->end(0, 32);
        CHECK(baton->acknowledge(0) == spurious);
        CHECK(baton->read(0, gicd_base + isactiver + 4) == 0);
        CHECK(baton->gic.cpu(0).hcr == 1);
    }
}

TEST_CASE("an interrupt that was set aside returns when there is room") {
    const auto baton = started(1, 4);
    for (u32 i = 0; i < 5; i++) {
        baton->set_priority(0, 32 + i, static_cast<u8>(0xf0 - i * 0x10));
        baton->set_bit(0, ispendr, 32 + i);
        REQUIRE(baton->acknowledge(0) == 32 + i);
    }
    CHECK(baton->gic.cpu(0).hcr != 1);
    baton->end(0, 36);
    baton->set_bit(0, isenabler, 60);
    baton->set_bit(0, ispendr, 60); // any exit
    baton->set_bit(0, icpendr, 60);
    CHECK(baton->gic.cpu(0).hcr == 1);
    CHECK(baton->read(0, gicd_base + isactiver + 4) == 0xf);
}

TEST_CASE("the end of one that was set aside is not missed when another interrupt comes first") {
    const auto baton = started(1, 1);
    baton->gic.is_maintenance_late = true;
    baton->set_priority(0, 32, 0x80);
    baton->set_priority(0, 33, 0x40);
    baton->set_priority(0, 40, 0x20);
    for (const u32 intid : {32U, 33U}) {
        baton->set_bit(0, ispendr, intid);
        REQUIRE(baton->acknowledge(0) == intid);
    }
    baton->end(0, 33);
    baton->gic.virtual_end(0, 32); // which no list register holds
    baton->gic.set_line(0, 40, true);
    baton->take_exits();
    CHECK_FALSE(baton->gic.at(0, 32).active);
    CHECK(baton->acknowledge(0) == 40);
    CHECK(baton->read(0, gicd_base + isactiver + 4) == bit_of(40));
}

TEST_CASE("with split EOI any number may be active, and end in any order") {
    const auto baton = started(1, 2, true);
    for (u32 i = 0; i < 12; i++) {
        baton->set_priority(0, 32 + i, 0xa0);
        baton->set_bit(0, ispendr, 32 + i);
    }
    for (u32 i = 0; i < 12; i++) {
        const u32 intid = baton->acknowledge(0);
        REQUIRE(intid != spurious);
        baton->end(0, intid);
    }
    CHECK(baton->acknowledge(0) == spurious);
    CHECK(baton->read(0, gicd_base + isactiver + 4) == 0xfff);
    u32 active = 0xfff;
    for (u32 i = 0; i < 12; i++) {
        const u32 intid = 32 + i * 5 % 12;
        baton->deactivate(0, intid);
        active &= ~bit_of(intid);
        CHECK(baton->read(0, gicd_base + isactiver + 4) == active);
    }
    CHECK(baton->gic.cpu(0).hcr == 1);
}

TEST_CASE("without the trap of ICC_DIR_EL1, split EOI goes on when a list register is left") {
    Baton baton{1, 2, false};
    baton.start_guest(0, true);
    baton.write(0, gicd_base + isenabler + 4, ~0U);
    for (u32 intid = 32; intid < 36; intid++) {
        baton.set_bit(0, ispendr, intid);
    }
    for (u32 n = 0; n < 2; n++) {
        const u32 intid = baton.acknowledge(0);
        REQUIRE(intid != spurious);
        baton.end(0, intid);
    }
    CHECK(baton.acknowledge(0) == spurious);
    baton.deactivate(0, 32);
    baton.deactivate(0, 33);
    for (u32 n = 0; n < 2; n++) {
        const u32 intid = baton.acknowledge(0);
        REQUIRE(intid != spurious);
        baton.end(0, intid);
        baton.deactivate(0, intid);
    }
    CHECK(baton.acknowledge(0) == spurious);
    CHECK(baton.read(0, gicd_base + isactiver + 4) == 0);
    CHECK(baton.gic.cpu(0).mask == mask_nothing);
    CHECK(baton.gic.cpu(0).hcr == 1);
}

TEST_CASE("deactivating what the guest has not acknowledged does nothing") {
    const auto baton = started(1, 1, true);
    baton->set_priority(0, 32, 0x80);
    baton->set_bit(0, ispendr, 32);
    CHECK(baton->acknowledge(0) == 32); // fills the only list register
    baton->set_priority(0, 33, 0x40);
    baton->set_bit(0, ispendr, 33); // sets 32 aside
    baton->deactivate(0, 33);
    CHECK(baton->gic.at(0, 33).active);
    CHECK(baton->acknowledge(0) == 33);
    baton->end(0, 33);
    baton->deactivate(0, 33);
    baton->end(0, 32);
    baton->deactivate(0, 32);
    CHECK(baton->read(0, gicd_base + isactiver + 4) == 0);
}

TEST_CASE("Baton's own interrupts are told apart and are not the guest's") {
    const auto baton = started(2);
    baton->gic.cpu(0).own[hyp_timer_ppi].line = true;
    REQUIRE(baton->gic.is_signalled(0));
    const auto came = baton->vgic->handle_interrupts(baton->cpu(0));
    CHECK(came.timer);
    CHECK_FALSE(came.kick);
    CHECK_FALSE(baton->gic.is_signalled(0)); // active until it is done
    baton->gic.cpu(0).own[hyp_timer_ppi].line = false;
    baton->vgic->timer_done(baton->cpu(0));
    CHECK_FALSE(baton->gic.at(0, hyp_timer_ppi).active);

    baton->gic.send_sgi(1, SgiRequest::to_all_others(kick_sgi));
    CHECK(baton->vgic->handle_interrupts(baton->cpu(0)).kick);
    CHECK_FALSE(baton->vgic->handle_interrupts(baton->cpu(0)).kick);
    CHECK(baton->acknowledge(0) == spurious);

    const u64 frame = GicModel::frame(0) + sgi_base;
    CHECK(baton->read(0, frame + isenabler) == 0);
    baton->write(0, frame + icenabler, ~0U);
    baton->write(0, frame + 0x418, 0xffff'ffff); // priorities of PPIs 24 to 27
    CHECK(baton->read(0, frame + 0x418) == 0xf800'00f8);
    CHECK(baton->gic.at(0, hyp_timer_ppi).enabled);
    CHECK(baton->gic.at(0, hyp_timer_ppi).priority == own_priority);
    CHECK(baton->gic.at(0, maintenance_ppi).enabled);
    CHECK(baton->gic.at(0, index(kick_sgi)).enabled);
    CHECK(baton->gic.at(0, virtual_timer_ppi).priority == (to_physical_priority(0xf8) & 0xf8));
}

TEST_CASE("a PPI belongs to its CPU") {
    const auto baton = started(2);
    baton->set_bit(0, isenabler, virtual_timer_ppi);
    baton->set_bit(1, isenabler, virtual_timer_ppi);
    baton->gic.set_line(1, virtual_timer_ppi, true);
    CHECK(baton->acknowledge(0) == spurious);
    CHECK(baton->acknowledge(1) == virtual_timer_ppi);
    CHECK(baton->get_bit(1, ispendr, virtual_timer_ppi)); // the live line
    CHECK_FALSE(baton->get_bit(0, ispendr, virtual_timer_ppi));
    baton->gic.set_line(1, virtual_timer_ppi, false);
    CHECK_FALSE(baton->get_bit(1, ispendr, virtual_timer_ppi));
    baton->end(1, virtual_timer_ppi);
    CHECK(baton->acknowledge(1) == spurious);
}

TEST_CASE("an interrupt that another CPU deactivates under way is never in two list registers") {
    const auto baton = started(2);
    baton->gic.set_line(0, 40, true);
    baton->take_exits(); // pending in a list register of CPU 0
    baton->set_bit(1, icactiver, 40);
    CHECK(baton->acknowledge(0) == 40);
    baton->set_bit(1, icactiver, 40); // now it is active there
    baton->gic.set_line(0, 40, false);
    baton->end(0, 40);
    CHECK(baton->acknowledge(0) == spurious);
    CHECK_FALSE(baton->gic.at(0, 40).active);
}

TEST_CASE("standby ends when an interrupt is pending") {
    const auto baton = started(2);
    CHECK_FALSE(baton->vgic->has_pending_interrupt(baton->cpu(0)));
    baton->gic.set_line(0, 40, true);
    baton->take_exits();
    CHECK(baton->vgic->has_pending_interrupt(baton->cpu(0)));
    CHECK(baton->acknowledge(0) == 40);
    CHECK_FALSE(baton->vgic->has_pending_interrupt(baton->cpu(0)));
    baton->set_bit(0, isenabler, 3);
    baton->vgic->send_sgis(baton->cpu(1), SgiRegister::sgi1r, sgi_to(3, 0));
    CHECK(baton->vgic->has_pending_interrupt(baton->cpu(0)));
}
