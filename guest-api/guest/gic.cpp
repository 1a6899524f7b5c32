// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/gic.hpp"

#include "arch/arm64/mmio.hpp"
#include "guest-api/guest/check.hpp"
#include "guest-api/guest/fdt.hpp"
#include "guest-api/guest/timer.hpp"
#include "hyp/static_vector.hpp"

namespace baton::guest::gic {

namespace {

/// GICD, and from IGROUPR on the SGI frame of a GICR too.
enum class Gic32 : u64 {
    CTLR = 0x000,
    TYPER = 0x004,
    IGROUPR = 0x080,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    ICACTIVER = 0x380,
    IPRIORITYR = 0x400,
    ICFGR = 0xc00,
};
enum class Gic64 : u64 { IROUTER = 0x6000 };
using Frame32 = arm64::Mmio<Gic32, Gic64>;

enum class Gicr32 : u64 { CTLR = 0x00, IIDR = 0x04, WAKER = 0x14 };
enum class Gicr64 : u64 { TYPER = 0x08 };
using Redistributor = arm64::Mmio<Gicr32, Gicr64>;

constexpr u32 GICD_CTLR_EnableGrp0 = 1 << 0, GICD_CTLR_EnableGrp1 = 1 << 1, GICD_CTLR_ARE = 1 << 4;
constexpr u32 CTLR_RWP = u32{1} << 31, GICR_CTLR_RWP = 1 << 3;
constexpr u32 WAKER_ProcessorSleep = 1 << 1, WAKER_ChildrenAsleep = 1 << 2;
constexpr u64 TYPER_Last = 1 << 4, TYPER_VLPIS = 1 << 1;
constexpr u64 frame_size = 64 * KiB;

constexpr u32 wait_ms = 1000;

Frame32 distributor;
StaticVector<PhysRange, 8> redistributor_regions;
constexpr u32 first_lpi = 8192;

std::array<Handler, 1020> handlers;
Handler lpi_handler;

std::array<InterruptState, 32> found;
u32 found_control;

void wait_for_distributor() {
    require("GICD_CTLR.RWP clears",
            wait_until(wait_ms, [] { return (distributor.read(Gic32::CTLR) & CTLR_RWP) == 0; }));
}

/// Where the registers of `intid` are: SGIs and PPIs in this CPU's redistributor.
Frame32 frame_of(u32 intid) {
    return intid < first_spi ? Frame32{this_cpu().redistributor + frame_size} : distributor;
}

u32 bit_of(u32 intid) { return u32{1} << (intid % 32); }

void write_bit(Gic32 reg, u32 intid) { frame_of(intid).write(reg, bit_of(intid), intid / 32 * 4); }

bool read_bit(Gic32 reg, u32 intid) {
    return (frame_of(intid).read(reg, intid / 32 * 4) & bit_of(intid)) != 0;
}

/// Writes `value` into the field of `intid` in an array of fields of `width` bits.
void write_field(Gic32 reg, u32 intid, u32 width, u32 value) {
    const u32 per_register = 32 / width;
    const u32 shift = intid % per_register * width;
    const u32 mask = ((u32{1} << width) - 1) << shift;
    const u64 offset = intid / per_register * 4;
    const Frame32 frame = frame_of(intid);
    frame.write(reg, (frame.read(reg, offset) & ~mask) | value << shift, offset);
}

InterruptState state_of(const Frame32& frame, u32 block) {
    InterruptState state{
        frame.read(Gic32::ISENABLER, block * 4), frame.read(Gic32::ISPENDR, block * 4),
        frame.read(Gic32::ISACTIVER, block * 4), frame.read(Gic32::IGROUPR, block * 4), 0};
    for (u32 i = 0; i < 8; i++) {
        state.any_priority |= frame.read(Gic32::IPRIORITYR, block * 32 + i * 4);
    }
    return state;
}

/// All interrupts of one 32-bit register off, idle, in Group 1 and of the usual priority.
void quiesce(const Frame32& frame, u32 block) {
    frame.write(Gic32::ICENABLER, ~u32{0}, block * 4);
    frame.write(Gic32::ICPENDR, ~u32{0}, block * 4);
    frame.write(Gic32::ICACTIVER, ~u32{0}, block * 4);
    frame.write(Gic32::IGROUPR, ~u32{0}, block * 4);
    for (u32 i = 0; i < 8; i++) {
        frame.write(Gic32::IPRIORITYR, usual_priority * 0x01010101u, block * 32 + i * 4);
    }
}

/// The redistributor of that affinity. Of CPUs that are another VM's there may be frames which read
/// as 0, and so seem to be of affinity 0.
std::optional<PhysAddr> find_redistributor(u64 mpidr) {
    // GICR_TYPER has the affinity in the order Aff3.Aff2.Aff1.Aff0, without MPIDR's gap.
    const u64 affinity = (mpidr >> 8 & 0xff00'0000) | (mpidr & 0x00ff'ffff);
    for (const PhysRange& region : redistributor_regions) {
        for (PhysAddr at = region.begin; at < region.end();) {
            const u64 typer = Redistributor{at}.read(Gicr64::TYPER);
            const bool is_ours = Redistributor{at}.read(Gicr32::IIDR) != 0;
            if (typer >> 32 == affinity && is_ours) {
                return at;
            }
            if ((typer & TYPER_Last) != 0) {
                break;
            }
            at = at + ((typer & TYPER_VLPIS) != 0 ? 4 : 2) * frame_size;
        }
    }
    return std::nullopt;
}

void wake_redistributor(const Redistributor& redistributor) {
    redistributor.write(Gicr32::WAKER, redistributor.read(Gicr32::WAKER) & ~WAKER_ProcessorSleep);
    require("GICR_WAKER.ChildrenAsleep clears", wait_until(wait_ms, [&] {
                return (redistributor.read(Gicr32::WAKER) & WAKER_ChildrenAsleep) == 0;
            }));
}

/// Aff3, Aff2 and Aff1 of ICC_SGI1R_EL1.
u64 sgi_cluster(u64 mpidr) {
    return (mpidr >> 8 & 0xff) << 16 | (mpidr >> 16 & 0xff) << 32 | (mpidr >> 32 & 0xff) << 48;
}

template <class Register>
void send(u64 value) {
    dsb_ish(); // what the target is to see was written before
    write_raw<Register>(value);
    isb();
}

/// For the CPU alone.
u64 sgi_target(u32 sgi, const Cpu& target) {
    const u64 aff0 = target.mpidr & 0xff;
    return sgi_cluster(target.mpidr) | u64{sgi} << 24 | aff0 / 16 << 44 | u64{1} << aff0 % 16;
}

template <class Acknowledge, class End>
void handle() {
    const auto intid = static_cast<u32>(read_raw<Acknowledge>());
    dsb_sy();
    const bool is_lpi = intid >= first_lpi;
    if (intid >= handlers.size() && !is_lpi) {
        return;
    }
    if (const Handler handler = is_lpi ? lpi_handler : handlers[intid]; handler != nullptr) {
        handler(intid);
    } else {
        check("no interrupt without a handler", false, "INTID {} on CPU {}", intid,
              this_cpu().index);
        if (!is_lpi) {
            disable(intid);
        }
    }
    dsb_sy();
    write_raw<End>(intid);
    isb();
}

} // namespace

void init_distributor() {
    const auto node = Node::compatible_with("arm,gic-v3");
    const auto reg = node ? node->reg() : std::nullopt;
    if (!check("the DTB has a GICv3", reg.has_value())) {
        end();
    }
    distributor = Frame32{reg->begin};
    const u64 regions = node->number("#redistributor-regions").value_or(1);
    for (u32 i = 0; i < regions; i++) {
        if (const auto region = node->reg(1 + i)) {
            (void)redistributor_regions.push(*region);
        }
    }
    found_control = distributor.read(Gic32::CTLR);
    for (u32 block = 1; block < interrupt_count() / 32; block++) {
        found[block] = state_of(distributor, block);
    }
    distributor.write(Gic32::CTLR, 0);
    wait_for_distributor();
    for (u32 block = 1; block < interrupt_count() / 32; block++) {
        quiesce(distributor, block);
    }
    distributor.write(Gic32::CTLR, GICD_CTLR_ARE);
    wait_for_distributor();
    distributor.write(Gic32::CTLR, GICD_CTLR_ARE | GICD_CTLR_EnableGrp1 | GICD_CTLR_EnableGrp0);
    wait_for_distributor();
}

void init_cpu() {
    const auto frame = find_redistributor(this_cpu().mpidr);
    if (!require("the CPU has a redistributor", frame.has_value(), "CPU {}", this_cpu().index)) {
        end();
    }
    this_cpu().redistributor = *frame;
    this_cpu().entered_interrupts = state_of(Frame32{*frame + frame_size}, 0);
    const Redistributor redistributor{*frame};
    wake_redistributor(redistributor);
    quiesce(Frame32{*frame + frame_size}, 0);
    require("GICR_CTLR.RWP clears", wait_until(wait_ms, [&] {
                return (redistributor.read(Gicr32::CTLR) & GICR_CTLR_RWP) == 0;
            }));

    write(ICC_SRE_EL1::SRE);
    isb();
    write_raw<ICC_PMR_EL1>(0xff);
    write_raw<ICC_BPR1_EL1>(0);
    write_raw<ICC_CTLR_EL1>(0);
    write_raw<ICC_IGRPEN0_EL1>(1);
    write_raw<ICC_IGRPEN1_EL1>(1);
    isb();
}

InterruptState own_interrupts(const Cpu& cpu) {
    const auto frame = find_redistributor(cpu.mpidr);
    return frame ? state_of(Frame32{*frame + frame_size}, 0) : InterruptState{};
}

const InterruptState& spis_at_entry(u32 block) { return found[block]; }
u32 control_at_entry() { return found_control; }

void set_handler(u32 intid, Handler handler) { handlers[intid] = handler; }
void set_lpi_handler(Handler handler) { lpi_handler = handler; }

void enable(u32 intid) { write_bit(Gic32::ISENABLER, intid); }
void disable(u32 intid) { write_bit(Gic32::ICENABLER, intid); }
bool is_enabled(u32 intid) { return read_bit(Gic32::ISENABLER, intid); }
void set_pending(u32 intid) { write_bit(Gic32::ISPENDR, intid); }
void clear_pending(u32 intid) { write_bit(Gic32::ICPENDR, intid); }
bool is_pending(u32 intid) { return read_bit(Gic32::ISPENDR, intid); }
void set_active(u32 intid) { write_bit(Gic32::ISACTIVER, intid); }
void clear_active(u32 intid) { write_bit(Gic32::ICACTIVER, intid); }
bool is_active(u32 intid) { return read_bit(Gic32::ISACTIVER, intid); }

void set_priority(u32 intid, u8 priority) { write_field(Gic32::IPRIORITYR, intid, 8, priority); }

u8 priority(u32 intid) {
    return static_cast<u8>(frame_of(intid).read(Gic32::IPRIORITYR, intid / 4 * 4) >>
                           (intid % 4 * 8));
}

void set_group(u32 intid, u32 group) { write_field(Gic32::IGROUPR, intid, 1, group); }
bool is_ours(u32 spi) { return priority(spi) != 0; }
u32 group(u32 intid) { return read_bit(Gic32::IGROUPR, intid) ? 1 : 0; }

void set_edge(u32 intid, bool edge) { write_field(Gic32::ICFGR, intid, 2, edge ? 0b10 : 0b00); }

bool is_edge(u32 intid) {
    return (frame_of(intid).read(Gic32::ICFGR, intid / 16 * 4) >> (intid % 16 * 2) & 0b10) != 0;
}

u64 route_of(u32 spi) { return distributor.read(Gic64::IROUTER, spi * 8); }

bool is_routed_here(u32 spi) { return route_of(spi) == own_affinity(); }

void route_to_any(u32 spi) { distributor.write(Gic64::IROUTER, u64{1} << 31, spi * 8); }

void route(u32 spi, const Cpu& cpu) { distributor.write(Gic64::IROUTER, cpu.mpidr, spi * 8); }

u32 interrupt_count() { return ((distributor.read(Gic32::TYPER) & 0x1f) + 1) * 32; }

void send_sgi(u32 sgi, const Cpu& target) { send<ICC_SGI1R_EL1>(sgi_target(sgi, target)); }

void send_group_0_sgi(u32 sgi, const Cpu& target) { send<ICC_SGI0R_EL1>(sgi_target(sgi, target)); }

void send_sgi_list(u32 sgi, const Cpu& like, u16 targets, u32 range) {
    send<ICC_SGI1R_EL1>(sgi_cluster(like.mpidr) | u64{sgi} << 24 | u64{range} << 44 | targets);
}

void send_sgi_to_others(u32 sgi) { send<ICC_SGI1R_EL1>(ICC_SGI1R_EL1::IRM.value | u64{sgi} << 24); }

void handle_irq() { handle<ICC_IAR1_EL1, ICC_EOIR1_EL1>(); }
void handle_fiq() { handle<ICC_IAR0_EL1, ICC_EOIR0_EL1>(); }

} // namespace baton::guest::gic
