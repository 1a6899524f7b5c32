// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guests/cluster.hpp"

#include "arch/arm64/dsu/registers.hpp"
#include "guest-api/guest/fdt.hpp"

namespace baton::guest {

namespace {

using namespace arm64::dsu;

constexpr u64 all = 0xffff'ffff;
constexpr u64 cycles = 0x11;

template <class Register>
void require_zero(std::string_view name) {
    const u64 found = read_raw<Register>();
    require("a cluster's register is as after a cold boot", found == 0, "CPU {}: {} = {x}",
            this_cpu().index, name, found);
}

} // namespace

std::optional<u32> cluster_line(u32 cluster) {
    std::array<char, 32> path{}; // a NUL follows what is written
    format(std::span{path}.first(path.size() - 1), "/dsu-pmu-{}", cluster);
    const auto node = Node::at_path(path.data());
    return node ? node->interrupt() : std::nullopt;
}

void leave_cluster() {
    if (!cluster_line(cluster_of(this_cpu()))) {
        return;
    }
    const u32 counters = CLUSTERPMCR_EL1::counters(read<CLUSTERPMCR_EL1>());
    for (u32 n = 0; n < counters; n++) {
        write_raw<CLUSTERPMSELR_EL1>(n);
        isb();
        write_raw<CLUSTERPMXEVTYPER_EL1>(cycles);
        write_raw<CLUSTERPMXEVCNTR_EL1>(all - n);
    }
    write_raw<CLUSTERPMCCNTR_EL1>(1);
    write_raw<CLUSTERPMCNTENSET_EL1>(all);
    write_raw<CLUSTERPMINTENSET_EL1>(all);
    write_raw<CLUSTERPMOVSSET_EL1>(all);
    write(CLUSTERPMCR_EL1::E);
    isb();
}

void examine_cluster() {
    if (!cluster_line(cluster_of(this_cpu()))) {
        return;
    }
    const auto control = read<CLUSTERPMCR_EL1>();
    require("a cluster's counters are off at entry", !control.has(CLUSTERPMCR_EL1::E),
            "CPU {}: {x}", this_cpu().index, control.value);
    require_zero<CLUSTERPMCNTENSET_EL1>("CLUSTERPMCNTENSET_EL1");
    require_zero<CLUSTERPMINTENSET_EL1>("CLUSTERPMINTENSET_EL1");
    require_zero<CLUSTERPMOVSSET_EL1>("CLUSTERPMOVSSET_EL1");
    require_zero<CLUSTERPMSELR_EL1>("CLUSTERPMSELR_EL1");
    require_zero<CLUSTERPMCCNTR_EL1>("CLUSTERPMCCNTR_EL1");
    for (u32 n = 0; n < CLUSTERPMCR_EL1::counters(control); n++) {
        write_raw<CLUSTERPMSELR_EL1>(n);
        isb();
        require_zero<CLUSTERPMXEVTYPER_EL1>("CLUSTERPMXEVTYPER_EL1");
        require_zero<CLUSTERPMXEVCNTR_EL1>("CLUSTERPMXEVCNTR_EL1");
    }
    write_raw<CLUSTERPMSELR_EL1>(0);
}

void examine_clusters() {
    const Cpu& self = this_cpu();
    examine_cluster();
    u32 examined = cluster_of(self);
    for (Cpu& cpu : aps_online()) {
        const u32 cluster = cluster_of(cpu);
        if (cluster != cluster_of(self) && cluster != examined) {
            examined = cluster;
            run_on(cpu, "a cluster is examined", [] { examine_cluster(); });
        }
    }
}

} // namespace baton::guest
