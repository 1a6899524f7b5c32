// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/lifecycle/lifecycle.hpp"

#include "hyp/arch.hpp"

namespace baton {
namespace {

/// An AP waits no longer for its boot CPU than this and all deadlines of the walk together.
constexpr u64 boot_timeout_ms = 10'000;
/// What no kick announces is rare and short: a CPU that is still on its way down.
constexpr u64 poll_us = 50;

} // namespace

Lifecycle::Lifecycle(std::span<const Step> steps, std::span<Vcpu> vcpus,
                     std::optional<VcpuId> first, Config config)
    : steps_{steps}, vcpus_{vcpus}, fallback_{config.serial ? nullptr : first_unsafe(steps)},
      serial_{config.serial || fallback_ != nullptr},
      deadline_{arch::frequency() * config.deadline_ms / 1000},
      boot_timeout_{arch::frequency() * boot_timeout_ms / 1000 + deadline_ * vcpus.size()},
      poll_{arch::frequency() * poll_us / 1'000'000}, gate_{first ? u16{1} : u16{0}} {
    if (first) {
        // Relaxed: no other CPU knows of the engine yet.
        vcpus_[index(*first)].standing.store({.epoch = 0, .state = State::online},
                                             std::memory_order_relaxed);
    }
}

std::optional<VcpuId> Lifecycle::straggler() const {
    const u64 epoch = gate_.load().epoch;
    for (const Vcpu& cpu : vcpus_) {
        const Standing standing =
            cpu.standing.load(std::memory_order_acquire); // its steps are done
        if (is_straggler(epoch, standing)) {
            return cpu.id;
        }
    }
    return std::nullopt;
}

Result<std::span<const VcpuId>> Lifecycle::quiesce(const Lifecycle* of_caller) {
    const u64 epoch = gate_.load().epoch;
    stragglers_lost_.clear();
    bool wanted = false;
    const auto is_wanted = [&] {
        const Gate::Value gate = gate_.load();
        return gate.handover || gate.epoch != epoch ||
               (of_caller != nullptr && of_caller->handover_wanted());
    };
    const auto quiesced = [&] { return (wanted = is_wanted()) || !straggler(); };
    if (!wait_until(quiesced, in(deadline_), poll_)) {
        for (Vcpu& cpu : vcpus_) {
            lose_straggler(cpu, epoch);
        }
    }
    if (wanted) {
        return std::unexpected{Error::busy};
    }
    return std::span<const VcpuId>{stragglers_lost_.data(), stragglers_lost_.size()};
}

/// The quiescing CPU's half of a race; `become_idle_dead` or `become_teardown` is the other's. A
/// CPU that is leaving the kernel of `epoch`, by CPU_OFF or in a handover that has begun meanwhile,
/// is none of its business.
void Lifecycle::lose_straggler(Vcpu& cpu, u64 epoch) {
    // Acquire, here and below: one that has made it after all has done its steps.
    Standing seen = cpu.standing.load(std::memory_order_acquire);
    while (is_straggler(epoch, seen)) {
        if (cpu.standing.compare_exchange_weak(seen, {.epoch = seen.epoch, .state = State::lost},
                                               std::memory_order_acquire)) {
            cpu.lost_in.store(epoch, std::memory_order_relaxed); // for reports only
            static_cast<void>(stragglers_lost_.push(cpu.id));    // it has room for every CPU
            return;
        }
    }
}

} // namespace baton
