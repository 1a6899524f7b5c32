// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/lifecycle/lifecycle.hpp"

namespace baton {

std::optional<Report> Lifecycle::report() const {
    const u64 handover = gate_.load().epoch;
    if (!phases_.entered.has_come()) {
        return std::nullopt;
    }
    Report report{.handover = handover,
                  .serial = serial_,
                  .fallback = fallback_,
                  .cpus = phases_.cpus.load(std::memory_order_relaxed),
                  .boot_cpu = boot_cpu(),
                  .drain = phases_.gathered.ticks() - phases_.exec.ticks(),
                  .gather = phases_.switched.ticks() - phases_.gathered.ticks(),
                  .take_down = phases_.taken_down.ticks() - phases_.switched.ticks(),
                  .enter = phases_.entered.ticks() - phases_.taken_down.ticks()};

    for (const Vcpu& cpu : vcpus_) {
        if (lost_in(cpu.id, handover)) {
            report.lost++;
        } else if (cpu.trace.epoch.load(std::memory_order_acquire) == handover) {
            add(report, cpu);
        }
    }

    // A stamp of a later handover that was read above brings its epoch along (Stamp::set).
    std::atomic_thread_fence(std::memory_order_acquire);
    if (gate_.load().epoch != handover) {
        return std::nullopt;
    }
    return report;
}

/// Adds what one CPU did.
void Lifecycle::add(Report& report, const Vcpu& cpu) const {
    if (cpu.id != report.boot_cpu && !cpu.trace.dead.has_come()) {
        report.unfinished++;
    }
    for (usize row = 0; row < steps_.size(); row++) {
        const Ticks begin = cpu.trace.steps[row].begin.ticks();
        const Ticks end = cpu.trace.steps[row].end.ticks();
        if (end != Ticks{} && end - begin >= report.slowest) {
            report.slowest = end - begin;
            report.slowest_cpu = cpu.id;
            report.slowest_step = &steps_[row];
        }
    }
}

} // namespace baton
