// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/spinlock.hpp"
#include "arch/arm64/cpu/time.hpp"
#include "arch/arm64/gic/cpu_interface.hpp"
#include "arch/arm64/mmio.hpp"
#include "hyp/address.hpp"

namespace baton::arm64::gic {

/// What the GIC's templates are made of on the machine itself. Unit tests bring a model instead.
struct ThisMachine {
    template <class Register32, class Register64 = Register32>
    using Mmio = arm64::Mmio<Register32, Register64>;
    using CpuInterface = gic::CpuInterface;
    using Lock = Spinlock;

    /// Far more than a register write needs to take effect in a GIC that works.
    static constexpr u64 poll_ms = 100;

    /// Waits until `done()`. False: it did not come about in time.
    template <class Done>
    static bool poll(Done done) {
        if (done()) {
            return true;
        }
        const auto deadline = Deadline::in_ms(poll_ms);
        while (!done()) {
            if (deadline.passed()) {
                return done();
            }
            yield();
        }
        return true;
    }

    /// Is all of it RAM of the VM's current kernel?
    static bool is_guest_memory(GuestRange range);
    /// One that is.
    static u8 read_guest_byte(GuestAddr at) {
        return *reinterpret_cast<const volatile u8*>(to_phys(at).value);
    }
    /// The guest wants the GIC to use memory that is not its own: the log says so, a few times.
    static void log_refusal(const char* reg, GuestRange range);

    /// Memory written so far is visible to whoever sees the effect of a device write that follows.
    static void publish() { dsb_ishst(); }
    /// Writes to the frames have reached the GIC before a system register write that follows.
    static void complete_device_writes() { dsb_sy(); }
};

} // namespace baton::arm64::gic
