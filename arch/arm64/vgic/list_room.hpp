// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/maintenance.hpp"
#include "arch/arm64/gic/priority.hpp"
#include "arch/arm64/vgic/list_registers.hpp"
#include "arch/arm64/vgic/spill.hpp"

namespace baton::arm64::gic {

/// How the list registers never run out for the guest's most urgent interrupts. The physical
/// priority mask lets only those interrupts in that would displace a pending one. When the guest
/// has taken the last pending one the maintenance interrupt opens the mask again: No Pending, not
/// Underflow, since the guest may hold active interrupts for long. Active interrupts in all list
/// registers don't shut others out: the one of the lowest priority is spilled, and the virtual
/// interface reports when the guest deactivates it (a count of EOIs; the trap of ICC_DIR_EL1).
template <GicHardware Hardware>
class ListRoom {
  public:
    using Interface = typename Hardware::CpuInterface;
    using ListRegister = typename Interface::ListRegister;

    constexpr ListRoom() = default;
    explicit constexpr ListRoom(Interface hardware) : list_{hardware} {}

    Interface& hardware() { return list_.hardware(); }
    ListRegisters<Hardware>& list() { return list_; }
    const ListRegisters<Hardware>& list() const { return list_; }
    Spill<ListRegister>& spill() { return spill_; }
    const Spill<ListRegister>& spill() const { return spill_; }

    /// @param priority_bits the implemented bits of a physical priority
    void bring_up(u8 priority_bits) {
        priority_bits_ = priority_bits;
        can_trap_dir_ = hardware().can_trap_dir();
        list_.bring_up();
    }
    /// With nothing in the list registers: all of the guest's interrupts are let in, or none.
    void open() {
        write_maintenance({});
        set_mask(mask_nothing);
    }
    void close() { set_mask(mask_guest); }

    /// Without the trap of ICC_DIR_EL1 it could not be told which one a split EOI ends.
    bool can_spill() { return !spill_.full() && (can_trap_dir_ || !hardware().has_split_eoi()); }

    /// After something was put into a list register, or found no place.
    /// @param free list registers before that
    void note_use(u32 free) {
        if (is_last(free)) {
            update();
        }
    }
    void update_if_constrained() {
        if (mask_ != mask_nothing || maintenance_ != Maintenance{} || !spill_.empty()) {
            update();
        }
    }

    /// The hardware counts interrupts that the guest ended without a list register. The guest ends
    /// them in the order of their priorities, so each was the highest. A split EOI has trapped.
    void deactivate_ended() {
        if (spill_.empty()) {
            return;
        }
        const u32 ended = hardware().eoi_count();
        if (ended == 0) {
            return;
        }
        for (u32 n = hardware().has_split_eoi() ? 0 : ended; n != 0 && !spill_.empty(); n--) {
            deactivate_physical(spill_.take_highest());
        }
        write_maintenance(maintenance_); // Clears the count.
    }
    /// Back into list registers, where their end costs nothing.
    void take_in_spilled() {
        if (spill_.empty()) {
            return;
        }
        for (u32 free = list_.free(); free != 0 && !spill_.empty(); free &= free - 1) {
            list_.put(list_.first(free), spill_.take_highest(), false);
        }
    }
    void discard_spilled() {
        while (!spill_.empty()) {
            deactivate_physical(spill_.take_highest());
        }
    }
    void deactivate_physical(ListRegister value) {
        if (value.is_hardware()) {
            hardware().deactivate(value.intid());
        }
    }

  private:
    /// No list register was left, or will be when one more is taken.
    static bool is_last(u32 free) { return (free & (free - 1)) == 0; }

    /// What may come in, and what is to be reported, by what the list registers hold now.
    void update() {
        deactivate_ended(); // Before the count is cleared.
        Maintenance maintenance{.ended_elsewhere = !spill_.empty(),
                                .trap_dir = !spill_.empty() && can_trap_dir_};
        u8 mask = mask_nothing;
        if (list_.free() == 0) {
            if (const auto n = list_.lowest_pending()) {
                // Cut as the GIC cuts priorities: those of the same priority stay out too.
                mask = to_physical_priority(list_.get(*n).priority()) & priority_bits_;
                maintenance.no_pending = true;
            } else if (!can_spill()) {
                mask = mask_guest;
                // A lone list register would report it without end.
                maintenance.underflow = list_.count() > 1;
            }
        }
        if (maintenance != maintenance_) {
            write_maintenance(maintenance);
        }
        set_mask(mask);
    }
    void set_mask(u8 mask) {
        if (mask != mask_) {
            mask_ = mask;
            hardware().set_priority_mask(mask);
        }
    }
    void write_maintenance(Maintenance maintenance) {
        maintenance_ = maintenance;
        hardware().turn_on_virtual(maintenance);
    }

    ListRegisters<Hardware> list_{};
    Spill<ListRegister> spill_{};
    Maintenance maintenance_{};
    u8 mask_ = mask_guest;
    u8 priority_bits_ = 0xff;
    bool can_trap_dir_ = false;
};

} // namespace baton::arm64::gic
