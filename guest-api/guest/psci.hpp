// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/platform.hpp"

/// PSCI 1.1 (Arm DEN0022), by the conduit of the DTB's /psci.
namespace baton::guest::psci {

enum class Status : std::int64_t {
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

enum class Affinity : std::int64_t { on = 0, off = 1, on_pending = 2 };

/// Function identifiers: SMC64 where there is such a form.
enum class Function : u64 {
    version = 0x8400'0000,
    cpu_suspend = 0xc400'0001,
    cpu_off = 0x8400'0002,
    cpu_on = 0xc400'0003,
    affinity_info = 0xc400'0004,
    migrate = 0xc400'0005,
    migrate_info_type = 0x8400'0006,
    migrate_info_up_cpu = 0xc400'0007,
    system_off = 0x8400'0008,
    system_reset = 0x8400'0009,
    features = 0x8400'000a,
    system_reset2 = 0xc400'0012,
};

inline std::int64_t call(Function function, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0) {
    return guest::call(platform().conduit, static_cast<u64>(function), a1, a2, a3).status();
}

inline Status cpu_on(u64 mpidr, u64 entry, u64 context) {
    return Status{call(Function::cpu_on, mpidr, entry, context)};
}
/// Comes back only if it was refused.
inline Status cpu_off() { return Status{call(Function::cpu_off)}; }
inline Affinity affinity_info(u64 mpidr, u64 level = 0) {
    return Affinity{call(Function::affinity_info, mpidr, level)};
}
inline void system_off() { (void)call(Function::system_off); }
inline Status system_reset() { return Status{call(Function::system_reset)}; }

} // namespace baton::guest::psci
