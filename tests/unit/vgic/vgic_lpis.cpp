// SPDX-License-Identifier: BSD-2-Clause
#include "gic_baton.hpp"

#include <doctest/doctest.h>
#include <set>

using namespace model;

namespace {

constexpr u64 propbaser = 0x70, pendbaser = 0x78;
constexpr u64 cbaser = its_base + 0x80, baser = its_base + 0x100;
constexpr u64 baton_memory = 0x7000'0000;

/// A guest whose CPUs take LPIs from an ITS.
std::unique_ptr<Baton> started(u32 cpus = 1, u32 list_registers = 4, bool split_eoi = false) {
    auto baton = std::make_unique<Baton>(cpus, list_registers, true, true);
    for (u32 lpi = 8192; lpi < 8192 + 256; lpi++) {
        baton->gic.configure_lpi(lpi, 0xa0);
    }
    for (u32 i = 0; i < cpus; i++) {
        baton->start_guest(i, split_eoi);
        baton->start_lpis(i);
    }
    ModelHardware::refused = 0;
    return baton;
}

/// What comes until nothing does.
std::vector<u32> taken(Baton& baton, u32 cpu = 0) {
    std::vector<u32> all;
    for (u32 intid = baton.acknowledge(cpu); intid != spurious; intid = baton.acknowledge(cpu)) {
        all.push_back(intid);
        baton.end(cpu, intid);
    }
    return all;
}

} // namespace

TEST_CASE("a guest with an ITS sees LPIs, of 16 bits, and no virtual ones") {
    const auto baton = started(2);
    CHECK((baton->read(0, gicd_base + 4) & 0x2'0000) != 0);
    CHECK((baton->read(0, gicd_base + 4) >> 19 & 0x1f) == 15);
    CHECK((baton->read(0, GicModel::frame(0) + 8) & 3) == 1); // PLPIS
    CHECK(baton->read(0, GicModel::frame(0)) == 3);           // CES, EnableLPIs
    CHECK(baton->read(0, its_base + 8, 8) == 0x0000'001f'000e'fff1);
    CHECK(baton->read(0, its_base + 0xffe8) == 0x3b);
    CHECK(baton->read(0, baser + 16, 8) == 0); // vPEs
    baton->write(0, its_base, 0);
    baton->write(0, baser + 16, gits_valid | its_tables, 8);
    CHECK(baton->gic.its.base(2) == 0);
    CHECK(baton->read(0, its_base + 0x1'0040) == 0); // GITS_TRANSLATER
}

TEST_CASE("LPIs come once each, by priority, whatever the number of list registers") {
    for (const u32 list_registers : {1U, 2U, 4U, 16U}) {
        for (const bool split : {false, true}) {
            CAPTURE(list_registers);
            CAPTURE(split);
            const auto baton = started(1, list_registers, split);
            std::vector<u32> expected;
            for (u32 rank = 0; rank < 15; rank++) {
                baton->gic.configure_lpi(8192 + rank * 7 % 15, static_cast<u8>(8 * rank));
                expected.push_back(8192 + rank * 7 % 15);
            }
            for (u32 i = 0; i < 15; i++) {
                baton->send_lpi(0, 8192 + i);
            }
            CHECK(taken(*baton) == expected);
        }
    }
}

TEST_CASE("an LPI that comes again while it is pending or active comes once more, not twice") {
    for (const bool split : {false, true}) {
        const auto baton = started(1, 4, split);
        baton->send_lpi(0, 8200);
        baton->send_lpi(0, 8200);
        CHECK(baton->acknowledge(0) == 8200);
        baton->send_lpi(0, 8200);
        baton->send_lpi(0, 8200);
        baton->end(0, 8200);
        CHECK(taken(*baton) == std::vector<u32>{8200});
    }
}

TEST_CASE("a flood of LPIs of the highest priority loses none") {
    const auto baton = started();
    std::set<u32> sent;
    for (u32 i = 0; i < 200; i++) {
        baton->gic.configure_lpi(8192 + i, 0);
        baton->send_lpi(0, 8192 + i);
        sent.insert(8192 + i);
    }
    const auto came = taken(*baton);
    CHECK(came.size() == sent.size());
    CHECK(std::set<u32>(came.begin(), came.end()) == sent);
}

TEST_CASE("LPIs beside SPIs and SGIs: each comes, whatever makes room for what") {
    for (const bool split : {false, true}) {
        const auto baton = started(1, 2, split);
        baton->write(0, gicd_base + isenabler + 4, ~0U);
        baton->write(0, GicModel::frame(0) + sgi_base + isenabler, 0xffff);
        std::set<u32> expected;
        for (u32 i = 0; i < 10; i++) {
            baton->set_priority(0, 32 + i, static_cast<u8>(16 * (i * 3 % 10)));
            baton->gic.configure_lpi(8192 + i, static_cast<u8>(16 * (i * 7 % 10)));
            baton->set_bit(0, ispendr, 32 + i);
            baton->send_lpi(0, 8192 + i);
            baton->send_sgi(0, sgi_to(i, 0));
            expected.insert({32 + i, 8192 + i, i});
        }
        const auto first = baton->acknowledge(0); // the rest comes while it is active
        const auto came = taken(*baton);
        baton->end(0, first);
        const auto rest = taken(*baton);
        if (split) {
            baton->deactivate(0, first);
        }
        std::set<u32> all(came.begin(), came.end());
        all.insert(first);
        all.insert(rest.begin(), rest.end());
        CHECK(all == expected);
    }
}

TEST_CASE("LPIs wait while GICD_CTLR does not forward Group 1") {
    const auto baton = started();
    baton->send_lpi(0, 8192);
    baton->write(0, gicd_base, 1);
    baton->send_lpi(0, 8193);
    CHECK(baton->acknowledge(0) == spurious);
    baton->write(0, gicd_base, 2);
    CHECK(taken(*baton) == std::vector<u32>{8192, 8193});
}

TEST_CASE("a kernel that another one's kexec started finds LPIs and ITS off, on every CPU") {
    const auto baton = started(3);
    for (u32 i = 0; i < 20; i++) {
        baton->send_lpi(i % 2, 8192 + i);
    }
    baton->vgic->turn_off(baton->cpu(2));
    baton->vgic->turn_off(baton->cpu(1));
    baton->write(0, gicd_base, 0);
    for (u32 i = 0; i < 3; i++) {
        CHECK((baton->read(0, GicModel::frame(i)) & 1) == 0);
    }
    CHECK_FALSE(baton->gic.its.is_on());
    CHECK(baton->gic.its.hasty_writes == 0);
    for (u32 i = 0; i < 2; i++) {
        if (i != 0) {
            baton->vgic->turn_on(baton->cpu(i));
        }
        baton->start_guest(i);
        baton->start_lpis(i);
        CHECK(baton->acknowledge(i) == spurious);
    }
}

TEST_CASE("LPIs in use outlive a Distributor that is turned off and on while two CPUs run") {
    const auto baton = started(2);
    baton->send_lpi(0, 8192);
    baton->write(0, gicd_base, 0);
    baton->send_lpi(1, 8193);
    CHECK(baton->acknowledge(0) == spurious);
    CHECK(baton->gic.its.is_on());
    baton->write(0, gicd_base, 3);
    CHECK(taken(*baton, 0) == std::vector<u32>{8192});
    CHECK(taken(*baton, 1) == std::vector<u32>{8193});
}

TEST_CASE("what is programmed and not yet on outlives a Distributor that is turned off and on") {
    const auto baton = std::make_unique<Baton>(1, 4, true, true);
    baton->gic.configure_lpi(8192, 0xa0);
    baton->write(0, cbaser, gits_valid | its_tables, 8);
    baton->write(0, baser, gits_valid | its_tables + 0x1'0000, 8);
    baton->write(0, cbaser + 8, 64, 8);
    baton->write(0, GicModel::frame(0) + propbaser, lpi_config | 15, 8);
    baton->write(0, GicModel::frame(0) + pendbaser, lpi_pending, 8);
    baton->write(0, gicd_base, 2);
    baton->write(0, gicd_base, 0);
    baton->start_guest(0);
    CHECK(baton->read(0, cbaser, 8) == (gits_valid | its_tables));
    CHECK((baton->read(0, baser, 8) & gits_valid) != 0);
    CHECK(baton->read(0, cbaser + 8, 8) == 64);
    CHECK(baton->read(0, GicModel::frame(0) + propbaser, 8) == (lpi_config | 15));
    baton->write(0, its_base, 1);
    baton->write(0, GicModel::frame(0), 1);
    baton->send_lpi(0, 8192);
    CHECK(taken(*baton) == std::vector<u32>{8192});
}

TEST_CASE("LPIs that the guest turns off do not come any more") {
    const auto baton = started();
    for (u32 i = 0; i < 10; i++) {
        baton->send_lpi(0, 8192 + i);
    }
    baton->write(0, GicModel::frame(0), 0);
    CHECK(baton->read(0, GicModel::frame(0)) == 2);
    CHECK(baton->acknowledge(0) == spurious);
}

TEST_CASE("what a CPU that goes off has not taken goes to another") {
    const auto baton = started(3);
    baton->vgic->turn_off(baton->cpu(1));
    for (u32 i = 0; i < 10; i++) {
        baton->send_lpi(0, 8192 + i);
    }
    // Of 10 in 4 list registers the others are still the Redistributor's, for the ITS to move.
    baton->vgic->turn_off(baton->cpu(0));
    baton->take_exits();
    CHECK(taken(*baton, 2) == std::vector<u32>{8192, 8193, 8194, 8195});
    CHECK(baton->gic.has_lpis(0));
    CHECK(baton->gic.cpu(0).lpis.size() == 6);
    baton->vgic->turn_on(baton->cpu(0));
    baton->gic.cpu(0).virtual_mask = 0xff;
    baton->gic.cpu(0).group1 = true;
    CHECK(taken(*baton).size() == 6);
}

TEST_CASE("the ITS's queue and tables lie in the guest's memory, or nowhere") {
    const auto baton = started();
    CHECK(baton->gic.its.queue() == (gits_valid | its_tables));
    baton->write(0, cbaser, 0, 8);
    CHECK(baton->gic.its.queue() == (gits_valid | its_tables)); // not while it is on
    CHECK(baton->gic.its.hasty_writes == 0);
    baton->write(0, its_base, 0);
    while ((baton->read(0, its_base) >> 31) == 0) {
    }
    for (const u64 bad : {baton_memory, guest_memory.end().value - 0x1000, u64{0}}) {
        for (const u64 reg : {cbaser, baser, baser + 8}) {
            CAPTURE(reg);
            const u64 two_pages = bad | 1;
            ModelHardware::refused = 0;
            baton->write(0, reg, gits_valid | two_pages, 8);
            CHECK((baton->read(0, reg, 8) & gits_valid) == 0);
            CHECK(ModelHardware::refused == 1);
            baton->write(0, reg, two_pages);
            baton->write(0, reg + 4, gits_valid >> 32);
            CHECK((baton->read(0, reg, 8) & gits_valid) == 0);
            baton->write(0, reg, its_tables | 1);
            baton->write(0, reg + 4, gits_valid >> 32);
            CHECK((baton->read(0, reg, 8) & gits_valid) != 0);
            CHECK((baton->read(0, reg + 4) & gits_valid >> 32) != 0);
        }
    }
}

TEST_CASE("a table is as large as the hardware makes it") {
    const auto baton = started();
    baton->write(0, its_base, 0);
    while ((baton->read(0, its_base) >> 31) == 0) {
    }
    baton->gic.its.fixed_page_size = 2; // 64 KiB
    const u64 last_page = guest_memory.end().value - 0x1'0000;
    baton->write(0, baser, gits_valid | last_page, 8);
    CHECK((baton->read(0, baser, 8) & gits_valid) != 0);
    baton->write(0, baser, gits_valid | last_page | 1, 8); // two pages: of 4 KiB they would fit
    CHECK((baton->read(0, baser, 8) & gits_valid) == 0);
}

TEST_CASE("LPIs are not enabled on tables outside the guest's memory") {
    const auto baton = started();
    const u64 frame = GicModel::frame(0);
    baton->write(0, frame + propbaser, baton_memory | 15, 8);
    CHECK(baton->gic.cpu(0).propbaser == (lpi_config | 15)); // not while they are on
    baton->write(0, frame, 0);
    for (const u64 bad : {baton_memory, guest_memory.end().value - 0x1000}) {
        baton->write(0, frame + propbaser, bad | 15, 8);
        baton->write(0, frame + pendbaser, bad & ~u64{0xffff}, 8);
        CHECK(baton->gic.cpu(0).propbaser == (lpi_config | 15));
    }
    CHECK(ModelHardware::refused == 3); // the last page holds a pending table, rounded down
    baton->write(0, frame + propbaser, lpi_config | 31, 8);
    CHECK((baton->read(0, frame + propbaser) & 31) == 15);
    baton->gic.cpu(0).propbaser = baton_memory | 15; // as if the hardware had its own idea
    baton->write(0, frame, 1);
    CHECK_FALSE(baton->gic.has_lpis(0));
    baton->write(0, frame + propbaser, lpi_config | 12, 8); // no LPI in so few bits
    baton->write(0, frame, 1);
    CHECK_FALSE(baton->gic.has_lpis(0));
    baton->write(0, frame + propbaser, lpi_config | 15);
    baton->write(0, frame + propbaser + 4, 0);
    baton->write(0, frame, 1);
    CHECK(baton->gic.has_lpis(0));
}

TEST_CASE("an ITS that does not come to rest is told of, and its bases are left alone") {
    const auto baton = started();
    baton->gic.its.never_rests = true;
    baton->vgic->drain(baton->cpu(0));
    CHECK_FALSE(baton->vgic->reset_its());
    CHECK(baton->gic.its.hasty_writes == 0);
}

TEST_CASE("LPIs that cannot be turned off are told of, and their tables are known") {
    const auto baton = started(2);
    baton->gic.cpu(0).are_lpis_sticky = true;
    baton->vgic->drain(baton->cpu(0));
    baton->vgic->drain(baton->cpu(1));
    CHECK(baton->gic.hasty_writes == 0);
    CHECK(baton->vgic->gather(baton->cpu(1)));
    u32 told = 0;
    baton->vgic->retire_stuck_lpis([&](CpuId cpu, const auto& tables) {
        CHECK(cpu == CpuId{0});
        CHECK(tables.config == GuestRange{{lpi_config}, 0x1'0000 - 8192});
        CHECK(tables.pending == GuestRange{{lpi_pending}, 0x2000});
        told++;
    });
    CHECK(told == 1);
    // The next kernel gets none, on no CPU.
    for (u32 i = 0; i < 2; i++) {
        CHECK(baton->vgic->take_down(baton->cpu(i)) == (i == 1));
        baton->vgic->turn_on(baton->cpu(i));
        CHECK((baton->read(i, GicModel::frame(i) + 8) & 1) == 0);
        baton->write(i, GicModel::frame(i) + propbaser, lpi_config | 15, 8);
        baton->write(i, GicModel::frame(i), 1);
        CHECK(baton->read(i, GicModel::frame(i)) == 0);
    }
    CHECK_FALSE(baton->gic.has_lpis(1));
    CHECK((baton->read(0, gicd_base + 4) & 0x2'0000) == 0);
    CHECK_FALSE(baton->vgic->mmio_read(baton->cpu(0), {its_base}, 4).has_value());
    CHECK(baton->gic.cpu(0).propbaser == (lpi_config | 15));
}

TEST_CASE("LPIs that were on when Baton began are turned off, or Baton does not begin") {
    for (const bool sticky : {false, true}) {
        GicModel gic{1, 4};
        ModelHardware::current = &gic;
        gic.cpu(0).gicr_ctlr = 1;
        gic.cpu(0).propbaser = baton_memory | 15;
        gic.cpu(0).are_lpis_sticky = sticky;
        std::atomic<u32> control{0};
        VirtualRedistributor<ModelHardware> redistributor;
        redistributor.attach({gicr_base}, bit_of(kick_sgi), 0xf8, control, 16);
        const auto done = redistributor.bring_up(bit_of(kick_sgi));
        CHECK(done == (sticky ? std::unexpected(Error::unsupported) : Result<>{}));
        CHECK((gic.cpu(0).propbaser == 0) == !sticky);
    }
}
