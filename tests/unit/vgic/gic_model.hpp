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

    std::optional<u32> highest_pending(u32 cpu);
    bool is_signalled(u32 cpu);
    u32 acknowledge(u32 cpu);
    void end(u32 cpu, u32 intid);
    void deactivate(u32 cpu, u32 intid);
    void send_sgi(u32 cpu, SgiRequest request);
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

    u32 virtual_acknowledge(u32 cpu);
    void virtual_end(u32 cpu, u32 intid);
    bool traps_virtual_deactivate(u32 cpu) const { return (cpus_.at(cpu).hcr >> 14 & 1) != 0; }
    void virtual_deactivate(u32 cpu, u32 intid);

    // The frames.

    u64 read(u64 address, u32 size);
    /// A priority.
    void write_byte(u64 address, u8 value);
    void write(u64 address, u64 value);

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
    void write_gicr_ctlr(Cpu& cpu, u32 value);
    void write_waker(Cpu& cpu, u64 value);

    std::optional<u32> highest_virtual(u32 cpu);
    bool wants_maintenance(u32 cpu) const;

    u64 read_distributor(u32 offset, u32 size);
    void write_distributor(u32 offset, u64 value);

    /// The interrupts of a register at `offset`, `bits` wide each: f(interrupt, lowest bit).
    template <class F>
    void for_each(u32 cpu, u32 offset, u32 base, u32 bits, F f) {
        const u32 first = (offset - base) * 8 / bits;
        for (u32 i = 0; i < 32 / bits && first + i < spi_end; i++) {
            f(at(cpu, first + i), i * bits);
        }
    }
    u32 read_bank(u32 cpu, u32 offset);
    void write_bank(u32 cpu, u32 offset, u32 value, bool& withdrawing);

    std::recursive_mutex mutex_;
    std::vector<Cpu> cpus_;
    std::array<Spi, spi_end - 32> spis_{};
    u32 list_registers_;
    u32 control_ = 0;
    bool withdrawing_ = false; ///< GICD_CTLR.RWP
};

} // namespace model

#include "gic_model_frames.hpp"
#include "gic_model_interfaces.hpp"
