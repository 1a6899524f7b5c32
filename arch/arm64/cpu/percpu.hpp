// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/asm_offsets.hpp"
#include "arch/arm64/cpu/affinity.hpp"
#include "arch/arm64/cpu/entry_state.hpp"
#include "arch/arm64/cpu/registers.hpp"
#include "arch/arm64/dsu/unit.hpp"
#include "arch/arm64/exits/guest_frame.hpp"
#include "arch/arm64/mmu/stage1.hpp"
#include "arch/arm64/vgic/vgic.hpp"
#include "hyp/lifecycle/vcpu.hpp"
#include "hyp/types.hpp"

#include <atomic>
#include <cstddef>

namespace baton {
struct VmArch;
}

namespace baton::arm64 {

inline constexpr u64 stack_size = 16 * KiB;
inline constexpr u64 emergency_stack_size = 8 * KiB;

/// What belongs to one physical CPU and the vCPU pinned to it. TPIDR_EL2 points to it. Others
/// write only to what is atomic.
struct alignas(64) PerCpu {
    // Assembly knows these by their offsets.
    u64 stack_top = 0;
    u64 emergency_stack_top = 0;
    El2Translation translation{};
    El2Controls el2_controls{};

    CpuId id{};
    Vcpu* vcpu = nullptr; ///< that is pinned to it
    VmArch* vm = nullptr; ///< of the VM that this is of
    Mpidr mpidr{};
    std::atomic<bool> running{false}; ///< it came up
    /// The last handover since which its redistributor has held nothing of an older kernel.
    u64 clean_since = 0;
    /// A kick was taken, and what it was sent for may not have been looked for yet.
    bool kicked = false;
    /// Of the stage-2 root in its VTTBR_EL2: what another CPU may not build anew.
    std::atomic<u8> vmid{0};
    u64 denied_accesses = 0; ///< of the guest, answered with an external abort

    ClusterSeat cluster;
    EntryState entry_state;
    VgicCpu vgic;

    GuestFrame* guest_frame() const {
        return reinterpret_cast<GuestFrame*>(stack_top - sizeof(GuestFrame));
    }
};
static_assert(offsetof(PerCpu, stack_top) == PERCPU_STACK_TOP);
static_assert(offsetof(PerCpu, emergency_stack_top) == PERCPU_EMERGENCY_STACK_TOP);
static_assert(offsetof(PerCpu, translation) == PERCPU_TRANSLATION);
static_assert(offsetof(PerCpu, el2_controls) == PERCPU_EL2_CONTROLS);
static_assert(offsetof(El2Translation, mair) == 0 && offsetof(El2Translation, tcr) == 8);
static_assert(offsetof(El2Translation, ttbr0) == 16 && offsetof(El2Translation, sctlr) == 24);

inline PerCpu& this_cpu() { return *reinterpret_cast<PerCpu*>(read_raw<TPIDR_EL2>()); }

/// For messages: also before this CPU has a PerCpu.
inline u32 this_cpu_number() {
    const u64 percpu = read_raw<TPIDR_EL2>();
    return percpu == 0 ? 0 : index(reinterpret_cast<const PerCpu*>(percpu)->id);
}

} // namespace baton::arm64
