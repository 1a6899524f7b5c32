// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <algorithm>
#include <array>

/// Whom a call of a guest belongs to that Baton does not answer itself: the firmware at EL3 gets
/// it, or nobody does, each with its reason (SMCCC 1.5, Arm DEN0028 6).
namespace baton::arm64 {

enum class CallRule {
    refuse,      ///< NOT_SUPPORTED
    refuse_ffa,  ///< as FF-A says it, where the firmware has FF-A: FFA_ERROR with NOT_SUPPORTED
    forward,     ///< of the host VM alone: what it does, it does to the machine
    stateless,   ///< of every VM: it leaves nothing behind
    map_buffers, ///< of the host VM, if they are its own memory; undone in a handover
};

struct CallRange {
    u32 first; ///< of the function's number: bits 15 to 0
    u32 last;
    CallRule rule;
    const char* why;
};

/// DEN0028 6, table 6-1: bits 29 to 24 of a function.
enum class CallOwner : u32 {
    arch = 0,
    cpu = 1,
    silicon = 2,
    oem = 3,
    standard = 4,
    hypervisor = 6,
};
constexpr CallOwner owner_of(u32 function) { return CallOwner{function >> 24 & 0x3f}; }

/// Fast: it is not interrupted, and comes back once.
constexpr bool is_fast(u32 function) { return function >> 31 != 0; }

/// Standard secure services; what no row names is refused. FF-A: DEN0077A, SDEI: DEN0054, MM:
/// DEN0060, TRNG: DEN0098, errata: DEN0100, DRTM: DEN0113, RME: DEN0137, LFA: DEN0147.
inline constexpr std::array standard_calls{
    CallRange{0x00, 0x1f, CallRule::refuse, "PSCI is Baton's"},
    CallRange{0x20, 0x3f, CallRule::refuse,
              "SDEI enters its handlers at EL2, at an address of the caller's"},
    CallRange{0x40, 0x4f, CallRule::forward,
              "MM: UEFI's variables; its buffer is the firmware's own"},
    CallRange{0x50, 0x5f, CallRule::stateless, "TRNG: entropy"},
    CallRange{0x60, 0x62, CallRule::refuse, "FF-A's answers are no calls"},
    CallRange{0x63, 0x65, CallRule::forward, "FFA_VERSION, FEATURES, RX_RELEASE"},
    CallRange{0x66, 0x66, CallRule::map_buffers, "FFA_RXTX_MAP"},
    CallRange{0x67, 0x69, CallRule::forward, "FFA_RXTX_UNMAP, PARTITION_INFO_GET, ID_GET"},
    CallRange{0x6a, 0x6c, CallRule::refuse_ffa, "a guest is no partition that waits for messages"},
    CallRange{0x6d, 0x6d, CallRule::forward, "FFA_RUN goes on with an interrupted request"},
    CallRange{0x6e, 0x6e, CallRule::refuse_ffa, "indirect messages are deprecated"},
    CallRange{0x6f, 0x6f, CallRule::forward, "FFA_MSG_SEND_DIRECT_REQ: registers alone"},
    CallRange{0x70, 0x8a, CallRule::refuse_ffa,
              "memory is shared by a list that the guest can change while it is read: it would "
              "reach Baton's; notifications would outlive the kernel that asked for them"},
    CallRange{0x8b, 0x8b, CallRule::forward, "FFA_PARTITION_INFO_GET_REGS"},
    CallRange{0x8c, 0x8c, CallRule::refuse_ffa, "FFA_EL3_INTR_HANDLE is between EL3 and EL2"},
    CallRange{0x8d, 0x8d, CallRule::forward, "FFA_MSG_SEND_DIRECT_REQ2: registers alone"},
    CallRange{0x8e, 0xef, CallRule::refuse_ffa, "no use is known that needs no shared memory"},
    CallRange{0xf0, 0xf2, CallRule::stateless, "errata: what the firmware works around"},
    CallRange{0x110, 0x11f, CallRule::refuse, "DRTM starts the machine anew, without Baton"},
    CallRange{0x150, 0x1cf, CallRule::refuse, "realms take memory from the machine for good"},
    CallRange{0x2e0, 0x2ef, CallRule::refuse, "a firmware is not exchanged under a hypervisor"},
};

/// What becomes of a call that Baton has no answer to.
constexpr CallRule rule_of(u32 function) {
    if (!is_fast(function)) {
        return CallRule::refuse; // A trusted OS keeps threads and memory of the kernel that asks.
    }
    switch (owner_of(function)) {
    case CallOwner::silicon: // Kernels of SoCs do not run without: clocks, power, SCMI, fuses.
    case CallOwner::oem:
        return CallRule::forward;
    case CallOwner::standard: {
        const u32 number = function & 0xffff;
        const auto* const row = std::ranges::find_if(standard_calls, [&](const CallRange& range) {
            return number >= range.first && number <= range.last;
        });
        return row == standard_calls.end() ? CallRule::refuse : row->rule;
    }
    case CallOwner::arch: // Baton answers those that there are.
    case CallOwner::cpu:  // They change the CPU under Baton.
    case CallOwner::hypervisor:
        break;
    }
    // Trusted applications and OSs keep memory that was registered with them over a handover, and
    // no call takes all of it back.
    return CallRule::refuse;
}

/// Ascending, without overlap.
consteval bool is_well_formed() {
    return std::ranges::adjacent_find(standard_calls,
                                      [](const CallRange& a, const CallRange& b) {
                                          return a.last >= b.first;
                                      }) == standard_calls.end() &&
           std::ranges::all_of(standard_calls,
                               [](const CallRange& row) { return row.first <= row.last; });
}
static_assert(is_well_formed());

} // namespace baton::arm64
