// SPDX-License-Identifier: BSD-2-Clause
//
// PSCI 1.1 as the guest sees it (Arm DEN0022). What CPUs are on is decided by the lifecycle engine,
// never by the firmware: its CPUs are all on, for Baton.
#include "arch/arm64/calls/firmware_call.hpp"
#include "arch/arm64/calls/smccc.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "guest-api/baton.h"
#include "hyp/arch.hpp"
#include "hyp/vm/vm.hpp"

namespace baton::arm64 {
namespace {

enum Function : u32 {
    PSCI_VERSION = 0x8400'0000,
    CPU_SUSPEND_32 = 0x8400'0001,
    CPU_SUSPEND_64 = 0xc400'0001,
    CPU_OFF = 0x8400'0002,
    CPU_ON_32 = 0x8400'0003,
    CPU_ON_64 = 0xc400'0003,
    AFFINITY_INFO_32 = 0x8400'0004,
    AFFINITY_INFO_64 = 0xc400'0004,
    MIGRATE_INFO_TYPE = 0x8400'0006,
    SYSTEM_OFF = 0x8400'0008,
    SYSTEM_RESET = 0x8400'0009,
    PSCI_FEATURES = 0x8400'000a,
    SYSTEM_RESET2_32 = 0x8400'0012,
    SYSTEM_RESET2_64 = 0xc400'0012,
};

enum Status : CallStatus {
    SUCCESS = 0,
    INVALID_PARAMETERS = -2,
    DENIED = -3,
    ALREADY_ON = -4,
    ON_PENDING = -5,
    INTERNAL_FAILURE = -6,
    DISABLED = -8,
    INVALID_ADDRESS = -9,
};

enum AffinityState : CallStatus { ON = 0, OFF = 1, TURNING_ON = 2 };

constexpr CallStatus version_1_1 = 0x1'0001;
/// MIGRATE_INFO_TYPE: no Trusted OS that would have to be migrated.
constexpr CallStatus no_trusted_os = 2;

CallStatus features(u32 function) {
    switch (function) {
    case PSCI_VERSION:
    case CPU_SUSPEND_32: // original power_state format, no OS-initiated mode
    case CPU_SUSPEND_64:
    case CPU_OFF:
    case CPU_ON_32:
    case CPU_ON_64:
    case AFFINITY_INFO_32:
    case AFFINITY_INFO_64:
    case MIGRATE_INFO_TYPE:
    case SYSTEM_OFF:
    case SYSTEM_RESET:
    case PSCI_FEATURES:
    case SYSTEM_RESET2_32:
    case SYSTEM_RESET2_64:
    case SMCCC_VERSION:
        return SUCCESS;
    default:
        return not_supported;
    }
}

/// The vCPU of the VM with these affinity fields; null if it has no such.
const Vcpu* find_vcpu(const Vm& vm, Mpidr mpidr) {
    for (const Vcpu& vcpu : vm.lifecycle().vcpus()) {
        if (cpu_of(vcpu).mpidr == mpidr) {
            return &vcpu;
        }
    }
    return nullptr;
}

CallStatus cpu_on(Vm& vm, const GuestCall& call) {
    const Vcpu* const target = find_vcpu(vm, Mpidr{call.argument(0)});
    if (target == nullptr || !arch::is_up(*target)) {
        return INVALID_PARAMETERS;
    }
    const GuestAddr entry{call.argument(1)};
    if (!entry.is_aligned(4) || !arch::is_guest_memory(vm, entry)) {
        return INVALID_ADDRESS;
    }
    switch (vm.lifecycle().cpu_on(target->id, {.entry = entry, .argument = call.argument(2)})) {
    case Lifecycle::CpuOn::success:
        return SUCCESS;
    case Lifecycle::CpuOn::already_on:
        return ALREADY_ON;
    case Lifecycle::CpuOn::on_pending:
        return ON_PENDING;
    case Lifecycle::CpuOn::park:
        vm.follow(Next::park);
        return INTERNAL_FAILURE;
    case Lifecycle::CpuOn::lost:
    case Lifecycle::CpuOn::timed_out:
        break;
    }
    return INTERNAL_FAILURE;
}

CallStatus affinity_info(Vm& vm, const GuestCall& call) {
    constexpr u64 lowest_level = 0; // DEN0022 5.7.1: from 1.0 on others need not be supported
    const Vcpu* const vcpu = find_vcpu(vm, Mpidr{call.argument(0)});
    if (vcpu == nullptr || !arch::is_up(*vcpu) || call.argument(1) != lowest_level) {
        return INVALID_PARAMETERS;
    }
    switch (vm.lifecycle().state(vcpu->id)) {
    case State::idle_dead:
    case State::claimed:
        return OFF;
    case State::on_pending:
        return TURNING_ON;
    case State::online:
    case State::teardown:
        return ON;
    case State::lost:
        break;
    }
    return DISABLED;
}

/// Type 0 is SYSTEM_WARM_RESET. Of the vendor-specific types (bit 31) one is Baton's.
CallStatus system_reset2(Vm& vm, const GuestCall& call) {
    constexpr u32 warm = 0;
    switch (static_cast<u32>(call.argument(0))) {
    case warm:
        vm.restart();
    case BATON_RESET_TYPE:
        break;
    default:
        return INVALID_PARAMETERS;
    }
    switch (vm.exec_when_free(call.argument(1))) {
    case Error::stale:
        return INVALID_PARAMETERS;
    default:
        return DENIED;
    }
}

} // namespace

CallStatus standard_call(Vm& vm, const GuestCall& call, GuestFrame& frame) {
    switch (call.function) {
    case PSCI_VERSION:
        return version_1_1;
    case CPU_SUSPEND_32:
    case CPU_SUSPEND_64:
        // A power-down would lose EL2: done as a standby, from which any wake-up may come early.
        arch::standby();
        return SUCCESS;
    case CPU_OFF:
        vm.follow(vm.lifecycle().cpu_off());
        return DENIED;
    case CPU_ON_32:
    case CPU_ON_64:
        return cpu_on(vm, call);
    case AFFINITY_INFO_32:
    case AFFINITY_INFO_64:
        return affinity_info(vm, call);
    case MIGRATE_INFO_TYPE:
        return no_trusted_os;
    case SYSTEM_OFF:
        vm.power_off();
    case SYSTEM_RESET:
        vm.restart();
    case PSCI_FEATURES:
        return features(static_cast<u32>(call.argument(0)));
    case SYSTEM_RESET2_32:
    case SYSTEM_RESET2_64:
        return system_reset2(vm, call);
    default:
        return firmware_call(vm, frame);
    }
}

} // namespace baton::arm64
