// SPDX-License-Identifier: BSD-2-Clause
//
// The counters of the DSUs that `baton.dsu=model` makes up: each cluster has its own, all of its
// CPUs see the same, they count and interrupt, survive as long as one CPU of the cluster is on, and
// are gone when none is. Without DSUs in the DTB the registers are not there.

#include "arch/arm64/dsu/registers.hpp"
#include "guest-api/guest/gic.hpp"
#include "tests/guests/cluster.hpp"

namespace baton::guest {

namespace {

using namespace arm64::dsu;

constexpr u64 cycles = 0x11;

std::atomic<u32> overflows;

template <class... Each>
u32 refused(RegisterList<Each...>) {
    return (u32{fault_of([] { (void)read_raw<Each>(); }).exception_class() == ec_unknown} + ...);
}

/// Power and the like: the firmware's.
struct CLUSTERPWRDN_EL1 : SystemRegister<CLUSTERPWRDN_EL1, 3, 0, 15, 3, 6> {};
struct CLUSTERPMMDCR_EL1 : SystemRegister<CLUSTERPMMDCR_EL1, 3, 0, 15, 6, 3> {};

template <class Register>
bool is_refused() {
    const Fault read = fault_of([] { (void)read_raw<Register>(); });
    const Fault written = fault_of([] { write_raw<Register>(1); });
    return read.taken && written.taken;
}

void own_registers() {
    constexpr u64 mark = 0x10'0000;
    run_on_all("every CPU writes", [&] {
        if (this_cpu().index % cpus_of_cluster == 0) {
            write_raw<CLUSTERPMCCNTR_EL1>(mark * (1 + cluster_of(this_cpu())));
        }
    });
    std::atomic<u32> wrong;
    run_on_all("every CPU reads", [&] {
        wrong += read_raw<CLUSTERPMCCNTR_EL1>() != mark * (1 + cluster_of(this_cpu()));
    });
    check("each cluster has counters of its own, and all of its CPUs see them", wrong == 0,
          "{} CPUs do not", wrong.load());
}

void counting() {
    write_raw<CLUSTERPMSELR_EL1>(2);
    write_raw<CLUSTERPMXEVTYPER_EL1>(cycles);
    write_raw<CLUSTERPMXEVCNTR_EL1>(0);
    write_raw<CLUSTERPMCCNTR_EL1>(0);
    write_raw<CLUSTERPMCNTENSET_EL1>(cycle_counter | 1 << 2);
    const u64 before = now();
    write(CLUSTERPMCR_EL1::E);
    pause_for(2);
    const u64 counted = read_raw<CLUSTERPMCCNTR_EL1>(), events = read_raw<CLUSTERPMXEVCNTR_EL1>();
    const u64 passed = now() - before;
    check("cycles and events are counted", counted > 0 && events >= counted && events <= passed,
          "{} and {} in {} ticks", counted, events, passed);
    write_raw<CLUSTERPMCR_EL1>(0);
    const u64 stopped = read_raw<CLUSTERPMCCNTR_EL1>();
    pause_for(2);
    check("and no more when the unit is off", read_raw<CLUSTERPMCCNTR_EL1>() == stopped);
}

/// An overflow is seen when somebody looks: the loop does.
void overflow(u32 intid) {
    gic::set_edge(intid, true);
    gic::set_handler(intid, [](u32) {
        write_raw<CLUSTERPMOVSCLR_EL1>(read_raw<CLUSTERPMOVSCLR_EL1>());
        overflows++;
    });
    gic::route(intid, this_cpu());
    gic::enable(intid);
    write_raw<CLUSTERPMXEVCNTR_EL1>(0xffff'0000);
    write_raw<CLUSTERPMINTENSET_EL1>(1 << 2);
    write(CLUSTERPMCR_EL1::E);
    const auto came = [] {
        (void)read_raw<CLUSTERPMXEVCNTR_EL1>();
        return overflows != 0;
    };
    check("an overflow interrupts", wait_until(patience(), came));
    pause_for(2);
    check("once", overflows == 1, "{} times", overflows.load());
    check("its flag is cleared", read_raw<CLUSTERPMOVSSET_EL1>() == 0);
    gic::disable(intid);
}

/// All CPUs of the second cluster go off, one after another.
void context_of_others() {
    Cpu& first = cpus()[cpus_of_cluster];
    Cpu& second = cpus()[cpus_of_cluster + 1];
    run_on(first, "counters are filled", [] { leave_cluster(); });
    for (Cpu& cpu : cpus().subspan(cpus_of_cluster)) {
        if (cluster_of(cpu) == 1 && &cpu != &second) {
            stop(cpu);
        }
    }
    u64 control = 0;
    run_on(second, "counters are read", [&] { control = read_raw<CLUSTERPMCR_EL1>(); });
    check("counters stay as they are while a CPU of the cluster is on", (control & 1) != 0);
    stop(second);
    start(first);
    check("a CPU comes back", wait_until(patience(), [&] { return first.online.load(); }));
    const u32 before = failures();
    run_on(first, "counters are examined", [] { examine_cluster(); });
    check("nothing is left of them when all had gone off", failures() == before);
}

} // namespace

void guest_main() {
    print("guest: dsu: {} CPUs\n", enabled_cpus());
    check("all CPUs start", start_all());
    check("power registers of a cluster are refused", is_refused<CLUSTERPWRDN_EL1>());
    check("so is a register that is EL3's", is_refused<CLUSTERPMMDCR_EL1>());
    const auto intid = cluster_line(0);
    if (!intid) {
        const u32 count = refused(Writable{}) + refused(ReadOnly{});
        check("without a DSU in the DTB its registers are not there", count == 13, "{} of 13",
              count);
        return;
    }
    const u32 clusters = (enabled_cpus() + cpus_of_cluster - 1) / cpus_of_cluster;
    check("every cluster has a node, and no more",
          cluster_line(clusters - 1) && !cluster_line(clusters));
    check("a read-only register cannot be written",
          fault_of([] { write_raw<CLUSTERPMCEID0_EL1>(0); }).taken);
    examine_clusters();
    check("all are as after a cold boot", failures() == 0);
    own_registers();
    counting();
    overflow(*intid);
    if (enabled_cpus() >= cpus_of_cluster + 2) {
        context_of_others();
    }
}

} // namespace baton::guest
