// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>

/// Calls to what runs above EL1 (Arm DEN0028).
namespace baton::guest {

enum class Conduit : u64 { hvc, smc };

struct CallResult {
    u64 x0, x1, x2, x3;
    /// How SMC32 and SMC64 functions give an error: a negative number.
    std::int64_t status() const { return static_cast<std::int32_t>(x0); }
};

/// By SMCCC 1.1 the callee keeps all registers but x0-x3.
inline CallResult call(Conduit conduit, u64 function, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0,
                       u64 a4 = 0, u64 a5 = 0) {
    register u64 x0 asm("x0") = function;
    register u64 x1 asm("x1") = a1;
    register u64 x2 asm("x2") = a2;
    register u64 x3 asm("x3") = a3;
    register u64 x4 asm("x4") = a4;
    register u64 x5 asm("x5") = a5;
    if (conduit == Conduit::hvc) {
        asm volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     : "r"(x4), "r"(x5)
                     : "memory");
    } else {
        asm volatile("smc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     : "r"(x4), "r"(x5)
                     : "memory");
    }
    return {x0, x1, x2, x3};
}

/// x0-x30 as they go into a call and as they come out.
using Registers = std::array<u64, 31>;
extern "C" void call_with_registers(Registers& registers, Conduit conduit);

inline constexpr u64 SMCCC_VERSION = 0x8000'0000;
inline constexpr u64 SMCCC_ARCH_FEATURES = 0x8000'0001;
inline constexpr std::int64_t NOT_SUPPORTED = -1;

} // namespace baton::guest
