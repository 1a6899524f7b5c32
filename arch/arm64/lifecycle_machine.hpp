// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/lifecycle/machine.hpp"

namespace baton::arm64 {

/// The lifecycle engine's machine: this CPU, the counter, kicks by SGI, sleep in WFI.
class LifecycleMachine final : public Machine {
  public:
    CpuId self() const override;
    u64 now() const override;
    u64 frequency() const override;
    void kick_all_others() override;
    void kick(CpuId cpu) override;
    void wait(u64 deadline) override;
    void fence_lost(std::span<const CpuId> lost) override;
    [[noreturn]] void abandoned_by(CpuId boot_cpu) override;
};

} // namespace baton::arm64
