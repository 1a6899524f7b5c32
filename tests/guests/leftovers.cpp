// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guests/leftovers.hpp"

#include "guest-api/guest/fdt.hpp"
#include "guest-api/guest/gic.hpp"
#include "tests/guests/cluster.hpp"
#include "tests/guests/rtc.hpp"

namespace baton::guest {

namespace {

/// SPIs that no device of QEMU's virt board has.
constexpr u32 left_spis = 90, left_spi_count = 8;

constexpr u32 pending_sgi = 5, served_sgis = 6, served_sgi_count = 6;

/// 0 without a PMU.
u32 pmu_line() {
    const auto node = Node::compatible_with("arm,armv8-pmuv3");
    return node ? node->interrupt().value_or(0) : 0;
}

/// Of a register that there are many of.
std::string_view number_of(const Register& reg) {
    constexpr std::string_view numbers =
        "[0][1][2][3][4][5][6][7][8][9][10][11][12][13][14][15][16][17][18][19][20]"
        "[21][22][23][24][25][26][27][28][29][30]";
    if (!reg.number) {
        return {};
    }
    const u32 n = *reg.number;
    return n < 10 ? numbers.substr(3 * n, 3) : numbers.substr(4 * n - 10, 4);
}

/// Of 32 INTIDs; `where` and `number` say which.
void examine_interrupts(const InterruptState& state, std::string_view where, u32 number) {
    require("no interrupt is enabled at entry", state.enabled == 0, "{} {}: {x}", where, number,
            state.enabled);
    require("no interrupt is pending at entry", state.pending == 0, "{} {}: {x}", where, number,
            state.pending);
    require("no interrupt is active at entry", state.active == 0, "{} {}: {x}", where, number,
            state.active);
    require("no interrupt has a group or priority at entry",
            state.group_1 == 0 && state.any_priority == 0, "{} {}: {x} {x}", where, number,
            state.group_1, state.any_priority);
}

} // namespace

void leave_spis() {
    // A device interrupt that no driver ever serves, as that of a PMU of an interconnect is.
    if (const auto rtc = Rtc::find()) {
        gic::set_handler(rtc->intid(), [](u32) {});
        gic::route(rtc->intid(), this_cpu());
        gic::enable(rtc->intid());
        rtc->open();
        rtc->raise();
    }
    for (u32 i = 0; i < left_spi_count; i++) {
        const u32 spi = left_spis + i;
        gic::set_edge(spi, true);
        gic::route(spi, cpus()[i % cpus().size()]);
        if (i % 4 == 1) {
            gic::route_to_any(spi);
        }
        gic::set_priority(spi, static_cast<u8>(0x10 * i));
        if (i % 4 == 3) {
            gic::set_active(spi);
            continue;
        }
        gic::set_handler(spi, [](u32) {});
        gic::enable(spi);
        gic::set_pending(spi);
    }
}

std::bitset<max_registers> leave_everything() {
    // SGIs in service, each preempting the one before it: more than there are list registers. One
    // more is pending behind them.
    gic::enable(pending_sgi);
    for (u32 i = 0; i < served_sgi_count; i++) {
        const u32 sgi = served_sgis + i;
        gic::set_priority(sgi, static_cast<u8>(0x80 - 0x10 * i));
        gic::enable(sgi);
        gic::send_sgi(sgi, this_cpu());
        wait_until(10, [sgi] { return read_raw<ICC_HPPIR1_EL1>() == sgi; });
        (void)gic::acknowledge();
    }
    gic::send_sgi(pending_sgi, this_cpu());

    for (const u32 line : {PhysicalTimer::intid(), VirtualTimer::intid(), pmu_line(),
                           cluster_line(cluster_of(this_cpu())).value_or(0)}) {
        if (line != 0) {
            gic::enable(line);
        }
    }
    leave_cluster();
    if (option("light")) {
        PhysicalTimer::arm_in_us(0);
        VirtualTimer::arm_in_us(0);
        return {};
    }
    return fill_registers();
}

void examine_entry(const Cpu& cpu, const Generation& cold) {
    const EntryState& entry = cpu.entry;
    require("entered at EL1", entry.current_el == CurrentEL::EL1.value, "CPU {}", cpu.index);
    require("entered with DAIF masked", entry.daif == 0x3c0, "CPU {}: {x}", cpu.index, entry.daif);
    require("entered with MMU and caches off",
            (entry.sctlr & (SCTLR_EL1::M | SCTLR_EL1::C).value) == 0, "CPU {}: {x}", cpu.index,
            entry.sctlr);
    examine_interrupts(cpu.entered_interrupts, "CPU", cpu.index);
    if (option("light")) {
        return;
    }
    const EntryRecord& record = entry_record(cpu);
    for (usize i = 0; const Register& reg : registers()) {
        const u64 found = record.values[i];
        const u64 expected = reg.entry.value_or(cold.registers[i]) & reg.defined;
        require("a register is as it is to be found",
                !record.present[i] || found == expected || !above_baton(),
                "CPU {}: {}{} = {x}, expected {x}", cpu.index, reg.name, number_of(reg), found,
                expected);
        require("a register is as after a cold boot", found == cold.registers[i],
                "CPU {}: {}{} = {x}, first {x}", cpu.index, reg.name, number_of(reg), found,
                cold.registers[i]);
        i++;
    }
}

void examine_aps() {
    for (const Cpu& cpu : enabled()) {
        if (&cpu != &this_cpu()) {
            examine_interrupts(gic::own_interrupts(cpu), "AP", cpu.index);
        }
    }
}

void examine_silence() {
    const auto listen = [] {
        std::bitset<gic::first_spi> opened;
        for (u32 intid = 0; intid < gic::first_spi; intid++) {
            opened[intid] = !gic::is_enabled(intid);
            gic::enable(intid); // without a handler: to come is to fail
        }
        pause_for(1);
        for (u32 intid = 0; intid < gic::first_spi; intid++) {
            if (opened[intid]) {
                gic::disable(intid);
            }
        }
    };
    const auto for_each_left = [](void (*function)(u32)) {
        for (u32 i = 0; i < left_spi_count; i++) {
            function(left_spis + i);
        }
        for (u32 cluster = 0; const auto line = cluster_line(cluster); cluster++) {
            function(*line);
        }
    };
    for_each_left(gic::enable);
    run_on_all("nothing is heard", listen);
    for_each_left(gic::disable);
}

void examine_device_line(bool was_left) {
    static std::atomic<u32> served;
    const auto rtc = Rtc::find();
    if (!rtc || !was_left) {
        return;
    }
    const u32 intid = rtc->intid();
    require("a device's line is up as it was left", rtc->is_raised() && gic::is_pending(intid));
    gic::set_handler(intid, [](u32) {
        Rtc::find()->lower();
        served++;
    });
    gic::route(intid, this_cpu());
    gic::enable(intid);
    require("a device's interrupt comes when the kernel wants it",
            wait_until(patience(), [] { return served != 0; }));
    gic::disable(intid);
    rtc->close();
}

void print_entry(const Cpu& cpu) {
    const EntryRecord& record = entry_record(cpu);
    for (usize i = 0; const Register& reg : registers()) {
        if (record.present[i]) {
            print("entry: CPU {}: {}{} = {x}\n", cpu.index, reg.name, number_of(reg),
                  record.values[i]);
        }
        i++;
    }
}

void print_filled(const std::bitset<max_registers>& filled) {
    for (usize i = 0; const Register& reg : registers()) {
        if (filled[i++]) {
            print("filled: {}{}\n", reg.name, number_of(reg));
        }
    }
}

void examine_spis() {
    constexpr u32 enabled_groups = 0b11;
    require("GICD_CTLR has no group on at entry", (gic::control_at_entry() & enabled_groups) == 0,
            "{x}", gic::control_at_entry());
    const auto rtc = Rtc::find();
    for (u32 block = 1; block < gic::interrupt_count() / 32; block++) {
        InterruptState state = gic::spis_at_entry(block);
        if (rtc && rtc->intid() / 32 == block && rtc->is_raised()) {
            state.pending &= ~(1U << rtc->intid() % 32); // its line is up: no reset of the GIC's
        }
        examine_interrupts(state, "SPIs from", block * 32);
    }
    if (option("light") || !above_baton()) {
        return;
    }
    for (u32 spi = gic::first_spi; spi < gic::interrupt_count(); spi++) {
        require("every SPI is routed to the boot CPU at entry",
                gic::is_routed_here(spi) || !gic::is_ours(spi), "{}", spi);
    }
}

} // namespace baton::guest
