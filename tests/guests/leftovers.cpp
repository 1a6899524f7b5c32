// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guests/leftovers.hpp"

#include "guest-api/guest/gic.hpp"

namespace baton::guest {

namespace {

/// SPIs that no device of QEMU's virt board has.
constexpr u32 left_spis = 90, left_spi_count = 8;

constexpr u32 pending_sgi = 5, served_sgi = 6;

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
    for (u32 i = 0; i < left_spi_count; i++) {
        const u32 spi = left_spis + i;
        gic::set_edge(spi, true);
        gic::route(spi, cpus()[i % cpus().size()]);
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

void leave_everything() {
    // One SGI in service and one pending behind it.
    gic::set_priority(served_sgi, 0x40);
    for (const u32 sgi : {served_sgi, pending_sgi}) {
        gic::enable(sgi);
        gic::send_sgi(sgi, this_cpu());
    }
    wait_until(10, [] { return read_raw<ICC_HPPIR1_EL1>() != gic::spurious; });
    (void)gic::acknowledge();

    for (const u32 timer : {PhysicalTimer::intid(), VirtualTimer::intid()}) {
        gic::enable(timer);
    }
    PhysicalTimer::arm_in_us(0);
    VirtualTimer::arm_in_us(0);
    for (const ResetRegister& reg : reset_registers()) {
        if (!reg.name.starts_with("CNTP_") && !reg.name.starts_with("CNTV_")) {
            reg.write(reg.dirty);
        }
    }
    isb();
}

void examine_entry(const Cpu& cpu, const Generation& cold) {
    const EntryState& entry = cpu.entry;
    require("entered at EL1", entry.current_el == CurrentEL::EL1.value, "CPU {}", cpu.index);
    require("entered with DAIF masked", entry.daif == 0x3c0, "CPU {}: {x}", cpu.index, entry.daif);
    require("entered with MMU and caches off",
            (entry.sctlr & (SCTLR_EL1::M | SCTLR_EL1::C).value) == 0, "CPU {}: {x}", cpu.index,
            entry.sctlr);
    for (usize i = 0; const ResetRegister& reg : reset_registers()) {
        require("a register is as after a cold boot", cpu.record.registers[i] == cold.registers[i],
                "CPU {}: {} = {x}, expected {x}", cpu.index, reg.name, cpu.record.registers[i],
                cold.registers[i]);
        i++;
    }
    examine_interrupts(cpu.record.own_interrupts, "CPU", cpu.index);
}

void examine_spis() {
    constexpr u32 enabled_groups = 0b11;
    require("GICD_CTLR has no group on at entry", (gic::control_at_entry() & enabled_groups) == 0,
            "{x}", gic::control_at_entry());
    for (u32 block = 1; block < gic::interrupt_count() / 32; block++) {
        examine_interrupts(gic::spis_at_entry(block), "SPIs from", block * 32);
    }
}

} // namespace baton::guest
