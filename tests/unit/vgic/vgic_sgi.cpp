// SPDX-License-Identifier: BSD-2-Clause
#include "gic_baton.hpp"

#include <doctest/doctest.h>

using namespace model;

namespace {

/// A guest on `cpus` CPUs with all SGIs enabled.
std::unique_ptr<Baton> started(u32 cpus, u32 list_registers = 4, bool split_eoi = false) {
    auto baton = std::make_unique<Baton>(cpus, list_registers);
    for (u32 i = 0; i < cpus; i++) {
        baton->start_guest(i, split_eoi);
        baton->write(i, GicModel::frame(i) + sgi_base + isenabler, sgi_bits);
    }
    return baton;
}

} // namespace

TEST_CASE("an SGI reaches the CPUs of its target list and no others") {
    const auto baton = started(20);
    // Aff1 1, targets 1 and 3: CPUs 17 and 19.
    baton->send_sgi(2, {0x0701'000a});
    for (u32 cpu = 0; cpu < 20; cpu++) {
        CHECK(baton->acknowledge(cpu) == (cpu == 17 || cpu == 19 ? 7 : spurious));
    }
    baton->end(17, 7);
    CHECK(baton->acknowledge(17) == spurious);
    CHECK(baton->gic.sgis_sent == 1);
}

TEST_CASE("a CPU may send an SGI to itself, without a kick") {
    const auto baton = started(2);
    baton->send_sgi(1, sgi_to(4, GicModel::affinity(1)));
    CHECK(baton->gic.sgis_sent == 0);
    CHECK(baton->acknowledge(1) == 4);
    CHECK(baton->acknowledge(0) == spurious);
}

TEST_CASE("a broadcast reaches all others with one physical SGI") {
    const auto baton = started(18);
    baton->send_sgi(5, sgi_to_all_others(9));
    CHECK(baton->gic.sgis_sent == 1);
    for (u32 cpu = 0; cpu < 18; cpu++) {
        CHECK(baton->acknowledge(cpu) == (cpu == 5 ? spurious : 9));
    }
}

TEST_CASE("targets and clusters that do not exist are nobody") {
    const auto baton = started(2);
    baton->send_sgi(0, {0x0100'0000 | 0xfffc});
    baton->send_sgi(0, {0x0101'0001});
    baton->send_sgi(0, sgi_to(1, 0x10)); // range 1
    CHECK(baton->gic.sgis_sent == 0);
    CHECK(baton->acknowledge(1) == spurious);
}

TEST_CASE("an SGI sent again while pending is one, while active is another") {
    for (const u32 list_registers : {1U, 4U}) {
        const auto baton = started(2, list_registers);
        baton->send_sgi(1, sgi_to(3, 0));
        baton->send_sgi(1, sgi_to(3, 0));
        CHECK(baton->acknowledge(0) == 3);
        CHECK_FALSE(baton->get_bit(0, ispendr, 3));
        baton->send_sgi(1, sgi_to(3, 0));
        CHECK(baton->get_bit(0, ispendr, 3));
        CHECK(baton->get_bit(0, isactiver, 3));
        CHECK(baton->acknowledge(0) == spurious);
        baton->end(0, 3);
        CHECK(baton->acknowledge(0) == 3);
        baton->end(0, 3);
        CHECK(baton->acknowledge(0) == spurious);
    }
}

TEST_CASE("all sixteen SGIs go through few list registers, by priority") {
    for (const u32 list_registers : {1U, 2U, 4U}) {
        const auto baton = started(2, list_registers);
        for (u32 sgi = 0; sgi < 16; sgi++) {
            baton->set_priority(0, sgi, static_cast<u8>(0xf0 - 0x10 * sgi));
        }
        for (u32 sgi = 0; sgi < 16; sgi++) {
            baton->send_sgi(1, sgi_to(sgi, 0));
        }
        CHECK(baton->read(0, GicModel::frame(0) + sgi_base + ispendr) == sgi_bits);
        for (u32 sgi = 16; sgi-- > 0;) {
            CHECK(baton->acknowledge(0) == sgi);
            baton->end(0, sgi);
        }
        CHECK(baton->acknowledge(0) == spurious);
    }
}

TEST_CASE("an SGI that is set aside active is not lost when it is sent again") {
    const auto baton = started(2, 1);
    baton->set_priority(0, 1, 0x80);
    baton->set_priority(0, 2, 0x40);
    baton->send_sgi(1, sgi_to(1, 0));
    CHECK(baton->acknowledge(0) == 1);
    baton->send_sgi(1, sgi_to(2, 0));
    CHECK(baton->acknowledge(0) == 2); // 1 is set aside
    baton->send_sgi(1, sgi_to(1, 0));
    CHECK(baton->get_bit(0, isactiver, 1));
    CHECK(baton->get_bit(0, ispendr, 1));
    baton->end(0, 2);
    CHECK(baton->acknowledge(0) == spurious);
    baton->end(0, 1);
    CHECK(baton->acknowledge(0) == 1);
    baton->end(0, 1);
    CHECK(baton->acknowledge(0) == spurious);
}

TEST_CASE("an SGI waits for its enable") {
    const auto baton = started(2);
    baton->set_bit(0, icenabler, 6);
    baton->send_sgi(1, sgi_to(6, 0));
    CHECK(baton->acknowledge(0) == spurious);
    CHECK(baton->get_bit(0, ispendr, 6));
    baton->set_bit(1, isenabler, 5);
    // Another CPU may enable it, as all Redistributors are in reach.
    baton->write(1, GicModel::frame(0) + sgi_base + isenabler, bit_of(6));
    CHECK(baton->acknowledge(0) == 6);
}

TEST_CASE("SGIs can be set and cleared pending by register, also another CPU's") {
    const auto baton = started(2);
    baton->write(1, GicModel::frame(0) + sgi_base + ispendr, bit_of(8));
    CHECK(baton->acknowledge(0) == 8);
    baton->end(0, 8);
    baton->set_bit(0, icenabler, 8);
    baton->set_bit(0, ispendr, 8);
    baton->set_bit(0, icpendr, 8);
    baton->set_bit(0, isenabler, 8);
    CHECK(baton->acknowledge(0) == spurious);
    // From a list register too.
    baton->set_bit(0, ispendr, 8);
    baton->set_bit(0, icpendr, 8);
    CHECK(baton->acknowledge(0) == spurious);
    // Pending and active: only the pending half goes.
    baton->set_bit(0, ispendr, 8);
    CHECK(baton->acknowledge(0) == 8);
    baton->set_bit(0, ispendr, 8);
    baton->set_bit(0, icpendr, 8);
    CHECK(baton->get_bit(0, isactiver, 8));
    CHECK_FALSE(baton->get_bit(0, ispendr, 8));
    baton->end(0, 8);
    CHECK(baton->acknowledge(0) == spurious);
}

TEST_CASE("the three SGI registers reach the groups that they should") {
    const auto baton = started(1);
    baton->write(0, GicModel::frame(0) + sgi_base + 0x80, ~bit_of(2)); // SGI 2 in Group 0
    const auto arrives = [&](u32 sgi, SgiRegister reg) {
        baton->send_sgi(0, sgi_to(sgi, 0), reg);
        const u32 intid = baton->acknowledge(0);
        if (intid != spurious) {
            baton->end(0, intid);
        }
        return intid == sgi;
    };
    CHECK(arrives(1, SgiRegister::sgi1r));
    CHECK(arrives(2, SgiRegister::sgi1r));
    CHECK_FALSE(arrives(1, SgiRegister::sgi0r));
    CHECK(arrives(2, SgiRegister::sgi0r));
    CHECK_FALSE(arrives(1, SgiRegister::asgi1r));
    CHECK(arrives(2, SgiRegister::asgi1r));
}

TEST_CASE("trapped system registers are told by their encoding") {
    const auto baton = started(2);
    const auto write = [&](arm64::SysregEncoding encoding, u64 value) {
        return baton->vgic->write_trapped_sysreg(baton->cpu(0), encoding, value);
    };
    CHECK(write({3, 0, 12, 11, 5}, sgi_to(1, 1).value));
    CHECK(baton->acknowledge(1) == 1);
    CHECK(write({3, 0, 12, 11, 6}, 0));
    CHECK(write({3, 0, 12, 11, 7}, 0));
    CHECK(write({3, 0, 12, 11, 1}, spurious));
    CHECK_FALSE(write({3, 0, 12, 12, 5}, 0));
}
