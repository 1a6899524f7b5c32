// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/vgic/held_interrupts.hpp"

#include <bit>
#include <optional>

namespace baton::arm64::gic {

/// The calling CPU's list registers. They are live: between two exits the guest acknowledges and
/// deactivates what they hold.
template <GicHardware Hardware>
class ListRegisters {
  public:
    using Interface = typename Hardware::CpuInterface;
    using ListRegister = typename Interface::ListRegister;

    constexpr ListRegisters() = default;
    explicit constexpr ListRegisters(Interface hardware) : hardware_{hardware} {}

    Interface& hardware() { return hardware_; }
    void bring_up() { count_ = hardware_.list_registers(); }
    u32 count() const { return count_; }

    /// A bit for each that is free, and for those that do not exist none.
    u32 free() const { return hardware_.free_list_registers() & all(); }
    ListRegister get(u32 n) const { return hardware_.list_register(n); }
    /// @param latched pending whatever its line does
    void put(u32 n, ListRegister value, bool latched) {
        latched_ = (latched_ & ~(u32{1} << n)) | u32{latched} << n;
        set(n, value);
    }
    void set(u32 n, ListRegister value) { hardware_.set_list_register(n, value); }
    bool is_latched(u32 n) const { return (latched_ >> n & 1) != 0; }

    static u32 first(u32 bits) { return static_cast<u32>(std::countr_zero(bits)); }

    /// Calls f(n, value) for each that is in use.
    template <class F>
    void for_each(F f) const {
        for (u32 used = all() & ~free(); used != 0; used &= used - 1) {
            const u32 n = first(used);
            if (const ListRegister value = get(n); value.is_valid()) {
                f(n, value);
            }
        }
    }
    /// @param free as `free()` returned it
    std::optional<u32> find(Intid intid, u32 free) const {
        for (u32 used = all() & ~free; used != 0; used &= used - 1) {
            const ListRegister value = get(first(used));
            if (value.intid() == intid && value.is_valid()) {
                return first(used);
            }
        }
        return std::nullopt;
    }
    /// The one of the lowest priority among the pending ones (not active too), or among all.
    std::optional<u32> lowest_pending() const {
        return lowest([](ListRegister value) { return value.is_only_pending(); });
    }
    std::optional<u32> lowest() const {
        return lowest([](ListRegister) { return true; });
    }

    HeldInterrupts of_bank(u32 bank) const {
        HeldInterrupts held;
        for_each([&](u32 n, ListRegister value) {
            if (bank_of(value.intid()) == bank) {
                const u32 bit = bit_of(value.intid());
                held.pending |= value.is_pending() ? bit : 0;
                held.active |= value.is_active() ? bit : 0;
                held.latched |= value.is_pending() && is_latched(n) ? bit : 0;
            }
        });
        return held;
    }

  private:
    u32 all() const { return (u32{1} << count_) - 1; }

    template <class Wanted>
    std::optional<u32> lowest(Wanted wanted) const {
        std::optional<u32> lowest;
        u8 priority = 0;
        for_each([&](u32 n, ListRegister value) {
            if (wanted(value) && (!lowest || value.priority() > priority)) {
                lowest = n;
                priority = value.priority();
            }
        });
        return lowest;
    }

    Interface hardware_{};
    u32 count_ = 0;
    u32 latched_ = 0;
};

} // namespace baton::arm64::gic
