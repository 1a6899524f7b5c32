// SPDX-License-Identifier: BSD-2-Clause
//
// Several vCPUs write to the same registers of the GIC at once. Whatever comes of it, what Baton
// keeps of a register and the hardware say the same, and a handover leaves nothing of it.

#include "gic_baton.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <random>

using namespace model;

namespace {

constexpr u64 cbaser = its_base + 0x80, cwriter = its_base + 0x88, baser = its_base + 0x100;
constexpr u64 propbaser = 0x70, pendbaser = 0x78;
constexpr u32 cpus = 2;

using Random = std::mt19937;
using Write = std::function<void(Baton&, u32 cpu, Random&)>;

void put(Baton& baton, u32 cpu, u64 address, u64 value, u32 size = 4) {
    baton.vgic->mmio_write(baton.cpu(cpu), {address}, size, value);
}

// A trapped write of each kind, of any CPU's registers.

void its_registers(Baton& baton, u32 cpu, Random& random) {
    switch (random() % 6) {
    case 0:
        return put(baton, cpu, cbaser, gits_valid | its_tables, 8);
    case 1:
        return put(baton, cpu, baser + 8 * (random() % 2), gits_valid | its_tables + 0x1'0000, 8);
    case 2:
        return put(baton, cpu, cwriter, random() % 64 * 32, 8);
    case 3:
        return put(baton, cpu, cbaser + 4, random());
    default:
        return put(baton, cpu, its_base, random() % 2);
    }
}
void lpi_registers(Baton& baton, u32 cpu, Random& random) {
    const u64 frame = GicModel::frame(random() % cpus);
    switch (random() % 4) {
    case 0:
        return put(baton, cpu, frame + propbaser, (lpi_config + random() % 2 * 0x10'0000) | 15, 8);
    case 1:
        return put(baton, cpu, frame + pendbaser, lpi_pending, 8);
    default:
        return put(baton, cpu, frame, random() % 2);
    }
}
void distributor_control(Baton& baton, u32 cpu, Random& random) {
    put(baton, cpu, gicd_base, random() % 4);
}
void routes(Baton& baton, u32 cpu, Random& random) {
    const u64 router = gicd_base + 0x6000 + 8 * (32 + random() % 4);
    put(baton, cpu, router, GicModel::affinity(random() % cpus), random() % 4 == 0 ? 4 : 8);
}
/// The bank registers of SPIs, or of a CPU's PPIs.
void banks(Baton& baton, u32 cpu, Random& random) {
    const bool spis = random() % 2 != 0;
    const u64 frame = spis ? gicd_base : GicModel::frame(random() % cpus) + sgi_base;
    const u32 bank = spis ? 1 : 0;
    switch (random() % 8) {
    case 0:
        return put(baton, cpu, frame + 0x400 + 32 * bank + 16 + random() % 16, random(), 1);
    case 1:
        return put(baton, cpu, frame + 0xc04 + 8 * bank, random());
    case 2:
        return put(baton, cpu, frame + 0x80 + 4 * bank, random());
    case 3:
    case 4:
        return put(baton, cpu, frame + icenabler + 4 * bank, random());
    default:
        return put(baton, cpu, frame + isenabler + 4 * bank, random());
    }
}

/// What each thread does, some thousand times and at once.
void at_once(const std::vector<std::function<void(Random&)>>& parts) {
    std::vector<std::thread> threads;
    for (u32 i = 0; i < parts.size(); i++) {
        threads.emplace_back([&parts, i] {
            Random random{i};
            for (u32 n = 0; n < 3000; n++) {
                parts[i](random);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}
void write_at_once(Baton& baton, const std::vector<Write>& kinds) {
    std::vector<std::function<void(Random&)>> parts;
    for (u32 cpu = 0; cpu < cpus; cpu++) {
        parts.emplace_back([&baton, &kinds, cpu](Random& random) {
            kinds[random() % kinds.size()](baton, cpu, random);
        });
    }
    at_once(parts);
}

/// What the guest is told of an interrupt is what the hardware does, of priorities only while it
/// is enabled.
bool agrees(Baton& baton, u32 cpu, u32 intid) {
    const u64 frame = intid < 32 ? GicModel::frame(cpu) + sgi_base : gicd_base;
    const u32 bank = bank_of(intid);
    const bool group1 = (baton.read(cpu, frame + 0x80 + 4 * bank) & bit_of(intid)) != 0;
    const bool forwarded = (baton.read(cpu, gicd_base) & (group1 ? 2 : 1)) != 0;
    const bool enabled = (baton.read(cpu, frame + isenabler + 4 * bank) & bit_of(intid)) != 0;
    const bool edge =
        (baton.read(cpu, frame + 0xc00 + intid / 16 * 4) >> (intid % 16 * 2 + 1) & 1) != 0;
    const u8 priority = static_cast<u8>(baton.read(cpu, frame + 0x400 + intid, 1));
    const GicModel::Interrupt& physical = baton.gic.at(cpu, intid);
    return physical.enabled == (enabled && forwarded) && physical.edge == edge &&
           (!physical.enabled || physical.priority == (to_physical_priority(priority) & 0xf8));
}
void check_agreement(Baton& baton) {
    for (u32 cpu = 0; cpu < cpus; cpu++) {
        for (u32 intid = 16; intid < 64; intid++) {
            CAPTURE(intid);
            if (intid < maintenance_ppi || intid > 28) { // those are Baton's
                CHECK(agrees(baton, cpu, intid));
            }
        }
    }
}

/// A handover that finds all CPUs where `at_once` has left them.
void hand_over(Baton& baton) {
    for (u32 cpu = 0; cpu < cpus; cpu++) {
        baton.vgic->drain(baton.cpu(cpu));
    }
    CHECK(baton.vgic->gather(baton.cpu(0)));
    CHECK(baton.gic.its.is_cold());
    for (u32 cpu = 0; cpu < cpus; cpu++) {
        CHECK_FALSE(baton.gic.has_lpis(cpu));
        CHECK(baton.vgic->take_down(baton.cpu(cpu)));
        CHECK((baton.gic.cpu(cpu).propbaser | baton.gic.cpu(cpu).pendbaser) == 0);
        for (u32 intid = 16; intid < spi_end; intid++) {
            CAPTURE(intid);
            CHECK(baton.gic.at(cpu, intid).enabled ==
                  (intid == maintenance_ppi || intid == hyp_timer_ppi));
            CHECK_FALSE(baton.gic.at(cpu, intid).edge);
        }
    }
    for (u32 intid = 32; intid < spi_end; intid++) {
        CHECK(baton.gic.route(intid) == GicModel::affinity(0));
    }
}

} // namespace

TEST_CASE("an ITS does not stay on over a handover, whoever wrote what at once") {
    for (u32 round = 0; round < 10; round++) {
        Baton baton{cpus, 4, true, true};
        baton.start_lpis(0);
        baton.start_lpis(1);
        write_at_once(baton, {its_registers, its_registers, distributor_control});
        hand_over(baton);
    }
}

TEST_CASE("a Redistributor's LPIs are as the hardware has them, whoever wrote what at once") {
    for (u32 round = 0; round < 10; round++) {
        Baton baton{cpus, 4, true, true};
        write_at_once(baton, {lpi_registers, lpi_registers, distributor_control});
        hand_over(baton);
    }
}

TEST_CASE("a CPU that goes off and on keeps its share of GICR_CTLR, whatever others write there") {
    Baton baton{cpus, 4, true, true};
    const auto refuses_1_of_n = [&] {
        return (baton.gic.read(GicModel::frame(0), 4) & gicr_ctlr::DPG1NS) != 0;
    };
    at_once({[&](Random&) {
                 baton.vgic->turn_off(baton.cpu(0));
                 CHECK(refuses_1_of_n());
                 baton.vgic->turn_on(baton.cpu(0));
                 CHECK_FALSE(refuses_1_of_n());
             },
             [&](Random& random) { lpi_registers(baton, 1, random); }});
}

TEST_CASE("enables, priorities and configuration are the hardware's, whoever wrote what at once") {
    for (u32 round = 0; round < 5; round++) {
        Baton baton{cpus};
        write_at_once(baton, {banks, banks, banks, distributor_control});
        check_agreement(baton);
        hand_over(baton);
    }
}

TEST_CASE("what a CPU is taken down with agrees with what another writes to it meanwhile") {
    Baton baton{cpus};
    at_once({[&](Random&) { baton.vgic->reset_own_interrupts(baton.cpu(0)); },
             [&](Random& random) { banks(baton, 1, random); }});
    check_agreement(baton);
}

TEST_CASE("every SPI goes to the boot CPU, whoever routed it where at once") {
    for (u32 round = 0; round < 10; round++) {
        Baton baton{cpus};
        write_at_once(baton, {routes});
        hand_over(baton);
    }
}

TEST_CASE("a lost CPU stops none of the others in a register that it was writing to") {
    Baton baton{cpus, 4, true, true};
    baton.start_guest(0);
    baton.start_guest(1);
    baton.start_lpis(1);
    baton.set_bit(1, isenabler, virtual_timer_ppi);
    baton.vgic->drain(baton.cpu(0));
    baton.vgic->fence(baton.cpu(1));
    CHECK(baton.vgic->gather(baton.cpu(0)));
    CHECK(baton.gic.its.is_cold());
    CHECK_FALSE(baton.gic.has_lpis(1));
    CHECK(baton.vgic->take_down(baton.cpu(0)));
    // Nor is what it was given enabled again with the next kernel's.
    baton.vgic->turn_on(baton.cpu(0));
    baton.start_guest(0);
    CHECK_FALSE(baton.gic.at(1, virtual_timer_ppi).enabled);
    // What it writes when it comes to itself is found by the next handover.
    baton.gic.write(its_base + 0x80, gits_valid | its_tables);
    baton.gic.write(its_base, 1);
    baton.vgic->drain(baton.cpu(0));
    CHECK(baton.vgic->gather(baton.cpu(0)));
    CHECK(baton.gic.its.is_cold());
}
