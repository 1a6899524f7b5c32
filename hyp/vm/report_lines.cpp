// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/vm/report_lines.hpp"

#include "hyp/arch.hpp"
#include "hyp/log/log.hpp"

namespace baton {

void log_report(const Vm& vm, const Report& report) {
    const Lifecycle& lifecycle = vm.lifecycle();
    const auto tenths_of_us = [](Ticks ticks) { return ticks * 10'000'000 / arch::frequency(); };
    log::line("{}handover {}: {}, {} CPUs, {} lost, blackout {1} us "
              "(drain {1} gather {1} takedown {1} enter {1})",
              vm.prefix(), report.handover, report.serial ? "serial" : "parallel", report.cpus,
              report.lost, tenths_of_us(report.blackout()), tenths_of_us(report.drain),
              tenths_of_us(report.gather), tenths_of_us(report.take_down),
              tenths_of_us(report.enter));
    if (report.fallback != nullptr) {
        log::line("{}handover {}: serial because step {} is not parallel-safe", vm.prefix(),
                  report.handover, report.fallback->name);
    }
    if (report.slowest_step != nullptr) {
        log::line("{}handover {}: slowest CPU {}, step {}, {1} us", vm.prefix(), report.handover,
                  report.slowest_cpu, report.slowest_step->name, tenths_of_us(report.slowest));
    }
    for (u32 i = 0; report.lost != 0 && i < lifecycle.cpu_count(); i++) {
        if (const VcpuId cpu{i}; lifecycle.lost_in(cpu, report.handover)) {
            log::line("{}handover {}: lost CPU {} (deadline {} ms)", vm.prefix(), report.handover,
                      cpu, lifecycle.deadline_ms());
        }
    }
}

} // namespace baton
