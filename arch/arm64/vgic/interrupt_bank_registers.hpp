// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of InterruptBank: the guest's accesses to its registers. Included by interrupt_bank.hpp.

namespace baton::arm64::gic {

template <GicHardware Hardware>
inline u32 InterruptBank<Hardware>::read(InterruptRegisterAt at, HeldInterrupts held) const {
    switch (at.reg) {
    case InterruptRegister::IGROUPR:
        return group1() & guest_;
    case InterruptRegister::ISENABLER:
    case InterruptRegister::ICENABLER:
        return enabled();
    case InterruptRegister::ISPENDR:
    case InterruptRegister::ICPENDR:
        return (physical_->read(InterruptRegister::ISPENDR) & hardware()) |
               (pending_.load(std::memory_order_relaxed) & software()) |
               (held.pending & (held.latched | software()));
    case InterruptRegister::ISACTIVER:
    case InterruptRegister::ICACTIVER:
        return (physical_->read(InterruptRegister::ISACTIVER) & hardware() &
                ~(held.pending & ~held.active)) |
               (held.active & software());
    case InterruptRegister::ICFGR:
        return PhysicalBank<Hardware>::spread(edge_.load(std::memory_order_relaxed) & guest_,
                                              at.byte);
    case InterruptRegister::IPRIORITYR:
        return priorities_.word(at.byte / 4);
    default:
        return 0;
    }
}

template <GicHardware Hardware>
inline void InterruptBank<Hardware>::set_group1(u32 bits) {
    const Guard guard{lock_};
    group1_.store(bits & guest_, std::memory_order_relaxed);
    forward_locked();
}

template <GicHardware Hardware>
inline void InterruptBank<Hardware>::enable(u32 bits) {
    const Guard guard{lock_};
    priorities_.update_hardware_of(bits & guest_ & ~enabled());
    enabled_.fetch_or(bits & guest_, std::memory_order_relaxed);
    write_if_any(InterruptRegister::ISENABLER, bits & hardware() & forwarded());
}

template <GicHardware Hardware>
inline void InterruptBank<Hardware>::disable(u32 bits) {
    const Guard guard{lock_};
    enabled_.fetch_and(~bits, std::memory_order_relaxed);
    write_if_any(InterruptRegister::ICENABLER, bits & hardware());
}

template <GicHardware Hardware>
inline void InterruptBank<Hardware>::set_pending(u32 bits, HeldInterrupts held) {
    const Guard guard{lock_};
    pending_.fetch_or(bits & software()); // As in `send`.
    // Pending already, in a list register: physically it is active, and would pend once more.
    const u32 physical = bits & hardware() & ~held.pending;
    pend_physical(physical);
}

template <GicHardware Hardware>
inline void InterruptBank<Hardware>::clear_pending(u32 bits) {
    const Guard guard{lock_};
    pending_.fetch_and(~(bits & software()), std::memory_order_relaxed);
    latched_.fetch_and(~bits, std::memory_order_relaxed);
    write_if_any(InterruptRegister::ICPENDR, bits & hardware());
}

template <GicHardware Hardware>
inline void InterruptBank<Hardware>::clear_active(u32 bits, HeldInterrupts held) {
    // The guest has not seen it yet: physically active means pending to the guest.
    const u32 only_pending = held.pending & ~held.active;
    write_if_any(InterruptRegister::ICACTIVER, bits & hardware() & ~only_pending);
}

template <GicHardware Hardware>
inline void InterruptBank<Hardware>::set_config(u32 byte, u32 value) {
    const Guard guard{lock_};
    const u32 half = byte == 0 ? 0x0000ffff : 0xffff0000;
    is_configured_ = true;
    const u32 now =
        physical_->set_edges(half & hardware(), PhysicalBank<Hardware>::gather(value, byte));
    edge_.store((now & ~software()) | software(), std::memory_order_relaxed);
}

template <GicHardware Hardware>
inline void InterruptBank<Hardware>::set_priorities(u32 byte, u32 size, u32 value) {
    const Guard guard{lock_};
    priorities_.write(byte, size, value);
}

} // namespace baton::arm64::gic
