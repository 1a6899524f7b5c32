// SPDX-License-Identifier: BSD-2-Clause
//
// CPUs that are off, on their way there or lost, when interrupts come.

#include "gic_handover.hpp"

using namespace model;

TEST_CASE("an SGI storm during the walk does not reach the new kernel") {
    Baton baton{3};
    for (u32 i = 0; i < 3; i++) {
        baton.start_guest(i);
        baton.write(i, GicModel::frame(i) + sgi_base + isenabler, sgi_bits);
    }
    baton.vgic->drain(baton.cpu(0));
    baton.vgic->send_sgis(baton.cpu(2), SgiRegister::sgi1r, sgi_to_all_others(5));
    baton.take_exits(); // drained CPUs take the kick, and nothing else
    baton.vgic->drain(baton.cpu(1));
    baton.vgic->send_sgis(baton.cpu(2), SgiRegister::sgi1r, sgi_to_all_others(6));
    baton.take_exits();
    baton.vgic->drain(baton.cpu(2));
    CHECK(baton.vgic->gather(baton.cpu(1)));
    for (u32 i = 0; i < 3; i++) {
        CHECK(baton.vgic->take_down(baton.cpu(i)));
        baton.vgic->turn_on(baton.cpu(i));
        baton.start_guest(i);
        baton.write(i, GicModel::frame(i) + sgi_base + isenabler, sgi_bits);
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
    baton.gic.send_sgi(0, SgiRequest::to(kick_sgi, Affinity{1}));
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
    baton.send_sgi(0, sgi_to(4, 1));
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

namespace {

/// What CPU 0 does from the barrier to its next kernel.
void enter_next_kernel(Baton& baton) {
    CHECK(baton.vgic->gather(baton.cpu(0)));
    CHECK(baton.vgic->take_down(baton.cpu(0)));
    baton.vgic->turn_on(baton.cpu(0));
}
/// Those that wait for CPU 1, as CPU 0 sees them.
u32 waiting_sgis(Baton& baton) {
    return static_cast<u32>(baton.read(0, GicModel::frame(1) + sgi_base + ispendr));
}

} // namespace

TEST_CASE("SGIs sent to a CPU that is off do not outlive the kernel that sent them") {
    Baton baton{2};
    baton.start_guest(0);
    baton.start_guest(1);
    baton.vgic->turn_off(baton.cpu(1));
    CHECK(baton.vgic->take_down(baton.cpu(1)));
    baton.send_sgi(0, sgi_to_all_others(3));
    CHECK(waiting_sgis(baton) == bit_of(3));
    baton.vgic->drain(baton.cpu(0));
    enter_next_kernel(baton);
    CHECK(waiting_sgis(baton) == 0);
}

TEST_CASE("SGIs written into the Redistributor of a CPU that is off are forgotten each time") {
    Baton baton{2};
    baton.vgic->turn_off(baton.cpu(1));
    CHECK(baton.vgic->take_down(baton.cpu(1)));
    for (u32 kernel = 0; kernel < 3; kernel++) {
        baton.start_guest(0);
        baton.write(0, GicModel::frame(1) + sgi_base + ispendr, bit_of(3));
        CHECK(waiting_sgis(baton) == bit_of(3));
        baton.vgic->drain(baton.cpu(0));
        enter_next_kernel(baton);
        CHECK(waiting_sgis(baton) == 0);
    }
}

TEST_CASE("SGIs that wait for a lost CPU are forgotten") {
    Baton baton{2};
    baton.start_guest(0);
    baton.start_guest(1);
    baton.vgic->send_sgis(baton.cpu(0), SgiRegister::sgi1r, sgi_to_all_others(3));
    baton.vgic->drain(baton.cpu(0)); // CPU 1 does not answer.
    baton.vgic->fence(baton.cpu(1));
    enter_next_kernel(baton);
    CHECK(waiting_sgis(baton) == 0);
}

TEST_CASE("an SGI that comes to a drained CPU costs the gathering nothing") {
    Baton baton{2};
    baton.start_guest(0);
    baton.start_guest(1);
    baton.vgic->drain(baton.cpu(1));
    baton.vgic->send_sgis(baton.cpu(0), SgiRegister::sgi1r, sgi_to_all_others(3));
    baton.vgic->drain(baton.cpu(0));
    CHECK(baton.vgic->gather(baton.cpu(0)));
    CHECK(waiting_sgis(baton) == bit_of(3)); // It forgets it itself.
    CHECK(baton.vgic->take_down(baton.cpu(1)));
    CHECK(waiting_sgis(baton) == 0);
}

TEST_CASE("GICR_WAKER is written to wake its CPU, once, and by no guest") {
    Baton baton{2};
    CHECK(baton.gic.waker_writes == 2);
    baton.start_guest(0);
    baton.start_guest(1);
    for (const u32 waker : {0U, 2U, 0U}) {
        baton.write(0, GicModel::frame(0) + 0x14, waker);
        CHECK(baton.read(0, GicModel::frame(0) + 0x14) == (waker != 0 ? 6 : 0));
    }
    take_down(baton, 1);
    CHECK(baton.gic.waker_writes == 2);
    CHECK(baton.gic.wrong_waker_writes == 0);
}

TEST_CASE("GICR_WAKER is left alone where it is the firmware's") {
    GicModel gic{1, 4};
    ModelHardware::current = &gic;
    gic.is_waker_secure = true;
    std::atomic<u32> control{0};
    VirtualRedistributor<ModelHardware> redistributor;
    redistributor.attach({gicr_base}, bit_of(kick_sgi), 0xf8, control);
    CHECK(redistributor.bring_up(bit_of(kick_sgi)));
    CHECK(gic.waker_writes == 0);
}

TEST_CASE("a Redistributor that never wakes is an error, not a wait without end") {
    GicModel gic{1, 4};
    ModelHardware::current = &gic;
    gic.is_asleep_for_good = true;
    std::atomic<u32> control{0};
    VirtualRedistributor<ModelHardware> redistributor;
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
