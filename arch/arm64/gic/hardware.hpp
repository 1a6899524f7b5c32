// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicd.hpp"
#include "arch/arm64/gic/gicr.hpp"
#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/gic/intid.hpp"
#include "hyp/address.hpp"
#include "hyp/result.hpp"

namespace baton::arm64::gic {

/// What the GIC's templates are made of: the machine itself (machine.hpp), or a model of it in unit
/// tests.
template <class T>
concept GicHardware =
    requires(typename T::template Mmio<Gicd32, Gicd64> frame, typename T::CpuInterface& cpu,
             typename T::Lock& lock, PhysRange range, PhysAddr address, bool (*done)()) {
        { frame.read(Gicd32::CTLR) } -> std::same_as<u32>;
        { frame.read(Gicd64::IROUTER, u64{8}) } -> std::same_as<u64>;
        frame.write(Gicd32::CTLR, u32{0});
        frame.write(Gicd64::IROUTER, u64{0}, u64{8});
        frame.write_byte(Gicd32::CTLR, u8{0}, u64{0});
        { cpu.bring_up(true) } -> std::same_as<Result<>>;
        { cpu.acknowledge() } -> std::same_as<Intid>;
        cpu.drop_priority(Intid{});
        cpu.deactivate(Intid{});
        cpu.send_sgi(u64{0});
        { cpu.list_register(u32{0}) } -> std::same_as<u64>;
        typename T::Lock::Guard{lock};
        lock.reset();
        /// Waits until the condition holds. False: it did not in time.
        { T::poll(done) } -> std::same_as<bool>;
        /// Is all of it RAM of the calling CPU's guest?
        { T::is_guest_memory(range) } -> std::same_as<bool>;
        { T::read_guest_byte(address) } -> std::same_as<u8>;
        T::tell_refused("", range);
        T::publish();
        T::complete_device_writes();
    };

} // namespace baton::arm64::gic
