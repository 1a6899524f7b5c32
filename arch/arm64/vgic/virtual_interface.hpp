// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/vgic/interrupt_bank.hpp"
#include "arch/arm64/vgic/list_room.hpp"
#include "arch/arm64/vgic/lpi_set.hpp"

namespace baton::arm64::gic {

/// Brings the interrupts of a CPU into its list registers. All members run on that CPU, at EL2.
///
/// Nothing but LPIs waits here to become pending. What finds no list register goes back to where it
/// was pending, the physical GIC or the bank of SGIs; ListRoom sees to it that it does not come
/// again at once. An LPI has no active state: what is acknowledged is nowhere but here, and waits
/// in a set that has room for all.
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
    using ListRegister = typename Interface::ListRegister;

    constexpr VirtualInterface() = default;
    explicit constexpr VirtualInterface(Interface hardware) : room_{hardware} {}

    Interface& hardware() { return room_.hardware(); }

    /// Once, when the CPU comes up, before it is turned on.
    /// @param priority_bits the implemented bits of a physical priority
    void bring_up(u8 priority_bits) {
        room_.bring_up(priority_bits);
        turn_off();
    }
    /// With a vCPU's entry state: nothing in the list registers, no active priorities, the guest's
    /// own mask and group enables as after a reset.
    void turn_on() {
        hardware().reset_virtual();
        is_on_ = true;
        room_.open();
    }
    /// Nothing reaches the guest, and only Baton's own interrupts are signalled. What was in the
    /// list registers must have been withdrawn or discarded before.
    void turn_off() {
        is_on_ = false;
        hardware().reset_virtual();
        room_.close();
    }
    bool is_on() const { return is_on_.load(); }

    // Below, `banks(intid)` gives the Bank that keeps an interrupt while no list register does;
    // `banks.lpi_priority(intid)` and `banks.forwards_lpis()` tell of LPIs.

    /// A physical interrupt has been acknowledged and its priority dropped; it is active now.
    template <class Banks>
    void insert_hardware(Intid intid, const Banks& banks);
    /// An LPI has been acknowledged and its priority dropped, also while the CPU is off.
    template <class Banks>
    void insert_lpi(Intid intid, const Banks& banks) {
        if (!is_on() || waiting_.contains(intid) || !banks.forwards_lpis() ||
            !present_lpi(intid, banks)) {
            waiting_.add(intid);
        }
    }
    /// What is spilled and what SGIs are pending goes into list registers, and the mask follows.
    /// To be called whenever there may be more of it, or room: cheap if there is neither.
    template <class Banks>
    void fill(const Banks& banks);

    /// From any CPU: this one is to present it when it has been kicked.
    void post_lpi(Intid intid) { waiting_.add(intid); }
    /// False: it has been presented.
    bool take_lpi(Intid intid) { return waiting_.remove(intid); }
    std::optional<Intid> first_waiting_lpi() const { return waiting_.first(); }
    void clear_waiting_lpis() { waiting_.clear(); }
    bool has_waiting_lpis() const { return !waiting_.empty(); }

    HeldInterrupts held(u32 bank) const {
        HeldInterrupts held = list().of_bank(bank);
        held.active |= spill().of_bank(bank);
        return held;
    }
    bool has_pending() const {
        bool pending = !waiting_.empty();
        list().for_each([&](u32, ListRegister value) { pending |= value.is_pending(); });
        return pending;
    }

    /// The guest's write to ICC_DIR_EL1, which traps while interrupts are spilled. Not inlined:
    /// SGIs come on the same way, and would pay for the registers that it takes.
    template <class Banks>
    [[gnu::noinline]] void deactivate(Intid intid, const Banks& banks);
    /// As if the guest had deactivated them; the physical ones stay as they are.
    template <class Banks>
    void clear_active(u32 bank, u32 bits, const Banks& banks);
    /// Pending interrupts out of the list registers, and gone.
    template <class Banks>
    void clear_pending(u32 bank, u32 bits, const Banks& banks);
    /// Pending interrupts out of the list registers, back to where they were pending.
    template <class Banks>
    void withdraw(u32 bank, u32 bits, const Banks& banks);
    /// Those of a group that is forwarded no longer.
    template <class Banks>
    void withdraw_unforwarded(const Banks& banks);
    /// Every list register emptied; what was pending stays pending for whoever it is routed to.
    template <class Banks>
    void withdraw_all(const Banks& banks);
    /// The guest has turned its LPIs off.
    template <class Banks>
    void discard_lpis(const Banks& banks);
    /// Every list register emptied, and what was in them deactivated and gone.
    void discard_all();

  private:
    /// LPIs that are compared to find the most urgent one; the others wait.
    static constexpr u32 most_compared = 64;

    ListRegisters<Hardware>& list() { return room_.list(); }
    const ListRegisters<Hardware>& list() const { return room_.list(); }
    Spill<ListRegister>& spill() { return room_.spill(); }
    const Spill<ListRegister>& spill() const { return room_.spill(); }

    static Intid highest(u32 sgis, const Bank& bank);
    template <class Banks>
    bool insert_sgi(Intid sgi, const Banks& banks);
    template <class Banks>
    bool present_lpi(Intid intid, const Banks& banks);
    template <class Banks>
    void take_in_lpis(const Banks& banks);
    template <class Banks>
    std::optional<Intid> most_urgent_lpi(const Banks& banks) const;
    template <class Banks>
    std::optional<u32> make_room(u8 priority, const Banks& banks);

    template <class Banks>
    void pend_again(ListRegister value, bool latched, const Banks& banks);
    template <class Banks>
    void withdraw_one(ListRegister value, bool latched, const Banks& banks);
    template <class Wanted, class Banks>
    void withdraw_if(Wanted wanted, const Banks& banks);
    template <class Wanted, class Remove, class Banks>
    void remove_pending(Wanted wanted, Remove remove, const Banks& banks);

    ListRoom<Hardware> room_{};
    /// The CPU's own, which others look at before they post it an LPI.
    std::atomic<bool> is_on_{false};
    LpiSet waiting_;
};

} // namespace baton::arm64::gic

#include "arch/arm64/vgic/virtual_interface_insert.hpp"
#include "arch/arm64/vgic/virtual_interface_remove.hpp"
