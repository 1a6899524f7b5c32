// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/lifecycle/trace.hpp"

#include <initializer_list>

namespace baton {

void VcpuTrace::start(u64 handover, Ticks at, usize rows) {
    epoch.store(0, std::memory_order_relaxed); // no stamp below belongs to the old handover
    arrived.clear();
    dead.clear();
    for (usize row = 0; row < rows; row++) {
        steps[row].begin.clear();
        steps[row].end.clear();
    }
    joined.set(at);
    epoch.store(handover, std::memory_order_release); // now they belong to this one
}

void PhaseTrace::start(VcpuId boot, u32 count, Ticks at) {
    for (Stamp* stamp : {&kicked, &gathered, &switched, &taken_down, &entered}) {
        stamp->clear();
    }
    exec.set(at);
    boot_cpu.store(index(boot), std::memory_order_relaxed); // the first command publishes it to APs
    cpus.store(count, std::memory_order_relaxed);
}

} // namespace baton
