// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of VirtualInterface: how interrupts go out of list registers, other than by the guest's
// acknowledging and ending them. Included by virtual_interface.hpp.

namespace baton::arm64::gic {

template <GicHardware Hardware>
template <class Banks>
void VirtualInterface<Hardware>::deactivate(Intid intid, const Banks& banks) {
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

template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::clear_active(u32 bank, u32 bits, const Banks& banks) {
    list().for_each([&](u32 n, ListRegister value) {
        if (value.is_active() && is_in(value.intid(), bank, bits)) {
            list().set(n, value.without_active());
        }
    });
    spill().remove(bank, bits);
    fill(banks);
}

template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::clear_pending(u32 bank, u32 bits, const Banks& banks) {
    remove_pending([&](ListRegister value) { return is_in(value.intid(), bank, bits); },
                   [&](u32, ListRegister value) { room_.deactivate_physical(value); }, banks);
}

template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::withdraw(u32 bank, u32 bits, const Banks& banks) {
    withdraw_if([&](ListRegister value) { return is_in(value.intid(), bank, bits); }, banks);
}

template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::withdraw_unforwarded(const Banks& banks) {
    const auto is_forwarded = [&](Intid intid) {
        return is_lpi(intid) ? banks.forwards_lpis() : banks(intid).is_forwarded(intid);
    };
    withdraw_if([&](ListRegister value) { return !is_forwarded(value.intid()); }, banks);
}

template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::withdraw_all(const Banks& banks) {
    list().for_each([&](u32 n, ListRegister value) {
        if (value.is_pending()) {
            withdraw_one(value, list().is_latched(n), banks);
        } else {
            room_.deactivate_physical(value);
        }
        list().set(n, {});
    });
    room_.discard_spilled();
}

template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::discard_lpis(const Banks& banks) {
    waiting_.clear();
    remove_pending([](ListRegister value) { return is_lpi(value.intid()); },
                   [](u32, ListRegister) {}, banks);
}

template <GicHardware Hardware>
inline void VirtualInterface<Hardware>::discard_all() {
    list().for_each([&](u32 n, ListRegister value) {
        room_.deactivate_physical(value);
        list().set(n, {});
    });
    room_.discard_spilled();
    waiting_.clear();
}

template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::pend_again(ListRegister value, bool latched,
                                                   const Banks& banks) {
    if (is_lpi(value.intid())) {
        waiting_.add(value.intid());
    } else {
        banks(value.intid()).pend_again(value.intid(), latched);
    }
}

/// Pending again where it came from, then no longer active: at no moment is it neither.
template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::withdraw_one(ListRegister value, bool latched,
                                                     const Banks& banks) {
    pend_again(value, latched, banks);
    if (value.is_hardware()) {
        Hardware::complete_device_writes();
        hardware().deactivate(value.intid());
    }
}

template <GicHardware Hardware>
template <class Wanted, class Banks>
inline void VirtualInterface<Hardware>::withdraw_if(Wanted wanted, const Banks& banks) {
    remove_pending(
        wanted,
        [&](u32 n, ListRegister value) { withdraw_one(value, list().is_latched(n), banks); },
        banks);
}

/// Takes the pending part of what is `wanted` out of the list registers.
template <GicHardware Hardware>
template <class Wanted, class Remove, class Banks>
inline void VirtualInterface<Hardware>::remove_pending(Wanted wanted, Remove remove,
                                                       const Banks& banks) {
    bool any = false;
    list().for_each([&](u32 n, ListRegister value) {
        if (value.is_pending() && wanted(value)) {
            remove(n, value);
            list().set(n, value.without_pending());
            any = true;
        }
    });
    if (any) {
        fill(banks);
    }
}

} // namespace baton::arm64::gic
