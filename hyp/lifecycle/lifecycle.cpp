// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/lifecycle/lifecycle.hpp"

namespace baton {
namespace {

/// An AP gives up on its boot CPU after this and all deadlines of the walk together.
constexpr u64 patience_ms = 10'000;
/// What no kick announces is rare and short: a CPU that is still on its way down.
constexpr u64 poll_us = 50;

} // namespace

Lifecycle::Lifecycle(Machine& machine, std::span<const Step> steps, std::span<Cpu> cpus,
                     CpuId first, Config config)
    : machine_{machine}, steps_{steps}, cpus_{cpus},
      fallback_{config.serial ? nullptr : first_unsafe(steps)},
      serial_{config.serial || fallback_ != nullptr},
      deadline_{machine.frequency() * config.deadline_ms / 1000},
      patience_{machine.frequency() * patience_ms / 1000 + deadline_ * cpus.size()},
      poll_{machine.frequency() * poll_us / 1'000'000} {
    // Relaxed: no other CPU knows of the engine yet.
    cpus_[index(first)].state.store(State::online, std::memory_order_relaxed);
}

std::optional<CpuId> Lifecycle::unsettled() const {
    for (const Cpu& cpu : cpus_) {
        if (state(id(cpu)) == State::teardown) {
            return id(cpu);
        }
    }
    return std::nullopt;
}

Result<> Lifecycle::settle() {
    bool wanted = false;
    const auto settled = [&] { return (wanted = handover_wanted()) || !unsettled(); };
    if (!wait_until(settled, in(deadline_), poll_)) {
        return std::unexpected{Error::timed_out};
    }
    if (wanted) {
        return std::unexpected{Error::busy};
    }
    return {};
}

} // namespace baton
