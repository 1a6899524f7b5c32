// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/gic/intid.hpp"
#include "arch/arm64/gic/maintenance.hpp"
#include "arch/arm64/gic/priority.hpp"
#include "arch/arm64/vgic/interrupt_bank.hpp"
#include "arch/arm64/vgic/list_registers.hpp"
#include "arch/arm64/vgic/lpi_set.hpp"
#include "arch/arm64/vgic/set_aside.hpp"

namespace baton::arm64::gic {

/// Brings the interrupts of a CPU into its list registers. All members run on that CPU, at EL2.
///
/// Nothing but LPIs waits here to become pending. What finds no list register goes back to where it
/// was pending, the physical GIC or the bank of SGIs, and the physical priority mask lets only
/// those interrupts in that would displace a pending one. When the guest has taken the last pending
/// one the maintenance interrupt opens the mask again: No Pending, not Underflow, since the guest
/// may hold active interrupts for long. Active interrupts in all list registers don't shut others
/// out: the one of the lowest priority is set aside, and the virtual interface reports when the
/// guest deactivates it (a count of EOIs; the trap of ICC_DIR_EL1). An LPI has no active state:
/// what is acknowledged is nowhere but here, and waits in a set that has room for all.
///
/// What a guest can tell from a GIC of its own: an interrupt that is pending in a list register is
/// not withdrawn when its line drops, nor does another edge merge with it; and pending interrupts
/// of a group that ICC_IGRPENn_EL1 disables keep their list registers from the other group's of the
/// same or a lower priority.
template <GicHardware Hardware>
class VirtualInterface {
  public:
    using Bank = InterruptBank<Hardware>;
    using Interface = typename Hardware::CpuInterface;

    constexpr VirtualInterface() = default;
    explicit constexpr VirtualInterface(Interface hardware) : list_{hardware} {}

    Interface& hardware() { return list_.hardware(); }

    /// Once, when the CPU comes up, before it is turned on.
    /// @param priority_bits the implemented bits of a physical priority
    void bring_up(u8 priority_bits) {
        priority_bits_ = priority_bits;
        can_trap_dir_ = hardware().can_trap_dir();
        list_.bring_up();
        turn_off();
    }
    /// With a vCPU's entry state: nothing in the list registers, no active priorities, the guest's
    /// own mask and group enables as after a reset.
    void turn_on() {
        hardware().reset_virtual();
        is_on_ = true;
        write_maintenance({});
        set_mask(mask_nothing);
    }
    /// Nothing reaches the guest, and only Baton's own interrupts are signalled. What was in the
    /// list registers must have been released or dropped before.
    void turn_off() {
        is_on_ = false;
        hardware().reset_virtual();
        set_mask(mask_guest);
    }

    // Below, `banks(intid)` gives the Bank that keeps an interrupt while no list register does;
    // `banks.lpi_priority(intid)` and `banks.forwards_lpis()` tell of LPIs.

    /// A physical interrupt has been acknowledged and its priority dropped; it is active now.
    template <class Banks>
    void insert_hardware(Intid intid, const Banks& banks) {
        Bank& bank = banks(intid);
        const bool latched = bank.take_latch(intid);
        const auto interrupt =
            ListRegister::hardware(intid, bank.priority(intid), bank.is_group1(intid));
        const u32 free = list_.free();
        // The guest has it already, and another CPU deactivated it meanwhile. Pending twice is
        // pending once; active and pending is kept by the physical interrupt.
        if (const auto n = list_.find(intid, free); n || set_aside_.contains(intid)) {
            if (!n || list_.get(*n).is_active()) {
                bank.pend_again(intid, latched);
            }
            return;
        }
        const auto place = free != 0 ? list_.first(free) : make_room(interrupt.priority(), banks);
        if (place) {
            list_.put(*place, interrupt, latched);
        } else {
            give_back(interrupt, latched, banks);
        }
        if (is_last(free)) {
            update();
        }
    }

    /// An LPI has been acknowledged and its priority dropped, also while the CPU is off.
    template <class Banks>
    void insert_lpi(Intid intid, const Banks& banks) {
        if (!is_on() || waiting_.contains(intid) || !banks.forwards_lpis() ||
            !present_lpi(intid, banks)) {
            waiting_.add(intid);
        }
    }
    /// From any CPU: this one is to present it when it has been kicked.
    void leave_lpi(Intid intid) { waiting_.add(intid); }
    /// False: it has been presented.
    bool take_lpi(Intid intid) { return waiting_.remove(intid); }
    std::optional<Intid> first_waiting_lpi() const { return waiting_.first(); }
    void forget_waiting_lpis() { waiting_.clear(); }
    bool has_waiting_lpis() const { return !waiting_.empty(); }
    bool is_on() const { return is_on_.load(); }

    /// What is set aside and what SGIs are pending goes into list registers, and the mask follows.
    /// To be called whenever there may be more of it, or room: cheap if there is neither.
    template <class Banks>
    void fill(const Banks& banks) {
        if (!is_on()) {
            return;
        }
        settle_set_aside();
        take_in_set_aside();
        Bank& bank = banks(Intid{});
        u32 tried = 0;
        for (u32 sgis = bank.deliverable(); (sgis &= ~tried) != 0; sgis = bank.deliverable()) {
            const Intid sgi = highest(sgis, bank);
            tried |= bit_of(sgi);
            if (!insert_sgi(sgi, banks)) {
                break;
            }
        }
        take_in_lpis(banks);
        if (is_constrained()) {
            update();
        }
    }
    HeldInterrupts held(u32 bank) const {
        HeldInterrupts held = list_.of_bank(bank);
        held.active |= set_aside_.of_bank(bank);
        return held;
    }
    bool has_pending() const {
        bool pending = !waiting_.empty();
        list_.for_each([&](u32, ListRegister value) { pending |= value.is_pending(); });
        return pending;
    }

    /// The guest's write to ICC_DIR_EL1, which traps while interrupts are set aside.
    template <class Banks>
    void deactivate(Intid intid, const Banks& banks) {
        if (!banks.has(intid) || !hardware().has_split_eoi()) {
            return;
        }
        const HeldInterrupts in = held(bank_of(intid));
        if ((in.pending & ~in.active & bit_of(intid)) != 0) {
            return; // The guest has not acknowledged it: active is only the physical interrupt.
        }
        if (!is_sgi(intid)) {
            hardware().deactivate(intid);
        }
        clear_active(bank_of(intid), bit_of(intid), banks);
    }
    /// As if the guest had deactivated them; the physical ones stay as they are.
    template <class Banks>
    void clear_active(u32 bank, u32 bits, const Banks& banks) {
        list_.for_each([&](u32 n, ListRegister value) {
            if (value.is_active() && value.is_in(bank, bits)) {
                list_.set(n, value.without_active());
            }
        });
        set_aside_.remove(bank, bits);
        fill(banks);
    }
    /// Pending interrupts out of the list registers, and forgotten.
    template <class Banks>
    void clear_pending(u32 bank, u32 bits, const Banks& banks) {
        remove_pending([&](ListRegister value) { return value.is_in(bank, bits); },
                       [&](u32, ListRegister value) { deactivate_physical(value); }, banks);
    }
    /// Pending interrupts out of the list registers, back to where they were pending.
    template <class Banks>
    void take_back(u32 bank, u32 bits, const Banks& banks) {
        take_back_if([&](ListRegister value) { return value.is_in(bank, bits); }, banks);
    }
    /// Those of a group that is forwarded no longer.
    template <class Banks>
    void take_back_unforwarded(const Banks& banks) {
        const auto is_forwarded = [&](Intid intid) {
            return is_lpi(intid) ? banks.forwards_lpis() : banks(intid).is_forwarded(intid);
        };
        take_back_if([&](ListRegister value) { return !is_forwarded(value.intid()); }, banks);
    }
    /// The guest has turned its LPIs off.
    template <class Banks>
    void drop_lpis(const Banks& banks) {
        waiting_.clear();
        remove_pending([](ListRegister value) { return is_lpi(value.intid()); },
                       [](u32, ListRegister) {}, banks);
    }

    /// Every list register emptied; what was pending stays pending for whoever it is routed to.
    template <class Banks>
    void release_all(const Banks& banks) {
        list_.for_each([&](u32 n, ListRegister value) {
            if (value.is_pending()) {
                give_back(value, list_.is_latched(n), banks);
            } else {
                deactivate_physical(value);
            }
            list_.set(n, {});
        });
        drop_set_aside();
    }
    /// Every list register emptied, and what was in them deactivated and forgotten.
    void drop_all() {
        list_.for_each([&](u32 n, ListRegister value) {
            deactivate_physical(value);
            list_.set(n, {});
        });
        drop_set_aside();
        waiting_.clear();
    }

  private:
    /// LPIs that are compared to find the most urgent one; the others wait.
    static constexpr u32 most_compared = 64;

    /// No list register was left, or will be when one more is taken.
    static bool is_last(u32 free) { return (free & (free - 1)) == 0; }

    static Intid highest(u32 sgis, const Bank& bank) {
        Intid highest{ListRegisters<Hardware>::first(sgis)};
        for (sgis &= sgis - 1; sgis != 0; sgis &= sgis - 1) {
            const Intid sgi{ListRegisters<Hardware>::first(sgis)};
            highest = bank.priority(sgi) < bank.priority(highest) ? sgi : highest;
        }
        return highest;
    }
    /// False: there is no room for it, nor for any of a lower priority.
    template <class Banks>
    bool insert_sgi(Intid sgi, const Banks& banks) {
        Bank& bank = banks(Intid{});
        if (set_aside_.contains(sgi)) {
            return true; // Not signalled again before it is deactivated.
        }
        const u32 free = list_.free();
        if (const auto n = list_.find(sgi, free)) {
            if (bank.take(sgi)) {
                list_.put(*n, list_.get(*n).with_pending(), true);
            }
            return true;
        }
        const auto interrupt = ListRegister::software(sgi, bank.priority(sgi), bank.is_group1(sgi));
        const auto place = free != 0 ? list_.first(free) : make_room(interrupt.priority(), banks);
        if (place && bank.take(sgi)) {
            list_.put(*place, interrupt, true);
        }
        if (is_last(free)) {
            update();
        }
        return place.has_value();
    }

    /// False: there is no room for it, or the guest has not ended the one before it.
    template <class Banks>
    bool present_lpi(Intid intid, const Banks& banks) {
        if (set_aside_.contains(intid)) {
            return false;
        }
        const u32 free = list_.free();
        if (const auto n = list_.find(intid, free)) {
            list_.put(*n, list_.get(*n).with_pending(), true);
            return true;
        }
        constexpr bool group1 = true;
        const auto lpi = ListRegister::software(intid, banks.lpi_priority(intid), group1);
        const auto place = free != 0 ? list_.first(free) : make_room(lpi.priority(), banks);
        if (place) {
            list_.put(*place, lpi, true);
        }
        if (is_last(free)) {
            update();
        }
        return place.has_value();
    }
    template <class Banks>
    void take_in_lpis(const Banks& banks) {
        while (!waiting_.empty() && banks.forwards_lpis()) {
            const auto lpi = most_urgent_lpi(banks);
            if (!lpi || !present_lpi(*lpi, banks)) {
                break;
            }
            waiting_.remove(*lpi);
        }
    }
    template <class Banks>
    std::optional<Intid> most_urgent_lpi(const Banks& banks) const {
        std::optional<Intid> best;
        u8 priority = 0;
        u32 seen = 0;
        waiting_.for_each([&](Intid lpi) {
            if (const u8 its = banks.lpi_priority(lpi);
                !set_aside_.contains(lpi) && (!best || its < priority)) {
                best = lpi;
                priority = its;
            }
            return ++seen < most_compared;
        });
        return best;
    }

    /// A list register for an interrupt of this priority when none is free: that of the lowest
    /// pending one, if that is lower still; if none is only pending, that of the lowest active one.
    template <class Banks>
    std::optional<u32> make_room(u8 priority, const Banks& banks) {
        if (const auto n = list_.lowest_pending()) {
            const ListRegister victim = list_.get(*n);
            if (priority >= victim.priority()) {
                return std::nullopt;
            }
            give_back(victim, list_.is_latched(*n), banks);
            list_.set(*n, {});
            return n;
        }
        if (!can_set_aside()) {
            return std::nullopt;
        }
        const auto n = list_.lowest();
        const ListRegister victim = list_.get(*n);
        if (victim.is_pending()) {
            pend_again(victim, true, banks);
        }
        // With a split EOI nobody would say when an LPI ends: it is not deactivated (4.6).
        if (!is_lpi(victim.intid()) || !hardware().has_split_eoi()) {
            set_aside_.add(victim.without_pending());
        }
        list_.set(*n, {});
        return n;
    }

    template <class Banks>
    void pend_again(ListRegister value, bool latched, const Banks& banks) {
        if (is_lpi(value.intid())) {
            waiting_.add(value.intid());
        } else {
            banks(value.intid()).pend_again(value.intid(), latched);
        }
    }
    /// Pending again where it came from, then no longer active: at no moment is it neither.
    template <class Banks>
    void give_back(ListRegister value, bool latched, const Banks& banks) {
        pend_again(value, latched, banks);
        if (value.is_hardware()) {
            Hardware::complete_device_writes();
            hardware().deactivate(value.intid());
        }
    }
    void deactivate_physical(ListRegister value) {
        if (value.is_hardware()) {
            hardware().deactivate(value.intid());
        }
    }
    template <class Wanted, class Banks>
    void take_back_if(Wanted wanted, const Banks& banks) {
        remove_pending(
            wanted,
            [&](u32 n, ListRegister value) { give_back(value, list_.is_latched(n), banks); },
            banks);
    }
    /// Takes the pending part of what is `wanted` out of the list registers.
    template <class Wanted, class Remove, class Banks>
    void remove_pending(Wanted wanted, Remove remove, const Banks& banks) {
        bool any = false;
        list_.for_each([&](u32 n, ListRegister value) {
            if (value.is_pending() && wanted(value)) {
                remove(n, value);
                list_.set(n, value.without_pending());
                any = true;
            }
        });
        if (any) {
            fill(banks);
        }
    }

    // Interrupts that are set aside.

    /// Without the trap of ICC_DIR_EL1 it could not be told which one a split EOI ends.
    bool can_set_aside() {
        return !set_aside_.full() && (can_trap_dir_ || !hardware().has_split_eoi());
    }
    /// The hardware counts interrupts that the guest ended without a list register. The guest ends
    /// them in the order of their priorities, so each was the highest. A split EOI has trapped.
    void settle_set_aside() {
        if (set_aside_.empty()) {
            return;
        }
        const u32 ended = hardware().eoi_count();
        if (ended == 0) {
            return;
        }
        for (u32 n = hardware().has_split_eoi() ? 0 : ended; n != 0 && !set_aside_.empty(); n--) {
            deactivate_physical(set_aside_.take_highest());
        }
        write_maintenance(maintenance_); // Clears the count.
    }
    /// Back into list registers, where their end costs nothing.
    void take_in_set_aside() {
        if (set_aside_.empty()) {
            return;
        }
        for (u32 free = list_.free(); free != 0 && !set_aside_.empty(); free &= free - 1) {
            list_.put(list_.first(free), set_aside_.take_highest(), false);
        }
    }
    void drop_set_aside() {
        while (!set_aside_.empty()) {
            deactivate_physical(set_aside_.take_highest());
        }
    }

    // What may come in, and what is to be told.

    bool is_constrained() const {
        return mask_ != mask_nothing || maintenance_ != Maintenance{} || !set_aside_.empty();
    }

    /// By what the list registers hold now.
    void update() {
        settle_set_aside(); // Before the count is cleared.
        Maintenance maintenance{.ended_elsewhere = !set_aside_.empty(),
                                .trap_dir = !set_aside_.empty() && can_trap_dir_};
        u8 mask = mask_nothing;
        if (list_.free() == 0) {
            if (const auto n = list_.lowest_pending()) {
                // Cut as the GIC cuts priorities: those of the same priority stay out too.
                mask = to_physical_priority(list_.get(*n).priority()) & priority_bits_;
                maintenance.no_pending = true;
            } else if (!can_set_aside()) {
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
    SetAside set_aside_{};
    Maintenance maintenance_{};
    u8 mask_ = mask_guest;
    u8 priority_bits_ = 0xff;
    bool can_trap_dir_ = false;
    /// The CPU's own, which others look at before they leave it an LPI.
    std::atomic<bool> is_on_{false};
    LpiSet waiting_;
};

} // namespace baton::arm64::gic
