// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guests/intruder_gic.hpp"

#include "arch/arm64/mmio.hpp"
#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/smp.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

constexpr u8 urgent = 0x20;
/// The library's own has a handler, and wakes this VM's CPUs.
constexpr u32 sgis = wake_sgi;

struct ICC_ASGI1R_EL1 : SystemRegister<ICC_ASGI1R_EL1, 3, 0, 12, 11, 6> {};

enum class Gicd32 : u64 { SETSPI_NSR = 0x40, CLRSPI_NSR = 0x48 };
enum class Gicr32 : u64 {
    CTLR = 0x00,
    WAKER = 0x14,
    SYNCR = 0xc0,
    ISENABLER0 = 0x1'0100,
    ISPENDR0 = 0x1'0200,
    ISACTIVER0 = 0x1'0300,
    IPRIORITYR = 0x1'0400,
    ICFGR1 = 0x1'0c04,
};
/// Those that set, clear and invalidate LPIs are there where a GIC has LPIs without an ITS, or lets
/// them be invalidated (IHI 0069, 12.11).
enum class Gicr64 : u64 {
    TYPER = 0x08,
    SETLPIR = 0x40,
    CLRLPIR = 0x48,
    PROPBASER = 0x70,
    PENDBASER = 0x78,
    INVLPIR = 0xa0,
    INVALLR = 0xb0,
};
enum class GicdTyper : u64 { TYPER = 0x04 };
constexpr u32 GICD_TYPER_LPIS = 1 << 17;
constexpr u64 GICR_TYPER_PLPIS = 1;
constexpr u32 EnableLPIs = 1;
constexpr u32 first_lpi = 8192;
using Redistributor = arm64::Mmio<Gicr32, Gicr64>;
constexpr u64 redistributor_size = 128 * KiB;

PhysRange frames(unsigned at) { return *Node::compatible_with("arm,gic-v3")->reg(at); }

void reach_for_spi(u32 spi) {
    const arm64::Mmio<Gicd32> distributor{frames(0).begin};
    gic::set_priority(spi, urgent);
    gic::set_group(spi, 0);
    gic::set_edge(spi, true);
    gic::route(spi, this_cpu());
    gic::enable(spi);
    gic::set_active(spi);
    gic::set_pending(spi);
    distributor.write(Gicd32::SETSPI_NSR, spi);
    require("an SPI of another VM's reads as 0",
            !gic::is_enabled(spi) && !gic::is_pending(spi) && !gic::is_active(spi) &&
                !gic::is_edge(spi) && gic::priority(spi) == 0 && gic::route_of(spi) == 0 &&
                gic::group(spi) == 0,
            "{}", spi);
    distributor.write(Gicd32::CLRSPI_NSR, spi);
    gic::clear_pending(spi);
    gic::clear_active(spi);
    gic::route_to_any(spi);
    gic::disable(spi);
}

bool names_interrupt(const Node& node, u32 intid) {
    for (unsigned i = 0; const auto found = node.interrupt(i); i++) {
        if (*found == intid) {
            return true;
        }
    }
    for (auto child = node.first_child(); child; child = child->next_sibling()) {
        if (names_interrupt(*child, intid)) {
            return true;
        }
    }
    return false;
}

void reach_for_redistributor(PhysAddr frame) {
    const Redistributor it{frame};
    const Fault fault = fault_of([&] {
        it.write(Gicr32::ISENABLER0, ~u32{0});
        it.write(Gicr32::ISPENDR0, ~u32{0});
        it.write(Gicr32::ISACTIVER0, ~u32{0});
        it.write(Gicr32::ICFGR1, ~u32{0});
        for (u64 offset = 0; offset < gic::first_spi; offset += 4) {
            it.write(Gicr32::IPRIORITYR, ~u32{0}, offset);
        }
        it.write(Gicr64::PROPBASER, platform().image.begin.value | 0xf);
        it.write(Gicr64::PENDBASER, platform().image.begin.value);
        it.write(Gicr32::CTLR, EnableLPIs);
        it.write(Gicr32::WAKER, 2); // asleep
    });
    require("a frame of another VM's CPU takes accesses", !fault.taken, "{x}", frame.value);
    u32 any = it.read(Gicr32::ISENABLER0) | it.read(Gicr32::ISPENDR0) |
              it.read(Gicr32::ISACTIVER0) | it.read(Gicr32::ICFGR1) | (it.read(Gicr32::CTLR) & 1);
    for (u64 offset = 0; offset < gic::first_spi; offset += 4) {
        any |= it.read(Gicr32::IPRIORITYR, offset);
    }
    const u64 tables = it.read(Gicr64::PROPBASER) | it.read(Gicr64::PENDBASER);
    require("and all of it reads as 0", any == 0 && tables == 0, "{x}: {x} {x}", frame.value, any,
            tables);
}

void reach_for_lpis_of(PhysAddr frame) {
    const Redistributor it{frame};
    // Tables in this VM's own memory, and where no memory of it is.
    for (const u64 table : {platform().image.begin.value, u64{GiB}}) {
        const Fault fault = fault_of([&] {
            it.write(Gicr64::PROPBASER, table | 0xf);
            it.write(Gicr64::PENDBASER, table);
            it.write(Gicr32::CTLR, EnableLPIs);
            for (const u64 lpi : {first_lpi, first_lpi + 1}) {
                it.write(Gicr64::SETLPIR, lpi);
                it.write(Gicr64::INVLPIR, lpi);
                it.write(Gicr64::CLRLPIR, lpi);
            }
            it.write(Gicr64::INVALLR, 0);
        });
        require("a frame without LPIs takes accesses", !fault.taken, "{x}", frame.value);
        const u64 tables = it.read(Gicr64::PROPBASER) | it.read(Gicr64::PENDBASER);
        const u32 state = (it.read(Gicr32::CTLR) & EnableLPIs) | it.read(Gicr32::SYNCR);
        require("LPIs cannot be turned on without an ITS", tables == 0 && state == 0,
                "{x}: {x} {x}", frame.value, tables, state);
    }
    require("a Redistributor has no LPIs without an ITS",
            (it.read(Gicr64::TYPER) & GICR_TYPER_PLPIS) == 0, "{x}", frame.value);
}

} // namespace

u32 reach_for_spis() {
    u32 foreign = 0;
    for (u32 spi = gic::first_spi; spi < gic::interrupt_count(); spi++) {
        if (!gic::is_ours(spi)) {
            reach_for_spi(spi);
            foreign++;
        }
    }
    return foreign;
}

void examine_own_spis() {
    const auto root = Node::at_path("/");
    u32 ours = 0, unnamed = 0;
    for (u32 spi = gic::first_spi; spi < gic::interrupt_count(); spi++) {
        if (gic::is_ours(spi)) {
            ours++;
            unnamed += !names_interrupt(*root, spi);
        }
    }
    print("guest: intruder: {} SPIs are its own\n", ours);
    check("all SPIs that are this VM's are in its DTB", unnamed == 0 || option("host"),
          "{} are not", unnamed);
}

u32 reach_for_redistributors() {
    const u64 count = option_number("cpus", 8);
    u32 foreign = 0;
    for (u64 i = 0; i < count; i++) {
        const PhysAddr frame = frames(1).begin + i * redistributor_size;
        if (std::ranges::none_of(cpus(),
                                 [&](const Cpu& cpu) { return cpu.redistributor == frame; })) {
            reach_for_redistributor(frame);
            foreign++;
        }
    }
    return foreign;
}

u32 reach_for_lpis() {
    if (Node::compatible_with("arm,gic-v3-its")) {
        return 0;
    }
    const arm64::Mmio<GicdTyper> distributor{frames(0).begin};
    require("the Distributor has no LPIs without an ITS",
            (distributor.read(GicdTyper::TYPER) & GICD_TYPER_LPIS) == 0);
    const u64 count = option_number("cpus", 8);
    for (u64 i = 0; i < count; i++) {
        reach_for_lpis_of(frames(1).begin + i * redistributor_size);
    }
    return static_cast<u32>(count);
}

void send_foreign_sgis(u64 affinities) {
    const auto broadcast = [](u32 sgi) { return ICC_SGI1R_EL1::IRM.value | u64{sgi} << 24; };
    for (u32 sgi = 0; sgi < sgis; sgi++) {
        for (u64 affinity = 0; affinity < affinities; affinity++) {
            if (!is_own_affinity(affinity)) {
                const u64 to = u64{sgi} << 24 | affinity / 16 << 44 | u64{1} << affinity % 16;
                write_raw<ICC_SGI1R_EL1>(to);
                write_raw<ICC_SGI0R_EL1>(to);
                (void)fault_of([&] { write_raw<ICC_ASGI1R_EL1>(to); });
            }
        }
        // Lists and broadcasts have this VM's CPUs too: there these SGIs are off.
        gic::send_sgi_list(sgi, this_cpu(), 0xffff);
        write_raw<ICC_SGI1R_EL1>(broadcast(sgi));
        write_raw<ICC_SGI0R_EL1>(broadcast(sgi));
        (void)fault_of([&] { write_raw<ICC_ASGI1R_EL1>(broadcast(sgi)); });
    }
    isb();
    // One that the canary's library has, to its CPUs alone.
    for (u64 affinity = 0; affinity < affinities; affinity++) {
        if (!is_own_affinity(affinity)) {
            write_raw<ICC_SGI1R_EL1>(u64{wake_sgi} << 24 | affinity / 16 << 44 |
                                     u64{1} << affinity % 16);
        }
    }
    isb();
}

} // namespace baton::guest
