// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gic.hpp"
#include "arch/arm64/gic/list_register.hpp"
#include "its_model.hpp"

#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

/// A GICv3 in software, with one security state: enough of it for a kernel to use it directly, and
/// for Baton to use it for a guest. Each access to a register is one piece, whichever thread makes
/// it.
namespace model {

using namespace baton;
using namespace baton::arm64::gic;
using arm64::Affinity, arm64::Mpidr;

// The model and its tests have interrupts by their numbers, as a guest's registers have them.

using arm64::gic::bank_of;
using arm64::gic::bit_of;
constexpr u32 bank_of(u32 intid) { return bank_of(Intid{intid}); }
constexpr u32 bit_of(u32 intid) { return bit_of(Intid{intid}); }
constexpr SgiRequest sgi_to(u32 intid, u32 affinity) {
    return SgiRequest::to(Intid{intid}, Affinity{affinity});
}
constexpr SgiRequest sgi_to_all_others(u32 intid) {
    return SgiRequest::to_all_others(Intid{intid});
}

inline constexpr u32 spurious = 1023;
inline constexpr u32 maintenance_ppi = 25;
inline constexpr u32 hyp_timer_ppi = 26;
inline constexpr u32 virtual_timer_ppi = 27;
inline constexpr u32 spi_end = 96;
inline constexpr u32 lpi_base = index(first_lpi);

inline constexpr u64 gicd_base = 0x0800'0000;
inline constexpr u64 its_base = 0x0808'0000;
inline constexpr u64 gicr_base = 0x080a'0000;
inline constexpr u64 gicr_stride = 0x2'0000;
inline constexpr u64 sgi_base = 0x1'0000;
/// The guest's memory, and what the tests have in it.
inline constexpr PhysRange guest_memory{{0x4000'0000}, 64 * MiB};
inline constexpr u64 lpi_config = 0x4010'0000, lpi_pending = 0x4020'0000, its_tables = 0x4100'0000;

// Offsets that tests write as a guest does.
inline constexpr u32 isenabler = 0x100;
inline constexpr u32 icenabler = 0x180;
inline constexpr u32 ispendr = 0x200;
inline constexpr u32 icpendr = 0x280;
inline constexpr u32 isactiver = 0x300;
inline constexpr u32 icactiver = 0x380;

class GicModel {
  public:
    struct Interrupt {
        bool enabled = false, latch = false, active = false, line = false, edge = false,
             group1 = false;
        u8 priority = 0;

        bool is_pending() const { return latch || (!edge && line); }
        bool operator==(const Interrupt&) const = default;
    };
    struct Cpu {
        std::array<Interrupt, 32> own;
        std::array<u64, 16> list_registers{};
        std::vector<u8> running, virtual_running; ///< active priorities, innermost last
        u64 hcr = 0;
        u32 eoi_count = 0;
        u32 waker = 6;
        u32 gicr_ctlr = 0;
        u64 propbaser = 0, pendbaser = 0;
        std::set<u32> lpis;           ///< pending
        bool are_lpis_sticky = false; ///< EnableLPIs, once set, is RES1
        bool withdrawing = false;     ///< GICR_CTLR.RWP
        u8 mask = 0, virtual_mask = 0;
        bool on = false, split_eoi = false;                             ///< physical
        bool group0 = false, group1 = false, virtual_split_eoi = false; ///< virtual
    };

    GicModel(u32 cpus, u32 list_registers) : cpus_(cpus), list_registers_{list_registers} {
        for (Cpu& cpu : cpus_) {
            for (u32 i = 0; i < 16; i++) {
                cpu.own[i].edge = true;
            }
        }
    }

    /// While it lives no other thread's access is made.
    [[nodiscard]] std::unique_lock<std::recursive_mutex> alone() {
        return std::unique_lock{mutex_};
    }

    /// Before anything else: what the architecture leaves to the implementation is not 0.
    void take_odd_reset_values() {
        its.cool(u64{1} << 59 | 2 << 8, u64{5} << 59);
        for (Cpu& cpu : cpus_) {
            cpu.propbaser = 0x4030'078f;
            cpu.pendbaser = 0x4040'0780;
            cpu.waker = 0;
            for (u32 i = 0; i < 32; i++) {
                configure_oddly(cpu.own[i], i);
            }
        }
        for (u32 i = 32; i < spi_end; i++) {
            configure_oddly(at(0, i), i);
        }
    }

    u32 cpu_count() const { return static_cast<u32>(cpus_.size()); }
    u32 list_register_count() const { return list_registers_; }
    Cpu& cpu(u32 n) { return cpus_.at(n); }
    /// Sixteen CPUs to a cluster.
    static u32 affinity(u32 cpu) { return cpu / 16 << 8 | cpu % 16; }
    static Mpidr mpidr(u32 cpu) { return mpidr_of(Affinity{affinity(cpu)}); }
    static u64 frame(u32 cpu) { return gicr_base + cpu * gicr_stride; }

    /// An ITS translates an event of a device. Without EnableLPIs it is lost.
    void send_lpi(u32 cpu, u32 lpi) {
        if (has_lpis(cpu)) {
            cpus_.at(cpu).lpis.insert(lpi);
        }
    }
    bool has_lpis(u32 cpu) const { return (cpus_.at(cpu).gicr_ctlr & gicr_ctlr::EnableLPIs) != 0; }
    /// In the guest's configuration table: enabled, with this priority.
    void configure_lpi(u32 lpi, u8 priority) {
        memory[lpi_config + lpi - lpi_base] = static_cast<u8>((priority & 0xfc) | 1);
    }
    std::map<u64, u8> memory;
    ItsModel its;

    u8 priority(u32 cpu, u32 intid) {
        if (intid < lpi_base) {
            return at(cpu, intid).priority;
        }
        return memory[(cpus_[cpu].propbaser & gicr_propbaser::Physical_Address) + intid -
                      lpi_base] &
               0xfc;
    }
    Interrupt& at(u32 cpu, u32 intid) {
        return intid < 32 ? cpus_.at(cpu).own[intid] : spis_.at(intid - 32).state;
    }
    u64 route(u32 intid) const { return spis_.at(intid - 32).route; }

    void set_line(u32 cpu, u32 intid, bool level) {
        Interrupt& interrupt = at(cpu, intid);
        interrupt.latch |= interrupt.edge && level && !interrupt.line;
        interrupt.line = level;
    }

    // The physical CPU interface.

    std::optional<u32> highest_pending(u32 cpu) {
        std::optional<u32> best;
        const auto consider = [&](u32 intid) {
            const Interrupt& i = at(cpu, intid);
            const bool forwarded = (control_ & (i.group1 ? 2 : 1)) != 0;
            if (i.is_pending() && i.enabled && !i.active && forwarded && cpus_[cpu].on &&
                (!best || i.priority < priority(cpu, *best))) {
                best = intid;
            }
        };
        cpus_[cpu].own[maintenance_ppi].line = false;
        for (u32 intid = 0; intid < 32; intid++) {
            consider(intid);
        }
        for (u32 intid = 32; intid < spi_end; intid++) {
            if (route(intid) == bits(mpidr(cpu))) {
                consider(intid);
            }
        }
        for (const u32 lpi : cpus_[cpu].lpis) {
            if (has_lpis(cpu) && (control_ & 2) != 0 && cpus_[cpu].on &&
                (!best || priority(cpu, lpi) < priority(cpu, *best))) {
                best = lpi;
            }
        }
        cpus_[cpu].own[maintenance_ppi].line = wants_maintenance(cpu);
        if (!is_maintenance_late || !best || priority(cpu, *best) >= cpus_[cpu].mask) {
            consider(maintenance_ppi);
        }
        return best;
    }
    bool is_signalled(u32 cpu) {
        const auto best = highest_pending(cpu);
        const Cpu& c = cpus_[cpu];
        return best && priority(cpu, *best) < c.mask &&
               (c.running.empty() || priority(cpu, *best) < c.running.back());
    }
    u32 acknowledge(u32 cpu) {
        if (!is_signalled(cpu)) {
            return spurious;
        }
        const u32 intid = *highest_pending(cpu);
        cpus_[cpu].running.push_back(priority(cpu, intid));
        if (intid >= lpi_base) {
            cpus_[cpu].lpis.erase(intid);
        } else {
            at(cpu, intid).active = true;
            at(cpu, intid).latch = false;
        }
        return intid;
    }
    void end(u32 cpu, u32 intid) {
        if (cpus_[cpu].running.empty()) {
            throw std::logic_error{"priority drop without an active priority"};
        }
        cpus_[cpu].running.pop_back();
        if (!cpus_[cpu].split_eoi && intid < lpi_base) {
            at(cpu, intid).active = false;
        }
    }
    void deactivate(u32 cpu, u32 intid) {
        if (intid >= lpi_base) {
            throw std::logic_error{"an LPI is deactivated"};
        }
        at(cpu, intid).active = false;
    }
    void send_sgi(u32 cpu, SgiRequest request) {
        for (u32 i = 0; i < cpu_count(); i++) {
            const bool is_target = request.is_to_all_others()
                                       ? i != cpu
                                       : request.first_affinity() == Affinity{affinity(i) & ~15U} &&
                                             (request.targets() >> (affinity(i) & 15) & 1) != 0;
            cpus_[i].own[index(request.intid())].latch |= is_target;
        }
        sgis_sent++;
    }
    u32 sgis_sent = 0;
    bool can_trap_dir = true;
    /// Hardware takes its time: the maintenance interrupt comes behind those pending already.
    bool is_maintenance_late = false;
    /// Of two security states: then GICR_WAKER is the firmware's, RAZ/WI.
    bool is_waker_secure = false;
    /// A Redistributor that never wakes.
    bool is_asleep_for_good = false;
    /// To WAKER, and such as ProcessorSleep may not change with (IHI 0069, 12.11).
    u32 waker_writes = 0, wrong_waker_writes = 0;
    /// State or configuration of interrupts that were written before their disabling, which takes
    /// until RWP is read as 0, was waited for.
    u32 hasty_writes = 0;

    // The virtual CPU interface, as the guest uses it.

    u32 virtual_acknowledge(u32 cpu) {
        Cpu& c = cpus_[cpu];
        const auto n = highest_virtual(cpu);
        if (!n) {
            return spurious;
        }
        const ListRegister lr{c.list_registers[*n]};
        c.list_registers[*n] = lr.with(ListRegister::State::active).value;
        c.virtual_running.push_back(lr.priority());
        return index(lr.intid());
    }
    void virtual_end(u32 cpu, u32 intid) {
        Cpu& c = cpus_[cpu];
        if (c.virtual_running.empty()) {
            throw std::logic_error{"the guest ends what it has not begun"};
        }
        c.virtual_running.pop_back();
        if (!c.virtual_split_eoi || intid >= lpi_base) {
            virtual_deactivate(cpu, intid);
        }
    }
    bool traps_virtual_deactivate(u32 cpu) const { return (cpus_.at(cpu).hcr >> 14 & 1) != 0; }
    void virtual_deactivate(u32 cpu, u32 intid) {
        Cpu& c = cpus_[cpu];
        for (u32 n = 0; n < list_registers_; n++) {
            const ListRegister lr{c.list_registers[n]};
            if (lr.is_active() && lr.intid() == Intid{intid}) {
                if (lr.is_hardware()) {
                    deactivate(cpu, intid);
                }
                c.list_registers[n] = lr.without_active().value;
                return;
            }
        }
        c.eoi_count++;
    }

    // The frames.

    u64 read(u64 address, u32 size) {
        const auto lock = alone();
        if (address >= its_base && address < gicr_base) {
            return its.read(address - its_base, size);
        }
        if (address < gicr_base) {
            return read_distributor(static_cast<u32>(address - gicd_base), size);
        }
        const u32 cpu = static_cast<u32>((address - gicr_base) / gicr_stride);
        const u32 offset = static_cast<u32>((address - gicr_base) % gicr_stride);
        if (offset >= sgi_base) {
            return read_bank(cpu, offset - sgi_base);
        }
        const u64 typer =
            u64{affinity(cpu)} << 32 | cpu << 8 | u64{cpu + 1 == cpu_count()} << 4 | 1;
        switch (offset) {
        case 0x0:
            return cpus_[cpu].gicr_ctlr | u32{std::exchange(cpus_[cpu].withdrawing, false)} << 3 |
                   u32{!cpus_[cpu].are_lpis_sticky} << 1;
        case 0x70:
            return cpus_[cpu].propbaser;
        case 0x78:
            return cpus_[cpu].pendbaser;
        case 0x8:
            return size == 8 ? typer : static_cast<u32>(typer);
        case 0xc:
            return typer >> 32;
        case 0x14:
            return is_waker_secure ? 0 : cpus_[cpu].waker;
        case 0xffe8:
            return 0x3b;
        default:
            return 0;
        }
    }
    /// A priority.
    void write_byte(u64 address, u8 value) {
        const auto lock = alone();
        const bool spi = address < gicr_base;
        const u32 cpu = spi ? 0 : static_cast<u32>((address - gicr_base) / gicr_stride);
        const u64 base = spi ? gicd_base : frame(cpu) + sgi_base;
        at(cpu, static_cast<u32>(address - base - 0x400)).priority = value & 0xf8;
    }
    void write(u64 address, u64 value) {
        const auto lock = alone();
        if (address >= its_base && address < gicr_base) {
            return its.write(address - its_base, value);
        }
        if (address < gicr_base) {
            return write_distributor(static_cast<u32>(address - gicd_base), value);
        }
        const u32 cpu = static_cast<u32>((address - gicr_base) / gicr_stride);
        const u32 offset = static_cast<u32>((address - gicr_base) % gicr_stride);
        if (offset >= sgi_base) {
            write_bank(cpu, offset - sgi_base, static_cast<u32>(value), cpus_[cpu].withdrawing);
        } else if (offset == 0x0) {
            write_gicr_ctlr(cpus_[cpu], static_cast<u32>(value));
        } else if (offset == 0x70 || offset == 0x78) {
            hasty_writes += has_lpis(cpu) || cpus_[cpu].withdrawing;
            (offset == 0x70 ? cpus_[cpu].propbaser : cpus_[cpu].pendbaser) = value;
        } else if (offset == 0x14) {
            write_waker(cpus_[cpu], value);
        }
    }

  private:
    struct Spi {
        Interrupt state;
        u64 route = 0;
    };

    static void configure_oddly(Interrupt& interrupt, u32 intid) {
        interrupt.edge = intid < 16 || intid % 3 == 0;
        interrupt.group1 = intid % 5 != 0;
        interrupt.priority = static_cast<u8>(intid * 8);
    }
    void write_gicr_ctlr(Cpu& cpu, u32 value) {
        const u32 was = cpu.gicr_ctlr & gicr_ctlr::EnableLPIs;
        cpu.gicr_ctlr = value & ~(gicr_ctlr::CES | gicr_ctlr::RWP);
        if (was != 0 && cpu.are_lpis_sticky) {
            cpu.gicr_ctlr |= gicr_ctlr::EnableLPIs;
        } else if (was != 0 && (value & gicr_ctlr::EnableLPIs) == 0) {
            cpu.lpis.clear(); // to the table
            cpu.withdrawing = true;
        }
    }
    void write_waker(Cpu& cpu, u64 value) {
        const bool to_sleep = (value & 2) != 0, sleeps = (cpu.waker & 4) != 0;
        waker_writes++;
        wrong_waker_writes +=
            to_sleep != ((cpu.waker & 2) != 0) && ((cpu.waker & 2) != 0) != sleeps;
        if (!is_waker_secure) {
            cpu.waker = to_sleep ? 6 : is_asleep_for_good ? 4 : 0;
        }
    }

    std::optional<u32> highest_virtual(u32 cpu) {
        const Cpu& c = cpus_[cpu];
        std::optional<u32> best;
        for (u32 n = 0; n < list_registers_ && (c.hcr & 1) != 0; n++) {
            const ListRegister lr{c.list_registers[n]};
            const bool enabled = (lr.value >> 60 & 1) != 0 ? c.group1 : c.group0;
            if (lr.is_only_pending() && enabled && lr.priority() < c.virtual_mask &&
                (c.virtual_running.empty() || lr.priority() < c.virtual_running.back()) &&
                (!best || lr.priority() < ListRegister{c.list_registers[*best]}.priority())) {
                best = n;
            }
        }
        return best;
    }
    bool wants_maintenance(u32 cpu) const {
        const Cpu& c = cpus_.at(cpu);
        bool pending = false;
        u32 used = 0;
        for (u32 n = 0; n < list_registers_; n++) {
            pending |= ListRegister{c.list_registers[n]}.is_only_pending();
            used += ListRegister{c.list_registers[n]}.is_valid();
        }
        const auto enabled = [&c](u32 bit) { return (c.hcr >> bit & 1) != 0; };
        return enabled(0) && ((enabled(1) && used < 2) || (enabled(2) && c.eoi_count != 0) ||
                              (enabled(3) && !pending));
    }

    u64 read_distributor(u32 offset, u32 size) {
        if (offset >= 0x6100 && offset < 0x6000 + 8 * spi_end) {
            const u64 route = spis_[(offset - 0x6000) / 8 - 32].route;
            return size == 8 ? route : static_cast<u32>(route >> (offset % 8 * 8));
        }
        switch (offset) {
        case 0x0:
            return control_ | 0x50 | u32{std::exchange(withdrawing_, false)} << 31;
        case 0x4:
            return 0x047a'0000 | (spi_end / 32 - 1); // RSS; 16 bits of INTID; LPIs
        case 0xffe8:
            return 0x3b;
        default:
            return offset >= 0x80 && offset < 0xf00 ? read_bank(0, offset) : 0;
        }
    }
    void write_distributor(u32 offset, u64 value) {
        if (offset >= 0x6100 && offset < 0x6000 + 8 * spi_end) {
            hasty_writes += withdrawing_;
            spis_[(offset - 0x6000) / 8 - 32].route = value;
        } else if (offset == 0) {
            control_ = static_cast<u32>(value) & 3;
        } else if (offset >= 0x80 && offset < 0xf00) {
            write_bank(0, offset, static_cast<u32>(value), withdrawing_);
        }
    }

    /// The interrupts of a register at `offset`, `bits` wide each: f(interrupt, lowest bit).
    template <class F>
    void for_each(u32 cpu, u32 offset, u32 base, u32 bits, F f) {
        const u32 first = (offset - base) * 8 / bits;
        for (u32 i = 0; i < 32 / bits && first + i < spi_end; i++) {
            f(at(cpu, first + i), i * bits);
        }
    }
    u32 read_bank(u32 cpu, u32 offset) {
        u32 value = 0;
        const auto bits = [&](u32 base, auto get) {
            for_each(cpu, offset, base, 1,
                     [&](Interrupt& i, u32 low) { value |= u32{get(i)} << low; });
            return value;
        };
        cpus_[cpu].own[maintenance_ppi].line = wants_maintenance(cpu);
        switch (offset & ~0x7fU) {
        case 0x080:
            return bits(0x080, [](auto& i) { return i.group1; });
        case 0x100:
            return bits(0x100, [](auto& i) { return i.enabled; });
        case 0x180:
            return bits(0x180, [](auto& i) { return i.enabled; });
        case 0x200:
            return bits(0x200, [](auto& i) { return i.is_pending(); });
        case 0x280:
            return bits(0x280, [](auto& i) { return i.is_pending(); });
        case 0x300:
            return bits(0x300, [](auto& i) { return i.active; });
        case 0x380:
            return bits(0x380, [](auto& i) { return i.active; });
        default:
            break;
        }
        if (offset >= 0x400 && offset < 0x800) {
            for_each(cpu, offset, 0x400, 8,
                     [&](Interrupt& i, u32 low) { value |= u32{i.priority} << low; });
        } else if (offset >= 0xc00 && offset < 0xd00) {
            for_each(cpu, offset, 0xc00, 2,
                     [&](Interrupt& i, u32 low) { value |= u32{i.edge} << (low + 1); });
        }
        return value;
    }
    void write_bank(u32 cpu, u32 offset, u32 value, bool& withdrawing) {
        const u32 reg = offset & ~0x7fU;
        withdrawing |= reg == 0x180 && value != 0;
        hasty_writes += withdrawing && reg >= 0x280 && reg != 0x300;
        const auto bits = [&](u32 base, auto set) {
            for_each(cpu, offset, base, 1, [&](Interrupt& i, u32 low) {
                if (base == 0x80 || (value >> low & 1) != 0) {
                    set(i, (value >> low & 1) != 0);
                }
            });
        };
        switch (offset & ~0x7fU) {
        case 0x080:
            return bits(0x080, [](auto& i, bool v) { i.group1 = v; });
        case 0x100:
            return bits(0x100, [](auto& i, bool) { i.enabled = true; });
        case 0x180:
            return bits(0x180, [](auto& i, bool) { i.enabled = false; });
        case 0x200:
            return bits(0x200, [](auto& i, bool) { i.latch = true; });
        case 0x280:
            return bits(0x280, [](auto& i, bool) { i.latch = false; });
        case 0x300:
            return bits(0x300, [](auto& i, bool) { i.active = true; });
        case 0x380:
            return bits(0x380, [](auto& i, bool) { i.active = false; });
        default:
            break;
        }
        if (offset >= 0x400 && offset < 0x800) {
            for_each(cpu, offset, 0x400, 8, [&](Interrupt& i, u32 low) {
                i.priority = static_cast<u8>(value >> low) & 0xf8;
            });
        } else if (offset >= 0xc04 && offset < 0xd00) {
            for_each(cpu, offset, 0xc00, 2,
                     [&](Interrupt& i, u32 low) { i.edge = (value >> (low + 1) & 1) != 0; });
        }
    }

    std::recursive_mutex mutex_;
    std::vector<Cpu> cpus_;
    std::array<Spi, spi_end - 32> spis_{};
    u32 list_registers_;
    u32 control_ = 0;
    bool withdrawing_ = false; ///< GICD_CTLR.RWP
};

} // namespace model
