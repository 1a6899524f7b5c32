// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicd.hpp"
#include "arch/arm64/gic/gicr.hpp"
#include "arch/arm64/gic/interrupt_registers.hpp"
#include "hyp/address.hpp"

/// A GIC's frames as Baton found them, for a host kexec to give back: the interrupts themselves go
/// into the state after a reset (nothing enabled, pending, active or configured).
namespace baton::arm64::gic {

/// Every interrupt of bank `bank` as after a reset. Those of bank 0 are in a Redistributor's
/// SGI_base frame.
template <class Machine>
void reset_bank(PhysAddr frame, u32 bank) {
    const typename Machine::template Mmio<InterruptRegister> registers{frame};
    constexpr u32 all = ~u32{0};
    const u64 word = u64{bank} * 4;
    registers.write(InterruptRegister::ICENABLER, all, word);
    registers.write(InterruptRegister::ICACTIVER, all, word);
    registers.write(InterruptRegister::ICPENDR, all, word);
    for (u32 at = 0; at < 32; at += 4) {
        registers.write(InterruptRegister::IPRIORITYR, 0, u64{bank} * 32 + at);
    }
    if (bank != 0) { // SGIs are edges for good; how PPIs are is the implementation's to say
        registers.write(InterruptRegister::ICFGR, 0, u64{bank} * 8);
        registers.write(InterruptRegister::ICFGR, 0, u64{bank} * 8 + 4);
    }
    registers.write(InterruptRegister::IGROUPR, 0, word);
}

} // namespace baton::arm64::gic
