// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/calls/smccc_registers.hpp"
#include "hyp/address.hpp"
#include "hyp/types.hpp"

#include <atomic>

/// The one thing that a forwarded call leaves behind in the firmware: the message buffers of a VM,
/// which the firmware writes to (FF-A 1.2, Arm DEN0077A 7.2).
namespace baton::arm64 {

namespace ffa {
inline constexpr u32 ERROR = 0x8400'0060;
inline constexpr u32 SUCCESS_32 = 0x8400'0061;
inline constexpr u32 RXTX_UNMAP = 0x8400'0067;
inline constexpr u32 ID_GET = 0x8400'0069;
inline constexpr i32 NOT_SUPPORTED = -1;
inline constexpr i32 INVALID_PARAMETERS = -2;

/// Into a call's registers, the answer that it failed.
inline void fail(SmcccRegisters& registers, i32 why) {
    registers = {ERROR, 0, static_cast<u32>(why)};
}
} // namespace ffa

class FirmwareBuffers {
  public:
    /// FFA_RXTX_MAP: forwards it if both buffers are the VM's memory, and answers it else.
    /// @param smc carries a call out: void(SmcccRegisters&)
    /// @param is_memory of the VM: bool(GuestAddr)
    void map(SmcccRegisters& registers, auto smc, auto is_memory) {
        constexpr u64 counts_pages = 0x3f; // of 4 KiB
        const u64 mask = argument_mask(static_cast<u32>(registers[0]));
        const u64 pages = registers[3] & counts_pages;
        for (const u64 buffer : {registers[1] & mask, registers[2] & mask}) {
            for (u64 page = 0; page < pages; page++) {
                const GuestAddr address{buffer + page * page_size};
                if (!address.is_aligned(page_size) || !is_memory(address)) {
                    return ffa::fail(registers, ffa::INVALID_PARAMETERS);
                }
            }
        }
        // Before the call: it may be the last that this CPU does.
        may_be_mapped_.store(true, std::memory_order_relaxed);
        smc(registers);
    }

    /// In the gathering: every vCPU that called is out of the firmware.
    /// @return false: the firmware keeps them
    bool unmap(auto smc) {
        if (!may_be_mapped_.load(std::memory_order_relaxed)) {
            return true;
        }
        SmcccRegisters registers{ffa::RXTX_UNMAP};
        smc(registers);
        const bool gone =
            static_cast<u32>(registers[0]) == ffa::SUCCESS_32 ||
            static_cast<i32>(registers[2]) == ffa::INVALID_PARAMETERS; // there are none
        may_be_mapped_.store(!gone, std::memory_order_relaxed);
        return gone;
    }

  private:
    std::atomic<bool> may_be_mapped_ = false;
};

} // namespace baton::arm64
