// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/its.hpp"

#include "arch/arm64/mmio.hpp"
#include "guest-api/guest/check.hpp"
#include "guest-api/guest/fdt.hpp"
#include "guest-api/guest/platform.hpp"
#include "guest-api/guest/timer.hpp"

#include <cstring>

namespace baton::guest::its {

namespace {

enum class Gits32 : u64 { CTLR = 0x00 };
enum class Gits64 : u64 {
    TYPER = 0x08,
    CBASER = 0x80,
    CWRITER = 0x88,
    CREADR = 0x90,
    BASER = 0x100
};
enum class Gicr32 : u64 { CTLR = 0x00 };
enum class Gicr64 : u64 { TYPER = 0x08, PROPBASER = 0x70, PENDBASER = 0x78 };
using Its = arm64::Mmio<Gits32, Gits64>;
using Redistributor = arm64::Mmio<Gicr32, Gicr64>;

constexpr u32 CTLR_Enabled = 1, CTLR_EnableLPIs = 1, CTLR_RWP = 1 << 3;
constexpr u32 CTLR_Quiescent = u32{1} << 31;
constexpr u64 Valid = u64{1} << 63, TYPER_PTA = 1 << 19, BASER_64K = 2 << 8;
constexpr u64 PENDBASER_PTZ = u64{1} << 62;
constexpr u64 type_devices = 1, type_collections = 4;
constexpr u64 frame = 64 * KiB;
constexpr u32 id_bits = 14; // of INTIDs: event_count LPIs and a few more
constexpr u32 event_bits = 12;
static_assert(event_count == 1 << event_bits);

// Where each thing is, in frames from the first: the device's translation table needs 48 KiB.
constexpr u64 queue_at = 0, devices_at = 1, collections_at = 2, events_at = 3, config_at = 4,
              pending_at = 5; ///< one for each CPU
constexpr u64 queue_size = 4 * KiB, command_size = 32;
constexpr u64 device = 0x1234;

Its the_its;
PhysAddr memory;
u64 written; ///< offset in the queue

PhysAddr place(u64 at) { return memory + at * frame; }

/// The first RAM with so much room that is not used: in no slot, and the same in each generation.
bool find_memory() {
    const u64 size = (pending_at + cpus().size()) * frame;
    for (const PhysRange& ram : platform().memory) {
        PhysRange room{{align_up(ram.begin.value, block_size) + block_size}, size};
        while (ram.contains(room) && platform().is_used(room)) {
            room.begin = room.begin + block_size;
        }
        if (ram.contains(room)) {
            memory = room.begin;
            return true;
        }
    }
    return false;
}

/// Baser n, if any, of that type.
u64 base_of_type(u64 type) {
    for (u64 n = 0; n < 8; n++) {
        if ((the_its.read(Gits64::BASER, n * 8) >> 56 & 7) == type) {
            return n;
        }
    }
    require("the ITS has the table", false, "type {}", type);
    return 0;
}

void wait_until_at_rest() {
    require("GITS_CTLR.Quiescent is set",
            wait_until(1000, [] { return (the_its.read(Gits32::CTLR) & CTLR_Quiescent) != 0; }));
}

/// One command, and a wait until the ITS has read it.
void command(u64 word0, u64 word1, u64 word2) {
    auto* const at = reinterpret_cast<volatile u64*>((place(queue_at) + written).value);
    at[0] = word0;
    at[1] = word1;
    at[2] = word2;
    at[3] = 0;
    written = (written + command_size) % queue_size;
    dsb_sy(); // the ITS reads what was written
    the_its.write(Gits64::CWRITER, written);
    require("the ITS takes the command",
            wait_until(1000, [] { return the_its.read(Gits64::CREADR) == written; }), "{x}", word0);
}

u64 target(const Cpu& cpu) {
    return (the_its.read(Gits64::TYPER) & TYPER_PTA) != 0
               ? cpu.redistributor.value
               : (Redistributor{cpu.redistributor}.read(Gicr64::TYPER) >> 8 & 0xffff) << 16;
}

} // namespace

bool find() {
    const auto node = Node::compatible_with("arm,gic-v3-its");
    const auto reg = node ? node->reg() : std::nullopt;
    if (!reg || !find_memory()) {
        return false;
    }
    the_its = Its{reg->begin};
    return true;
}

State state() {
    const u32 control = the_its.read(Gits32::CTLR);
    u64 bases = the_its.read(Gits64::CBASER);
    for (u64 n = 0; n < 8; n++) {
        bases |= the_its.read(Gits64::BASER, n * 8);
    }
    return {(control & CTLR_Enabled) != 0, (control & CTLR_Quiescent) != 0, (bases & Valid) != 0,
            static_cast<u32>(the_its.read(Gits64::BASER) >> 8 & 3)};
}

LpiState lpi_state(const Cpu& cpu) {
    const Redistributor redistributor{cpu.redistributor};
    return {redistributor.read(Gicr32::CTLR), redistributor.read(Gicr64::PROPBASER),
            redistributor.read(Gicr64::PENDBASER)};
}

Taken try_address(const Cpu& cpu, PhysAddr address) {
    const Redistributor redistributor{cpu.redistributor};
    the_its.write(Gits64::CBASER, Valid | address.value);
    the_its.write(Gits64::BASER, Valid | BASER_64K | address.value, base_of_type(type_devices) * 8);
    redistributor.write(Gicr64::PROPBASER, address.value | (id_bits - 1));
    redistributor.write(Gicr64::PENDBASER, address.value);
    constexpr u64 address_bits = 0x000f'ffff'ffff'0000;
    const auto has = [&](Gicr64 reg) {
        return (redistributor.read(reg) & address_bits) == (address.value & address_bits);
    };
    const Taken taken{(the_its.read(Gits64::CBASER) & Valid) != 0,
                      (the_its.read(Gits64::BASER, base_of_type(type_devices) * 8) & Valid) != 0,
                      has(Gicr64::PROPBASER), has(Gicr64::PENDBASER)};
    the_its.write(Gits64::CBASER, 0);
    the_its.write(Gits64::BASER, 0, base_of_type(type_devices) * 8);
    return taken;
}

void turn_on() {
    std::memset(reinterpret_cast<void*>(memory.value), 0, pending_at * frame);
    written = 0;
    the_its.write(Gits64::CWRITER, 0);
    the_its.write(Gits64::CBASER, Valid | place(queue_at).value);
    the_its.write(Gits64::BASER, Valid | BASER_64K | place(devices_at).value,
                  base_of_type(type_devices) * 8);
    the_its.write(Gits64::BASER, Valid | BASER_64K | place(collections_at).value,
                  base_of_type(type_collections) * 8);
    dsb_sy(); // the tables are as they were written
    the_its.write(Gits32::CTLR, CTLR_Enabled);
    constexpr u64 MAPD = 0x08;
    command(MAPD | device << 32, event_bits - 1, Valid | place(events_at).value);
}

void turn_off() {
    the_its.write(Gits32::CTLR, 0);
    wait_until_at_rest();
}

void turn_on_lpis() {
    const Cpu& self = this_cpu();
    const Redistributor redistributor{self.redistributor};
    redistributor.write(Gicr64::PROPBASER, place(config_at).value | (id_bits - 1));
    const PhysAddr pending = place(pending_at + self.index);
    std::memset(reinterpret_cast<void*>(pending.value), 0, frame);
    dsb_sy(); // nothing is pending before they are on
    redistributor.write(Gicr64::PENDBASER, pending.value | PENDBASER_PTZ);
    require("LPIs go on", set_lpis(self, true), "CPU {}", self.index);
}

bool set_lpis(const Cpu& cpu, bool on) {
    const Redistributor redistributor{cpu.redistributor};
    redistributor.write(Gicr32::CTLR, on ? CTLR_EnableLPIs : 0);
    require("GICR_CTLR.RWP clears",
            wait_until(1000, [&] { return (redistributor.read(Gicr32::CTLR) & CTLR_RWP) == 0; }));
    return ((redistributor.read(Gicr32::CTLR) & CTLR_EnableLPIs) != 0) == on;
}

void configure(u32 event, u8 priority, bool enabled) {
    auto* const table = reinterpret_cast<volatile u8*>(place(config_at).value);
    table[event] = static_cast<u8>((priority & 0xfc) | u8{enabled});
    dsb_sy();
}

void map(u32 event, const Cpu& cpu) {
    constexpr u64 MAPC = 0x09, MAPTI = 0x0a;
    command(MAPC, 0, Valid | target(cpu) | cpu.index);
    command(MAPTI | device << 32, event | u64{first_lpi + event} << 32, cpu.index);
    invalidate(event);
}
void move(u32 event, const Cpu& cpu) {
    constexpr u64 MAPC = 0x09, MOVI = 0x01;
    command(MAPC, 0, Valid | target(cpu) | cpu.index);
    command(MOVI | device << 32, event, cpu.index);
}
void invalidate(u32 event) {
    constexpr u64 INV = 0x0c;
    command(INV | device << 32, event, 0);
}
void fire(u32 event) {
    constexpr u64 INT = 0x03;
    command(INT | device << 32, event, 0);
}
void sync(const Cpu& cpu) {
    constexpr u64 SYNC = 0x05;
    command(SYNC, 0, target(cpu));
}

} // namespace baton::guest::its
