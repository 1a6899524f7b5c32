// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/firmware.hpp"

#include "arch/arm64/cpu/barrier.hpp"

namespace baton::arm64::firmware {
namespace {

enum Function : u32 {
    PSCI_VERSION = 0x8400'0000,
    SYSTEM_OFF = 0x8400'0008,
    SYSTEM_RESET = 0x8400'0009,
    CPU_ON = 0xc400'0003,
    AFFINITY_INFO = 0xc400'0004,
    MIGRATE_INFO_TYPE = 0x8400'0006,
};

constinit bool is_there = false; ///< set once, before other CPUs run

/// What a function that nobody knows gets (DEN0028 5.2).
constexpr i64 NOT_SUPPORTED = -1;

} // namespace

void found() { is_there = true; }

i64 call(u32 function, u64 a1, u64 a2, u64 a3) {
    if (!is_there) {
        return NOT_SUPPORTED;
    }
    register u64 x0 asm("x0") = function;
    register u64 x1 asm("x1") = a1;
    register u64 x2 asm("x2") = a2;
    register u64 x3 asm("x3") = a3;
    asm volatile("smc #0"
                 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                 :
                 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                   "x16", "x17", "memory");
    return static_cast<i64>(x0);
}

void call(SmcccRegisters& registers) {
    if (!is_there) {
        registers[0] = static_cast<u64>(NOT_SUPPORTED);
        return;
    }
    asm volatile("ldp x0, x1, [%0]\n"
                 "ldp x2, x3, [%0, #16]\n"
                 "ldp x4, x5, [%0, #32]\n"
                 "ldp x6, x7, [%0, #48]\n"
                 "ldp x8, x9, [%0, #64]\n"
                 "ldp x10, x11, [%0, #80]\n"
                 "ldp x12, x13, [%0, #96]\n"
                 "ldp x14, x15, [%0, #112]\n"
                 "ldp x16, x17, [%0, #128]\n"
                 "smc #0\n"
                 "stp x0, x1, [%0]\n"
                 "stp x2, x3, [%0, #16]\n"
                 "stp x4, x5, [%0, #32]\n"
                 "stp x6, x7, [%0, #48]\n"
                 "stp x8, x9, [%0, #64]\n"
                 "stp x10, x11, [%0, #80]\n"
                 "stp x12, x13, [%0, #96]\n"
                 "stp x14, x15, [%0, #112]\n"
                 "stp x16, x17, [%0, #128]\n"
                 :
                 : "r"(registers.data())
                 : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
                   "x13", "x14", "x15", "x16", "x17", "memory");
}

i64 psci_version() { return static_cast<i32>(call(PSCI_VERSION)); }

PsciStatus cpu_on(Mpidr cpu, PhysAddr entry, u64 context) {
    return static_cast<PsciStatus>(static_cast<i32>(call(CPU_ON, bits(cpu), entry.value, context)));
}

bool is_off(Mpidr cpu) {
    constexpr i32 OFF = 1;
    return static_cast<i32>(call(AFFINITY_INFO, bits(cpu), 0)) == OFF;
}

i64 migrate_info_type() { return static_cast<i32>(call(MIGRATE_INFO_TYPE)); }

void system_off() {
    call(SYSTEM_OFF);
    for (;;) {
        wfi();
    }
}

void system_reset() {
    call(SYSTEM_RESET);
    for (;;) {
        wfi();
    }
}

} // namespace baton::arm64::firmware
