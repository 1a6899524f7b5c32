// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton::arm64 {

namespace {

CpuInfo* cpu_of(Platform& platform, u64 phandle) {
    for (CpuInfo& cpu : platform.cpus) {
        if (cpu.phandle == phandle) {
            return &cpu;
        }
    }
    return nullptr;
}

} // namespace

/// Binding arm,dsu-pmu: `cpus` names the cores of one DSU. Those that Baton does not use are passed
/// over, as the driver does.
void parse_dsu(FdtNode node, Platform& platform) {
    if (platform.cluster_count == Platform::max_clusters) {
        note(platform, "more than 128 DSUs: a handover does not stop the counters of the others");
        return;
    }
    bool has_cpus = false;
    CellReader reader{node.get("cpus").value_or(Bytes{})};
    while (const auto phandle = reader.take(1)) {
        CpuInfo* const cpu = cpu_of(platform, *phandle);
        if (cpu != nullptr && !cpu->cluster) {
            cpu->cluster = platform.cluster_count;
            has_cpus = true;
        }
    }
    platform.cluster_count += has_cpus ? 1 : 0;
}

} // namespace baton::arm64
