// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/intid.hpp"
#include "hyp/types.hpp"

namespace baton::arm64::gic {

/// A value of ICH_LR<n>_EL2 (IHI 0069, 12.4.9): one virtual interrupt on its way through the
/// virtual CPU interface. The hardware moves it from pending to active when the guest acknowledges
/// it and to invalid when the guest deactivates it.
struct ListRegister {
    enum class State : u32 { invalid = 0, pending = 1, active = 2, pending_and_active = 3 };

    u64 value = 0;

    /// Backed by the physical interrupt of the same INTID, which Baton has acknowledged and which
    /// is deactivated together with this one.
    static constexpr ListRegister hardware(Intid intid, u8 priority, bool group1) {
        return {hw | u64{index(intid)} << pintid_low | common(intid, priority, group1)};
    }
    /// Exists in software alone.
    static constexpr ListRegister software(Intid intid, u8 priority, bool group1) {
        return {common(intid, priority, group1)};
    }

    constexpr Intid intid() const { return Intid{static_cast<u32>(value)}; }
    constexpr u8 priority() const { return static_cast<u8>(value >> priority_low); }
    constexpr bool is_hardware() const { return (value & hw) != 0; }
    constexpr State state() const { return static_cast<State>(value >> state_low); }

    constexpr bool is_valid() const { return state() != State::invalid; }
    /// Pending and not active too: it can be withdrawn whole.
    constexpr bool is_only_pending() const { return state() == State::pending; }
    constexpr bool is_pending() const { return (value & pending_bit) != 0; }
    constexpr bool is_active() const { return (value & active_bit) != 0; }

    constexpr ListRegister with(State state) const {
        return {(value & ~(pending_bit | active_bit)) | static_cast<u64>(state) << state_low};
    }
    constexpr ListRegister with_pending() const { return {value | pending_bit}; }
    constexpr ListRegister without_pending() const { return {value & ~pending_bit}; }
    constexpr ListRegister without_active() const { return {value & ~active_bit}; }

  private:
    static constexpr unsigned pintid_low = 32;
    static constexpr unsigned priority_low = 48;
    static constexpr unsigned state_low = 62;
    static constexpr u64 group1_bit = u64{1} << 60;
    static constexpr u64 hw = u64{1} << 61;
    static constexpr u64 pending_bit = u64{1} << 62;
    static constexpr u64 active_bit = u64{1} << 63;

    static constexpr u64 common(Intid intid, u8 priority, bool group1) {
        return pending_bit | (group1 ? group1_bit : 0) | u64{priority} << priority_low |
               index(intid);
    }
};

} // namespace baton::arm64::gic
