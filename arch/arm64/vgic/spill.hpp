// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/hardware.hpp"
#include "hyp/static_vector.hpp"

namespace baton::arm64::gic {

/// Active interrupts that had to make room for pending ones in the list registers.
template <ListRegisterFormat ListRegister>
class Spill {
  public:
    bool empty() const { return interrupts_.empty(); }
    bool full() const { return interrupts_.size() == interrupts_.capacity; }

    /// Not when full.
    void add(ListRegister active) { static_cast<void>(interrupts_.push(active)); }
    /// Removes and returns the one of the highest priority. Not when empty.
    ListRegister take_highest() {
        usize highest = 0;
        for (usize i = 1; i < interrupts_.size(); i++) {
            if (interrupts_[i].priority() < interrupts_[highest].priority()) {
                highest = i;
            }
        }
        const ListRegister taken = interrupts_[highest];
        interrupts_.erase(highest);
        return taken;
    }
    void remove(u32 bank, u32 bits) {
        for (usize i = interrupts_.size(); i != 0; i--) {
            if (is_in(interrupts_[i - 1].intid(), bank, bits)) {
                interrupts_.erase(i - 1);
            }
        }
    }

    bool contains(Intid intid) const { return (of_bank(bank_of(intid)) & bit_of(intid)) != 0; }
    u32 of_bank(u32 bank) const {
        u32 bits = 0;
        for (const ListRegister interrupt : interrupts_) {
            bits |= bank_of(interrupt.intid()) == bank ? bit_of(interrupt.intid()) : 0;
        }
        return bits;
    }

  private:
    StaticVector<ListRegister, 64> interrupts_;
};

} // namespace baton::arm64::gic
