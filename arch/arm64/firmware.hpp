// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/calls/smccc_registers.hpp"
#include "arch/arm64/cpu/affinity.hpp"
#include "hyp/address.hpp"
#include "hyp/types.hpp"

/// The firmware below Baton, called by SMC (SMCCC, Arm DEN0028; PSCI, Arm DEN0022).
namespace baton::arm64::firmware {

inline constexpr u32 CPU_OFF = 0x8400'0002;

/// PSCI return values (DEN0022 5.2.2).
enum class PsciStatus : i64 {
    success = 0,
    not_supported = -1,
    invalid_parameters = -2,
    denied = -3,
    already_on = -4,
    on_pending = -5,
    internal_failure = -6,
    not_present = -7,
    disabled = -8,
    invalid_address = -9,
};

/// The machine's description tells of PSCI by SMC. Before that, and without it, nothing is called:
/// where there is no EL3 nobody would answer, or the call is UNDEFINED.
void found();

/// One SMC with up to three arguments; x4 to x17 may be clobbered (SMCCC 1.0). Without a firmware
/// that takes one the answer is SMCCC's NOT_SUPPORTED, -1.
i64 call(u32 function, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0);

/// One SMC with all registers that a call may have, and its answer in them (SMCCC 1.2).
void call(SmcccRegisters& registers);

/// PSCI_VERSION: major in bits 31:16, minor in 15:0; negative if there is no PSCI.
i64 psci_version();

/// CPU_ON: `entry` is entered at EL2 with the MMU off and x0 = `context`.
PsciStatus cpu_on(Mpidr cpu, PhysAddr entry, u64 context);

/// AFFINITY_INFO of the CPU itself (level 0): true if it is off.
bool is_off(Mpidr cpu);

/// MIGRATE_INFO_TYPE: 0 and 1 a Trusted OS lives on one CPU, else there is none that needs care.
i64 migrate_info_type();

/// Where the firmware does not do it this CPU halts.
[[noreturn]] void system_off();
[[noreturn]] void system_reset();

} // namespace baton::arm64::firmware
