// SPDX-License-Identifier: BSD-2-Clause
#include "gic_handover.hpp"

#include <map>
#include <random>
#include <string>

using namespace model;

namespace {

/// The physical priority of an interrupt that is not enabled does not matter.
GicModel::Interrupt without_priority(GicModel::Interrupt interrupt) {
    interrupt.priority = interrupt.enabled ? interrupt.priority : 0;
    return interrupt;
}

bool is_silent(Baton& baton, u64 bank) {
    for (u32 reg = 0x80; reg < 0x400; reg += 0x80) {
        if (baton.read(0, bank + reg) != 0) {
            return false;
        }
    }
    return true;
}

/// What of a guest's is left, whatever CPU looks; empty: nothing.
std::string leftover(Baton& baton, u32 boot) {
    const Baton cold{baton.gic.cpu_count()};
    ModelHardware::current = &baton.gic;
    auto& fresh = const_cast<GicModel&>(cold.gic);
    const auto is_cold = [&](u32 cpu, u32 intid) {
        return without_priority(baton.gic.at(cpu, intid)) == without_priority(fresh.at(cpu, intid));
    };
    for (u32 i = 0; i < baton.gic.cpu_count(); i++) {
        const GicModel::Cpu& cpu = baton.gic.cpu(i);
        for (u32 intid = 0; intid < 32; intid++) {
            if (!is_cold(i, intid)) {
                return "an SGI or PPI";
            }
        }
        if (cpu.mask != mask_guest || cpu.hcr != 0 || !cpu.running.empty()) {
            return "a CPU interface";
        }
        if ((cpu.gicr_ctlr & gicr_ctlr::DPG1NS) == 0) {
            return "a taker of 1-of-N SPIs";
        }
        if (baton.gic.has_lpis(i) || (cpu.propbaser | cpu.pendbaser) != 0 || !cpu.lpis.empty()) {
            return "LPIs";
        }
    }
    if (!baton.gic.its.is_cold() || baton.gic.its.hasty_writes != 0) {
        return "an ITS";
    }
    for (u32 intid = 32; intid < spi_end; intid++) {
        if (!is_cold(0, intid)) {
            return "an SPI";
        }
        if (baton.gic.route(intid) != GicModel::affinity(boot)) {
            return "a route";
        }
    }
    for (u32 bank = 0; bank < spi_end / 32; bank++) {
        if (!is_silent(baton, gicd_base + 4 * bank)) {
            return "what the guest sees of SPIs";
        }
        for (u32 byte = 0; byte < 32; byte += 4) {
            if (baton.read(0, gicd_base + 0x400 + 32 * bank + byte) != 0) {
                return "a priority of an SPI";
            }
        }
    }
    for (u32 i = 0; i < baton.gic.cpu_count(); i++) {
        if (!is_silent(baton, GicModel::frame(i) + sgi_base)) {
            return "what the guest sees of SGIs and PPIs";
        }
        for (u32 byte = 0; byte < 32; byte += 4) {
            if (baton.read(0, GicModel::frame(i) + sgi_base + 0x400 + byte) != 0) {
                return "a priority of an SGI or PPI";
            }
        }
        if (baton.read(0, GicModel::frame(i) + 0x14) != 6) {
            return "GICR_WAKER";
        }
    }
    return baton.read(0, gicd_base) == 0x50 ? "" : "GICD_CTLR";
}

/// What a kernel reads in every register that Baton writes, by address. Of the interrupts that are
/// Baton's, none.
template <class Read>
std::map<u64, u64> registers(u32 cpus, Read read) {
    std::map<u64, u64> values;
    const auto note = [&](u64 address, u32 size, u64 mask = ~u64{0}) {
        values[address] = read(address, size) & mask;
    };
    const auto banks = [&](u64 frame, u32 first, u32 end, u32 hidden) {
        for (u32 bank = first; bank < end; bank++) {
            for (const u32 reg : {0x80U, isenabler, ispendr, isactiver}) {
                note(frame + reg + 4 * bank, 4, ~hidden);
            }
            note(frame + 0xc00 + 8 * bank, 4);
            note(frame + 0xc04 + 8 * bank, 4, hidden != 0 ? 0x0000'ffff : ~0U);
            for (u32 byte = 0; byte < 32; byte++) {
                if ((hidden >> byte & 1) == 0) {
                    note(frame + 0x400 + 32 * bank + byte, 1);
                }
            }
        }
    };
    banks(gicd_base, 1, spi_end / 32, 0);
    for (u32 cpu = 0; cpu < cpus; cpu++) {
        // The SGI that kicks is Baton's in hardware, but the guest has one of its own.
        banks(GicModel::frame(cpu) + sgi_base, 0, 1, 0xff00'0000);
        note(GicModel::frame(cpu), 4, ~u64{gicr_ctlr::DPG1NS});
        note(GicModel::frame(cpu) + 0x14, 4);
        note(GicModel::frame(cpu) + 0x70, 8);
        note(GicModel::frame(cpu) + 0x78, 8);
    }
    for (const u64 offset : {0x80, 0x88, 0x90, 0x100, 0x108}) { // vPEs' table is hidden
        note(its_base + offset, 8);
    }
    note(its_base, 4);
    return values;
}

class Life {
  public:
    explicit Life(u32 seed) : random_{seed} {}

    u32 below(u32 n) { return static_cast<u32>(random_() % n); }

    /// Of a guest: every kind of interrupt in every state, by chance.
    void live(Baton& baton) {
        const u32 cpus = baton.gic.cpu_count();
        for (u32 i = 0; i < cpus; i++) {
            baton.start_guest(i, below(2) != 0);
            baton.start_lpis(i);
            baton.write(i, GicModel::frame(i) + sgi_base + isenabler, random_());
            baton.write(i, GicModel::frame(i) + 0x14, 0);
            for (u32 byte = 0; byte < 32; byte += 4) {
                baton.write(i, GicModel::frame(i) + sgi_base + 0x400 + byte, random_());
            }
        }
        for (u32 bank = 1; bank < spi_end / 32; bank++) {
            baton.write(0, gicd_base + isenabler + 4 * bank, random_());
            baton.write(0, gicd_base + 0xc00 + 8 * bank, random_());
        }
        for (u32 intid = 32; intid < spi_end; intid++) {
            baton.set_priority(0, intid, static_cast<u8>(random_()));
            if (below(2) != 0) {
                baton.write(0, gicd_base + 0x6000 + 8 * intid, GicModel::affinity(below(cpus)), 8);
            }
        }
        for (u32 n = 0; n < 100; n++) {
            const u32 cpu = below(cpus);
            baton.set_bit(cpu, below(8) == 0 ? isactiver : ispendr, below(spi_end));
            baton.send_sgi(cpu, sgi_to(below(16), GicModel::affinity(below(cpus))));
            baton.gic.configure_lpi(8192 + n, static_cast<u8>(random_()));
            baton.send_lpi(below(cpus), 8192 + below(n + 1));
            const u32 intid = baton.acknowledge(cpu);
            if (intid != spurious && below(2) != 0) {
                baton.end(cpu, intid);
            }
        }
    }

  private:
    std::mt19937 random_;
};

/// What the next kernel finds wrong when its CPUs start; empty: nothing.
std::string wrong_at_start(Baton& baton) {
    for (u32 i = 0; i < baton.gic.cpu_count(); i++) {
        baton.vgic->turn_on(baton.cpu(i));
        if (baton.gic.cpu(i).mask != mask_nothing ||
            (baton.gic.cpu(i).gicr_ctlr & ~gicr_ctlr::EnableLPIs) != 0) {
            return "interrupts do not come in";
        }
        if (baton.acknowledge(i) != spurious) {
            return "an interrupt comes";
        }
        if (baton.read(i, GicModel::frame(i) + sgi_base + isactiver) != 0) {
            return "an interrupt is active";
        }
    }
    return {};
}

} // namespace

TEST_CASE("after a handover the next kernel finds the GIC as after a cold boot") {
    Life life{1};
    for (u32 round = 0; round < 20; round++) {
        CAPTURE(round);
        const u32 cpus = 1 + life.below(4);
        Baton baton{cpus, 4, true, true};
        const u32 boot = life.below(cpus);
        for (u32 kernel = 0; kernel < 2; kernel++) {
            life.live(baton);
            const u32 off = kernel == 0 ? cpus : (boot + 1) % cpus;
            if (off != boot && off < cpus) {
                turn_off(baton, off);
                baton.send_sgi(boot, sgi_to_all_others(life.below(16)));
            }
            take_down(baton, boot, Part::none, off != boot ? off : cpus);
            CHECK(leftover(baton, boot) == "");
            CHECK(wrong_at_start(baton) == "");
        }
    }
}

TEST_CASE("what Baton has written reads as in a cold machine, whose values are its own") {
    constexpr u32 cpus = 2;
    GicModel bare{cpus, 4};
    bare.take_odd_reset_values();
    const auto cold = registers(cpus, [&](u64 address, u32 size) {
        const u64 word = bare.read(size == 1 ? address & ~u64{3} : address, size);
        return size == 1 ? word >> address % 4 * 8 & 0xff : word;
    });
    Life life{7};
    Baton baton{cpus, 4, true, true, true};
    for (u32 kernel = 0; kernel < 3; kernel++) {
        const auto seen =
            registers(cpus, [&](u64 address, u32 size) { return baton.read(0, address, size); });
        for (const auto& [address, value] : cold) {
            CAPTURE(kernel);
            CAPTURE(address);
            CHECK(seen.at(address) == value);
        }
        life.live(baton);
        take_down(baton, 0);
        for (u32 i = 0; i < cpus; i++) {
            baton.vgic->turn_on(baton.cpu(i));
        }
    }
    // So does what it gives back.
    for (u32 i = 0; i < cpus; i++) {
        baton.vgic->restore_cpu(baton.cpu(i));
    }
    baton.physical->restore_distributor();
    const auto left = registers(cpus, [&](u64 address, u32 size) {
        const u64 word = baton.gic.read(size == 1 ? address & ~u64{3} : address, size);
        return size == 1 ? word >> address % 4 * 8 & 0xff : word;
    });
    CHECK(left == cold);
}

TEST_CASE("each part of a handover is needed") {
    for (u32 part = 0; part < static_cast<u32>(Part::none); part++) {
        CAPTURE(part);
        Life life{part};
        bool noticed = false;
        for (u32 round = 0; round < 50 && !noticed; round++) {
            Baton baton{4, 4, true, true};
            const u32 boot = life.below(4);
            life.live(baton);
            // Where no CPU is off, none has its LPIs turned off by another.
            const u32 off = static_cast<Part>(part) == Part::lpis ? 4 : (boot + 1) % 4;
            if (off != 4) {
                turn_off(baton, off);
            }
            baton.send_sgi(boot, sgi_to_all_others(life.below(16)));
            take_down(baton, boot, static_cast<Part>(part), off);
            try {
                noticed = leftover(baton, boot) != "" || wrong_at_start(baton) != "";
            } catch (const std::logic_error&) {
                noticed = true; // the model's own: what no GIC allows
            }
        }
        CHECK(noticed);
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

TEST_CASE("interrupts lose their state only when their disabling has taken effect") {
    Baton baton{2};
    for (u32 i = 0; i < 2; i++) {
        baton.start_guest(i);
        baton.write(i, GicModel::frame(i) + sgi_base + isenabler, ~0U);
        baton.write(i, GicModel::frame(i) + sgi_base + ispendr, ~0U);
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
            const u64 route = intid % 5 == 4 ? to_any : GicModel::affinity(intid % 5);
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
            CHECK(baton.gic.route(intid) == GicModel::affinity(boot));
        }
        CHECK((baton.gic.cpu(lost).gicr_ctlr & gicr_ctlr::DPG1NS) != 0);
        lost = boot; // the next life has another boot CPU, and loses the CPU that SPIs went to
        boot = (boot + 1) % 4;
    }
}
