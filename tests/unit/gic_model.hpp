// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/basic_vgic.hpp"
#include "its_model.hpp"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

/// A GICv3 in software, with one security state: enough of it for a kernel to use it directly, and
/// for Baton to use it for a guest.
namespace model {

using namespace baton;
using namespace baton::arm64::gic;

inline constexpr u32 spurious = 1023;
inline constexpr u32 maintenance_ppi = 25;
inline constexpr u32 hyp_timer_ppi = 26;
inline constexpr u32 virtual_timer_ppi = 27;
inline constexpr u32 spi_end = 96;

inline constexpr u64 gicd_base = 0x0800'0000;
inline constexpr u64 its_base = 0x0808'0000;
inline constexpr u64 gicr_base = 0x080a'0000;
inline constexpr u64 gicr_stride = 0x2'0000;
inline constexpr u64 sgi_base = 0x1'0000;
/// The guest's memory, and what the tests have in it.
inline constexpr PhysRange guest_memory{{0x4000'0000}, 64 * MiB};
inline constexpr u64 lpi_config = 0x4010'0000, lpi_pending = 0x4020'0000, its_tables = 0x4100'0000;

class Gic {
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

    Gic(u32 cpus, u32 list_registers) : cpus_(cpus), list_registers_{list_registers} {
        for (Cpu& cpu : cpus_) {
            for (u32 i = 0; i < 16; i++) {
                cpu.own[i].edge = true;
            }
        }
    }

    u32 cpu_count() const { return static_cast<u32>(cpus_.size()); }
    u32 list_register_count() const { return list_registers_; }
    Cpu& cpu(u32 n) { return cpus_.at(n); }
    /// Sixteen CPUs to a cluster.
    static u32 affinity(u32 cpu) { return cpu / 16 << 8 | cpu % 16; }
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
        memory[lpi_config + lpi - first_lpi] = static_cast<u8>((priority & 0xfc) | 1);
    }
    std::map<u64, u8> memory;
    ItsModel its;

    u8 priority(u32 cpu, u32 intid) {
        if (!is_lpi(intid)) {
            return at(cpu, intid).priority;
        }
        return memory[(cpus_[cpu].propbaser & gicr_propbaser::Physical_Address) + intid -
                      first_lpi] &
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
            if (route(intid) == router_affinity(affinity(cpu))) {
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
        if (is_lpi(intid)) {
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
        if (!cpus_[cpu].split_eoi && !is_lpi(intid)) {
            at(cpu, intid).active = false;
        }
    }
    void deactivate(u32 cpu, u32 intid) {
        if (is_lpi(intid)) {
            throw std::logic_error{"an LPI is deactivated"};
        }
        at(cpu, intid).active = false;
    }
    void send_sgi(u32 cpu, SgiRequest request) {
        for (u32 i = 0; i < cpu_count(); i++) {
            const bool is_target = request.is_to_all_others()
                                       ? i != cpu
                                       : request.first_affinity() == (affinity(i) & ~15U) &&
                                             (request.targets() >> (affinity(i) & 15) & 1) != 0;
            cpus_[i].own[request.intid()].latch |= is_target;
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
        return lr.intid();
    }
    void virtual_end(u32 cpu, u32 intid) {
        Cpu& c = cpus_[cpu];
        if (c.virtual_running.empty()) {
            throw std::logic_error{"the guest ends what it has not begun"};
        }
        c.virtual_running.pop_back();
        if (!c.virtual_split_eoi || is_lpi(intid)) {
            virtual_deactivate(cpu, intid);
        }
    }
    bool traps_virtual_deactivate(u32 cpu) const { return (cpus_.at(cpu).hcr >> 14 & 1) != 0; }
    void virtual_deactivate(u32 cpu, u32 intid) {
        Cpu& c = cpus_[cpu];
        for (u32 n = 0; n < list_registers_; n++) {
            const ListRegister lr{c.list_registers[n]};
            if (lr.is_active() && lr.intid() == intid) {
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
    void write(u64 address, u64 value) {
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

    std::vector<Cpu> cpus_;
    std::array<Spi, spi_end - 32> spis_{};
    u32 list_registers_;
    u32 control_ = 0;
    bool withdrawing_ = false; ///< GICD_CTLR.RWP
};

/// What Baton's templates run on: the model that `current` points to.
struct Machine {
    static inline Gic* current = nullptr;

    template <class Register32, class Register64 = Register32>
    class Mmio {
      public:
        constexpr Mmio() = default;
        explicit constexpr Mmio(PhysAddr base) : base_{base.value} {}
        u32 read(Register32 reg, u64 offset = 0) const {
            return static_cast<u32>(current->read(base_ + static_cast<u64>(reg) + offset, 4));
        }
        void write(Register32 reg, u32 value, u64 offset = 0) const {
            current->write(base_ + static_cast<u64>(reg) + offset, value);
        }
        u64 read(Register64 reg, u64 offset = 0) const
            requires(!std::is_same_v<Register32, Register64>)
        {
            return current->read(base_ + static_cast<u64>(reg) + offset, 8);
        }
        void write(Register64 reg, u64 value, u64 offset = 0) const
            requires(!std::is_same_v<Register32, Register64>)
        {
            current->write(base_ + static_cast<u64>(reg) + offset, value);
        }

      private:
        u64 base_ = 0;
    };

    struct CpuInterface {
        u32 n = 0;

        Gic::Cpu& cpu() const { return current->cpu(n); }
        Result<> bring_up(bool) {
            cpu().on = true;
            cpu().split_eoi = true;
            cpu().mask = mask_guest;
            return {};
        }
        u32 acknowledge() const { return current->acknowledge(n); }
        void drop_priority(u32 intid) const { current->end(n, intid); }
        void deactivate(u32 intid) const { current->deactivate(n, intid); }
        void send_sgi(u64 request) const { current->send_sgi(n, {request}); }
        void set_priority_mask(u8 mask) const { cpu().mask = mask; }
        u32 list_registers() const { return current->list_register_count(); }
        u8 implemented_virtual_priority() const { return implemented_priority(5); }
        bool can_trap_dir() const { return current->can_trap_dir; }
        u32 free_list_registers() const {
            u32 free = 0;
            for (u32 i = 0; i < list_registers(); i++) {
                free |= u32{!ListRegister{cpu().list_registers[i]}.is_valid()} << i;
            }
            return free;
        }
        u64 list_register(u32 i) const { return cpu().list_registers.at(i); }
        void set_list_register(u32 i, u64 value) const {
            if (i >= list_registers()) {
                throw std::logic_error{"no such list register"};
            }
            const ListRegister lr{value};
            for (u32 k = 0; k < list_registers() && lr.is_valid(); k++) {
                const ListRegister other{cpu().list_registers[k]};
                if (k != i && other.is_valid() && other.intid() == lr.intid()) {
                    throw std::logic_error{"an INTID in two list registers"};
                }
            }
            if (lr.is_hardware() && lr.state() == ListRegister::State::pending_and_active) {
                throw std::logic_error{"a hardware interrupt that is pending and active"};
            }
            if (lr.is_valid() && lr.is_hardware() && !current->at(n, lr.intid()).active) {
                throw std::logic_error{"the physical interrupt is not active"};
            }
            cpu().list_registers[i] = value;
        }
        u32 eoi_count() const { return cpu().eoi_count; }
        bool has_split_eoi() const { return cpu().virtual_split_eoi; }
        void turn_on_virtual(Maintenance maintenance) const {
            cpu().hcr = 1 | u64{maintenance.underflow} << 1 |
                        u64{maintenance.ended_elsewhere} << 2 | u64{maintenance.no_pending} << 3 |
                        u64{maintenance.trap_dir} << 14;
            cpu().eoi_count = 0;
        }
        void reset_virtual() const {
            cpu().hcr = 0;
            cpu().eoi_count = 0;
            cpu().list_registers = {};
            cpu().virtual_running.clear();
            cpu().virtual_mask = 0;
            cpu().group0 = cpu().group1 = cpu().virtual_split_eoi = false;
        }
    };

    /// One thread: a lock that is taken while it is held would stop Baton.
    class Lock {
      public:
        void lock() {
            if (held_) {
                throw std::logic_error{"deadlock"};
            }
            held_ = true;
        }
        void unlock() { held_ = false; }
        void reset() { held_ = false; }

      private:
        bool held_ = false;
    };

    template <class Done>
    static bool poll(Done done) {
        return done() || done(); // RWP is 0 at the second look
    }
    static bool is_guest_memory(PhysRange range) {
        return !range.empty() && guest_memory.contains(range);
    }
    static u8 read_guest_byte(PhysAddr at) { return current->memory[at.value]; }
    static inline u32 refused = 0;
    static void tell_refused(const char*, PhysRange) { refused++; }
    static void publish() {}
    static void complete_device_writes() {}
};

/// Baton on a model: every CPU up and on, its guest with nothing configured yet.
class Baton {
  public:
    explicit Baton(u32 cpus = 1, u32 list_registers = 4, bool can_trap_dir = true,
                   bool has_its = false)
        : gic{cpus, list_registers} {
        gic.can_trap_dir = can_trap_dir;
        Machine::current = &gic;
        platform_->gic.distributor = {{gicd_base}, 0x1'0000};
        static_cast<void>(
            platform_->gic.redistributors.push({{gicr_base}, (cpus + 2) * gicr_stride}));
        if (has_its) {
            static_cast<void>(platform_->gic.its.push({{its_base}, 0x2'0000}));
        }
        platform_->gic.maintenance_interrupt = maintenance_ppi;
        platform_->timer.hyp = hyp_timer_ppi;
        platform_->timer.hyp_virt = 28;
        check(vgic->init(*platform_, Gic::affinity(0)));
        for (u32 i = 0; i < cpus; i++) {
            cpus_.push_back(std::make_unique<BasicVgicCpu<Machine>>(Machine::CpuInterface{.n = i}));
            check(vgic->attach(CpuId{i}, Gic::affinity(i), *cpus_[i]));
        }
        for (u32 i = 0; i < cpus; i++) {
            check(vgic->init_cpu(*cpus_[i]));
            vgic->turn_on(*cpus_[i]);
        }
    }
    BasicVgicCpu<Machine>& cpu(u32 n) { return *cpus_.at(n); }

    /// Every exit that physical interrupts bring about now, on all CPUs.
    void take_exits() {
        for (bool any = true; any;) {
            any = false;
            for (u32 i = 0; i < gic.cpu_count(); i++) {
                for (u32 n = 0; gic.is_signalled(i); n++, any = true) {
                    if (n == 1000) {
                        throw std::logic_error{"an interrupt storm"};
                    }
                    exits++;
                    if (vgic->handle_interrupts(cpu(i)).kick) {
                        vgic->flush(cpu(i));
                    }
                }
            }
        }
    }

    // What a guest does on CPU n.

    u64 read(u32 n, u64 address, u32 size = 4) {
        take_exits();
        return vgic->mmio_read(cpu(n), {address}, size).value();
    }
    void write(u32 n, u64 address, u64 value, u32 size = 4) {
        take_exits();
        if (!vgic->mmio_write(cpu(n), {address}, size, value)) {
            throw std::logic_error{"in no frame"};
        }
        take_exits();
    }
    u32 acknowledge(u32 n) {
        take_exits();
        const u32 intid = gic.virtual_acknowledge(n);
        take_exits();
        return intid;
    }
    void end(u32 n, u32 intid) {
        gic.virtual_end(n, intid);
        take_exits();
    }
    void deactivate(u32 n, u32 intid) {
        if (gic.traps_virtual_deactivate(n)) {
            vgic->write_trapped_sysreg(cpu(n), arm64::ICC_DIR_EL1::encoding, intid);
        } else {
            gic.virtual_deactivate(n, intid);
        }
        take_exits();
    }
    void send_sgi(u32 n, SgiRequest request, SgiRegister reg = SgiRegister::sgi1r) {
        vgic->send_sgis(cpu(n), reg, request);
        take_exits();
    }
    /// What kernels do first: both groups forwarded, all Group 1, interrupts let in.
    void start_guest(u32 n, bool split_eoi = false) {
        write(n, gicd_base, 3);
        for (u32 bank = 1; bank < spi_end / 32; bank++) {
            write(n, gicd_base + 0x80 + 4 * bank, ~0U);
        }
        write(n, Gic::frame(n) + sgi_base + 0x80, ~0U);
        gic.cpu(n).virtual_mask = 0xff;
        gic.cpu(n).group0 = gic.cpu(n).group1 = true;
        gic.cpu(n).virtual_split_eoi = split_eoi;
    }
    /// Tables in the guest's memory, the ITS and the CPU's LPIs on.
    void start_lpis(u32 n) {
        write(n, its_base + 0x80, gits_valid | its_tables, 8);
        write(n, its_base + 0x100, gits_valid | its_tables + 0x1'0000, 8);
        write(n, its_base, 1);
        write(n, Gic::frame(n) + 0x70, lpi_config | 15, 8);
        write(n, Gic::frame(n) + 0x78, lpi_pending + n * 0x1'0000, 8);
        write(n, Gic::frame(n), 1);
    }
    void send_lpi(u32 n, u32 lpi) {
        gic.send_lpi(n, lpi);
        take_exits();
    }
    void set_priority(u32 n, u32 intid, u8 priority) {
        write(n, (intid < 32 ? Gic::frame(n) + sgi_base : gicd_base) + 0x400 + intid, priority, 1);
    }
    void set_bit(u32 n, u32 reg, u32 intid) {
        write(n, (intid < 32 ? Gic::frame(n) + sgi_base : gicd_base) + reg + 4 * bank_of(intid),
              bit_of(intid));
    }
    bool get_bit(u32 n, u32 reg, u32 intid) {
        return (read(n, (intid < 32 ? Gic::frame(n) + sgi_base : gicd_base) + reg +
                            4 * bank_of(intid)) &
                bit_of(intid)) != 0;
    }

    Gic gic;
    std::unique_ptr<BasicVgic<Machine>> vgic = std::make_unique<BasicVgic<Machine>>();
    u32 exits = 0;

  private:
    static void check(Result<> result) {
        if (!result) {
            throw std::runtime_error{"bring-up failed"};
        }
    }
    std::unique_ptr<Platform> platform_ = std::make_unique<Platform>();
    std::vector<std::unique_ptr<BasicVgicCpu<Machine>>> cpus_;
};

// Offsets that tests write as a guest does.
inline constexpr u32 isenabler = 0x100;
inline constexpr u32 icenabler = 0x180;
inline constexpr u32 ispendr = 0x200;
inline constexpr u32 icpendr = 0x280;
inline constexpr u32 isactiver = 0x300;
inline constexpr u32 icactiver = 0x380;

} // namespace model
