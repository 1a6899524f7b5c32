// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicd.hpp"
#include "arch/arm64/gic/gicr.hpp"
#include "arch/arm64/gic/intid.hpp"
#include "arch/arm64/gic/maintenance.hpp"
#include "arch/arm64/gic/sgi_request.hpp"
#include "hyp/address.hpp"
#include "hyp/result.hpp"

#include <concepts>

/// What the GIC's templates are made of: the machine itself (this_machine.hpp), or a model of it in
/// unit tests.
namespace baton::arm64::gic {

/// A virtual interrupt as a list register holds it.
template <class T>
concept ListRegisterFormat = requires(const T value, Intid intid, u8 priority, bool group1) {
    /// Backed by the physical interrupt of the same number, or in software alone; pending.
    { T::hardware(intid, priority, group1) } -> std::same_as<T>;
    { T::software(intid, priority, group1) } -> std::same_as<T>;
    { value.intid() } -> std::same_as<Intid>;
    { value.priority() } -> std::same_as<u8>;
    { value.is_hardware() } -> std::same_as<bool>;
    { value.is_valid() } -> std::same_as<bool>;
    { value.is_pending() } -> std::same_as<bool>;
    { value.is_active() } -> std::same_as<bool>;
    { value.is_only_pending() } -> std::same_as<bool>;
    { value.with_pending() } -> std::same_as<T>;
    { value.without_pending() } -> std::same_as<T>;
    { value.without_active() } -> std::same_as<T>;
};

/// The calling CPU's physical interface, which is Baton's.
template <class T>
concept PhysicalInterface = requires(T& cpu, Intid intid, u8 mask, SgiRequest request) {
    { cpu.bring_up(true) } -> std::same_as<Result<>>;
    cpu.close();
    { cpu.acknowledge() } -> std::same_as<Intid>;
    cpu.drop_priority(intid);
    cpu.deactivate(intid);
    cpu.set_priority_mask(mask);
    cpu.send_sgi(request);
};

/// The control of its virtual interface, which is the guest's.
template <class T>
concept VirtualInterfaceControl =
    ListRegisterFormat<typename T::ListRegister> &&
    requires(T& cpu, typename T::ListRegister value, Maintenance maintenance) {
        { cpu.list_registers() } -> std::same_as<u32>;
        { cpu.free_list_registers() } -> std::same_as<u32>;
        { cpu.list_register(u32{0}) } -> std::same_as<typename T::ListRegister>;
        cpu.set_list_register(u32{0}, value);
        { cpu.implemented_virtual_priority() } -> std::same_as<u8>;
        { cpu.can_trap_dir() } -> std::same_as<bool>;
        { cpu.eoi_count() } -> std::same_as<u32>;
        { cpu.has_split_eoi() } -> std::same_as<bool>;
        cpu.turn_on_virtual(maintenance);
        cpu.reset_virtual();
    };

template <class T>
concept GicHardware =
    PhysicalInterface<typename T::CpuInterface> &&
    VirtualInterfaceControl<typename T::CpuInterface> &&
    requires(typename T::template Mmio<Gicd32, Gicd64> frame, typename T::Lock& lock,
             GuestRange range, GuestAddr address, bool (*done)()) {
        { frame.read(Gicd32::CTLR) } -> std::same_as<u32>;
        { frame.read(Gicd64::IROUTER, u64{8}) } -> std::same_as<u64>;
        frame.write(Gicd32::CTLR, u32{0});
        frame.write(Gicd64::IROUTER, u64{0}, u64{8});
        frame.write_byte(Gicd32::CTLR, u8{0}, u64{0});
        typename T::Lock::Guard{lock};
        lock.reset();
        /// Waits until the condition holds. False: it did not in time.
        { T::poll(done) } -> std::same_as<bool>;
        /// Is all of it RAM of the calling CPU's guest?
        { T::is_guest_memory(range) } -> std::same_as<bool>;
        { T::read_guest_byte(address) } -> std::same_as<u8>;
        T::log_refusal("", range);
        T::publish();
        T::complete_device_writes();
    };

} // namespace baton::arm64::gic
