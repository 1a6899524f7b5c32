// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of VirtualInterface: how an interrupt comes into a list register. Included by
// virtual_interface.hpp.

namespace baton::arm64::gic {

template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::insert_hardware(Intid intid, const Banks& banks) {
    Bank& bank = banks(intid);
    const bool latched = bank.take_latch(intid);
    const auto interrupt =
        ListRegister::hardware(intid, bank.priority(intid), bank.is_group1(intid));
    const u32 free = list().free();
    // The guest has it already, and another CPU deactivated it meanwhile. Pending twice is
    // pending once; active and pending is kept by the physical interrupt.
    if (const auto n = list().find(intid, free); n || spill().contains(intid)) {
        if (!n || list().get(*n).is_active()) {
            bank.pend_again(intid, latched);
        }
        return;
    }
    const auto place = free != 0 ? list().first(free) : make_room(interrupt.priority(), banks);
    if (place) {
        list().put(*place, interrupt, latched);
    } else {
        withdraw_one(interrupt, latched, banks);
    }
    room_.note_use(free);
}

template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::fill(const Banks& banks) {
    if (!is_on()) {
        return;
    }
    room_.deactivate_ended();
    room_.take_in_spilled();
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
    room_.update_if_constrained();
}

template <GicHardware Hardware>
inline Intid VirtualInterface<Hardware>::highest(u32 sgis, const Bank& bank) {
    Intid highest{ListRegisters<Hardware>::first(sgis)};
    for (sgis &= sgis - 1; sgis != 0; sgis &= sgis - 1) {
        const Intid sgi{ListRegisters<Hardware>::first(sgis)};
        highest = bank.priority(sgi) < bank.priority(highest) ? sgi : highest;
    }
    return highest;
}

/// False: there is no room for it, nor for any of a lower priority.
template <GicHardware Hardware>
template <class Banks>
inline bool VirtualInterface<Hardware>::insert_sgi(Intid sgi, const Banks& banks) {
    Bank& bank = banks(Intid{});
    if (spill().contains(sgi)) {
        return true; // Not signalled again before it is deactivated.
    }
    const u32 free = list().free();
    if (const auto n = list().find(sgi, free)) {
        if (bank.take(sgi)) {
            list().put(*n, list().get(*n).with_pending(), true);
        }
        return true;
    }
    const auto interrupt = ListRegister::software(sgi, bank.priority(sgi), bank.is_group1(sgi));
    const auto place = free != 0 ? list().first(free) : make_room(interrupt.priority(), banks);
    if (place && bank.take(sgi)) {
        list().put(*place, interrupt, true);
    }
    room_.note_use(free);
    return place.has_value();
}

/// False: there is no room for it, or the guest has not ended the one before it.
template <GicHardware Hardware>
template <class Banks>
inline bool VirtualInterface<Hardware>::present_lpi(Intid intid, const Banks& banks) {
    if (spill().contains(intid)) {
        return false;
    }
    const u32 free = list().free();
    if (const auto n = list().find(intid, free)) {
        list().put(*n, list().get(*n).with_pending(), true);
        return true;
    }
    constexpr bool group1 = true;
    const auto lpi = ListRegister::software(intid, banks.lpi_priority(intid), group1);
    const auto place = free != 0 ? list().first(free) : make_room(lpi.priority(), banks);
    if (place) {
        list().put(*place, lpi, true);
    }
    room_.note_use(free);
    return place.has_value();
}

template <GicHardware Hardware>
template <class Banks>
inline void VirtualInterface<Hardware>::take_in_lpis(const Banks& banks) {
    while (!waiting_.empty() && banks.forwards_lpis()) {
        const auto lpi = most_urgent_lpi(banks);
        if (!lpi || !present_lpi(*lpi, banks)) {
            break;
        }
        waiting_.remove(*lpi);
    }
}

template <GicHardware Hardware>
template <class Banks>
inline std::optional<Intid> VirtualInterface<Hardware>::most_urgent_lpi(const Banks& banks) const {
    std::optional<Intid> best;
    u8 priority = 0;
    u32 seen = 0;
    waiting_.for_each([&](Intid lpi) {
        if (const u8 its = banks.lpi_priority(lpi);
            !spill().contains(lpi) && (!best || its < priority)) {
            best = lpi;
            priority = its;
        }
        return ++seen < most_compared;
    });
    return best;
}

/// A list register for an interrupt of this priority when none is free: that of the lowest
/// pending one, if that is lower still; if none is only pending, that of the lowest active one.
template <GicHardware Hardware>
template <class Banks>
inline std::optional<u32> VirtualInterface<Hardware>::make_room(u8 priority, const Banks& banks) {
    if (const auto n = list().lowest_pending()) {
        const ListRegister victim = list().get(*n);
        if (priority >= victim.priority()) {
            return std::nullopt;
        }
        withdraw_one(victim, list().is_latched(*n), banks);
        list().set(*n, {});
        return n;
    }
    if (!room_.can_spill()) {
        return std::nullopt;
    }
    const auto n = list().lowest();
    const ListRegister victim = list().get(*n);
    if (victim.is_pending()) {
        pend_again(victim, true, banks);
    }
    // With a split EOI nobody would say when an LPI ends: it is not deactivated (4.6).
    if (!is_lpi(victim.intid()) || !hardware().has_split_eoi()) {
        spill().add(victim.without_pending());
    }
    list().set(*n, {});
    return n;
}

} // namespace baton::arm64::gic
