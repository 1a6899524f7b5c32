// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/lifecycle/state.hpp"
#include "hyp/lifecycle/trace.hpp"
#include "hyp/types.hpp"

#include <atomic>

namespace baton {

class Vm;

/// Where a vCPU begins to run its guest.
struct Start {
    GuestAddr entry;
    u64 argument = 0;
};

/// A CPU of a VM, pinned to a physical one for good. In cache lines of its own: others touch it
/// only to start it, to look at its state, or in the serial walk.
struct alignas(128) Vcpu {
    VcpuId id{};
    CpuId cpu{};      ///< that it is pinned to
    Vm* vm = nullptr; ///< that it is of

    std::atomic<Standing> standing{{.epoch = 0, .state = State::idle_dead}};
    /// Where it was started. Whoever claimed the vCPU may write it, then the vCPU itself.
    Start start{};
    std::atomic<u64> commanded{0};   ///< serial walk: the last command to this AP
    std::atomic<u64> lost_in{0};     ///< the handover that lost it; 0: none
    std::atomic<bool> writes{false}; ///< Lifecycle::begin_write
    VcpuTrace trace;
};

} // namespace baton
